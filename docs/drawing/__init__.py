"""The programs that draw the pictures: SVG, each for a light and for a dark page, from figures that are committed.

`python -m docs.drawing` draws all of them into `docs/images/`.
"""

"""The programs that draw the pictures of these pages: SVG, each for a light and for a dark page, from committed figures.

`python -m docs.drawing` draws all of them into `docs/images/`.
"""

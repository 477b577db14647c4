"""Draw every picture: `python -m docs.drawing`."""

from docs.drawing.pictures import draw_all

if __name__ == "__main__":
    draw_all()

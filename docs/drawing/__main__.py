"""Draw every picture: `python -m docs.drawing`."""

from docs.drawing.pictures import draw_all

if __name__ == "__main__":
    for path in draw_all():
        print(path)

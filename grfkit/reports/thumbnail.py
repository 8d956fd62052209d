"""Make the small picture of a report for the index: one of its figures, read from the executed notebook."""

import base64
from io import BytesIO

import nbformat
from PIL import Image

from grfkit.reports.html import describe_images, title

SIZE = (560, 350)  # pixels, at the most: twice what a card shows, for fine screens
QUALITY = 55  # of WebP: some 10 kB a picture, its lines still sharp; our choice
TELLING = {
    "01_preprocess": -1,
    "09_agreement": 3,
}  # which figure tells most (all curves; the band), where it is not the first


def thumbnail(path):
    """Return {title, src, alt} of an executed notebook: its first heading, a figure as a data address, the figure's caption.

    `path` is None for a report that is not to be shown. What a notebook lacks, or what cannot be read, is None: an index
    is written whatever a report holds.
    """
    nothing = {"title": None, "src": None, "alt": None}
    if path is None:
        return nothing
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:  # missing, half a file, another format: the card does without
        return nothing
    describe_images(notebook)
    figures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    if not figures:
        return nothing | {"title": title(notebook)}
    wanted = TELLING.get(path.stem, 0)
    figure = figures[wanted if wanted < len(figures) else 0]
    try:
        return {
            "title": title(notebook),
            "src": shrink(base64.b64decode(figure["data"]["image/png"])),
            "alt": figure["metadata"]["alt"],
        }
    except (OSError, ValueError):  # no picture: OSError is what Pillow raises
        return nothing | {"title": title(notebook)}


def shrink(png):
    """Return a picture (bytes) as a data address of a small WebP on a white ground."""
    picture = Image.open(BytesIO(png)).convert("RGBA")
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    buffer = BytesIO()
    flat.save(buffer, "WEBP", quality=QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()

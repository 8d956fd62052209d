"""Pictures inside pages, which need no network then.

In: bytes or figures. Out: data addresses, for the `src` of an <img>.
"""

from base64 import b64encode
from io import BytesIO


def address(content, kind):
    """Give the data address of a picture (bytes); `kind` is png, webp or svg+xml."""
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def png(figure, **options):
    """Give a figure as the data address of a PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", **options)
    return address(buffer.getvalue(), "png")


def svg(figure):
    """Give a figure as the data address of an SVG; the same figure gives the same bytes."""
    from matplotlib import rc_context  # pages without a figure do without

    buffer = BytesIO()
    with rc_context({"svg.hashsalt": "grfkit"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return address(buffer.getvalue(), "svg+xml")

"""The subcommand estimate-page: check what the page needs, then show it.

In: the folder of a model, or none. Out: a page that is there until somebody ends it, or one message.
"""

from pathlib import Path

from grfkit.field import model as field_model
from grfkit.points import InputError

NOTEBOOK = Path("notebooks") / "estimate.ipynb"


def show(model=None, *, browser=True):
    """Show the notebook estimate without code, with the model of a folder (None: that of the package).

    `browser` opens it in one. Raises InputError where Voila or the notebook is missing, and ValueError for a folder
    that holds no model for the field.
    """
    try:
        from grfkit.reports.upload import serve
    except ImportError as error:
        raise InputError(
            f"Voila shows the page; it is not installed whole ({error}).",
            'In the folder of the project install what its notebooks need: python -m pip install ".[study]".',
        ) from error
    if not NOTEBOOK.is_file():
        raise InputError(
            f"The page is the notebook {NOTEBOOK.as_posix()}; there is none here.",
            "Run it in the folder of the project: make estimate-page.",
        )
    folder = Path(model).resolve() if model else None
    field_model.load(folder)  # what is wrong with it is said before anybody drops a recording
    serve.serve(NOTEBOOK, browser=browser, **({"model": str(folder)} if folder else {}))

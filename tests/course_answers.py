"""The course's own answers: what stands in the solution cells of a notebook, executed and not typed again."""

import inspect
from types import SimpleNamespace

import nbformat
from conftest import ROOT


def solutions(session):
    """Execute the imports and the solution cells of one session's notebook -> its names, as attributes."""
    notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.id == "imports" or cell.metadata.get("nbgrader", {}).get("solution")):
            exec(cell.source, names)
    return SimpleNamespace(**names)


def checked(module):
    """List the exercises that a session's module checks: its functions check_NAME."""
    return sorted(
        name.removeprefix("check_")
        for name, value in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(value)
    )

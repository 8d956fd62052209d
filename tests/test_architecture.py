"""The order of rooms (ROOMS.md): each module imports only what stands above its room, and nobody else's private
names."""

import ast
import subprocess
import sys

import pytest
from helpers import ROOT

PACKAGE = ROOT / "grfkit"
ORDER = ["core", "study", "recordings", "stances", "virtual", "estimators", "field", "evaluation", "reports", "course"]
MODULES = sorted(PACKAGE.rglob("*.py"))
TORCH = ("model.py", "estimators/lstm.py", "evaluation/cost", "course/")
FACE = ("grfkit", "__init__")  # names that users type, loaded when they are asked for


def room(parts):
    """Name the room of a module's path below the package; cli and __main__ stand below all."""
    return parts[0] if len(parts) > 1 else "command line" if parts[0] in ("cli", "__main__") else "core"


def imports(path):
    """List what a module of ours imports of ours, anywhere in it: (path below the package, last name)."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in found if node.module and node.module.split(".")[0] == "grfkit"]
    return [(node.module.split(".")[1:] + [name.name], name.name) for node in ours for name in node.names]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_imports_only_from_rooms_above_its_own(path):
    here = room(path.relative_to(PACKAGE).with_suffix("").parts)
    for parts, name in imports(path):
        there = room(parts) if (PACKAGE / parts[0]).is_dir() else room(parts[:1])
        private = any(part.startswith("_") and not part.startswith("__") for part in parts)
        assert not private or there == here, f"{name} is private to {there}"
        if here == "command line":
            continue
        assert there in ORDER and ORDER.index(there) <= ORDER.index(here), f"{here} must not import {there}"
        assert there != "virtual" or here in ("virtual", "evaluation", "reports", "course"), f"{here} imports virtual"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_keeps_to_the_limits_of_the_house_style(path):
    text = path.read_text(encoding="utf-8")
    tree, name = ast.parse(text), path.relative_to(PACKAGE).as_posix()
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert len(text.splitlines()) <= 400
    assert not [node.name for node in functions if node.end_lineno - node.lineno >= 60]
    used = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    used |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not any(each.split(".")[0] == "torch" for each in used) or name.startswith(TORCH), "torch"
    if path.name == "__init__.py":
        assert not [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], "a face that imports"


def test_a_room_or_subroom_has_at_most_14_modules():
    folders = {path.parent for path in MODULES} - {PACKAGE}
    counts = {folder.name: len([path for path in folder.glob("*.py") if path.stem != "__init__"]) for folder in folders}
    assert max(counts.values()) <= 14, counts


def test_the_core_is_thin():
    core = [path for path in PACKAGE.glob("*.py") if path.stem not in ("cli", "__main__")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in core) < 1600


def test_what_computes_loads_neither_torch_nor_what_draws():
    """Notebooks 01 and 04 to 07 start without torch; arrays in, arrays out needs no matplotlib and no Jupyter."""
    code = (
        "import sys, grfkit.metrics, grfkit.features, grfkit.tables, grfkit.transform, grfkit.spm; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    names = {name.split(".")[0] for name in loaded.split()}
    assert "grfkit" in names
    assert not names & {"torch", "matplotlib", "seaborn", "IPython", "ipykernel", "ipywidgets", "notebook", "papermill"}

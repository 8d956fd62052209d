"""make runs a notebook again when any module that the notebook or its report uses has changed."""

import ast
import json
import re
import subprocess

import pytest
from helpers import ROOT, make_command

from grfkit.study import record

NOTEBOOKS = sorted(
    path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if path.stem not in ("bench", "estimate")
)  # bench always runs; estimate is no report: somebody drops a recording on it


def imported(source):
    """List the modules of ours that a source imports, anywhere in it, as paths within the project."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "grfkit":
            base = node.module.replace(".", "/")
            found |= {f"{base}.py", *(f"{base}/{name.name}.py" for name in node.names)}
    return {path for path in found if (ROOT / path).is_file()}


def closure(modules):
    """Add to modules all that they import, and so on."""
    seen, left = set(), set(modules)
    while left:
        module = left.pop()
        seen.add(module)
        left |= imported((ROOT / module).read_text(encoding="utf-8")) - seen
    return seen


@pytest.fixture(scope="module")
def prerequisites():
    """What make's own database says that each report depends on: {notebook: paths}."""
    command, environment = make_command("-pn", "help")
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8").stdout
    rules = re.findall(r"^reports/virtual/(\w+)\.html: (.*)$", said, re.M)
    return {name: set(paths.split()) for name, paths in rules}


def used_by(name):
    """List the modules that a notebook and its report use."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return closure(imported(source) | {"grfkit/reports/run.py", "grfkit/reports/html.py"})


def test_no_report_depends_on_a_module_that_no_notebook_uses(prerequisites):
    modules = {
        path
        for paths in prerequisites.values()
        for path in paths
        if re.match(r"grfkit/(?!virtual).*/(?!__init__)\w+\.py", path)
    }
    assert len(modules) > 50
    assert modules <= set().union(*map(used_by, NOTEBOOKS)), sorted(modules - set().union(*map(used_by, NOTEBOOKS)))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_report_depends_on_every_module_that_its_notebook_uses(prerequisites, name):
    used = used_by(name)
    assert len(used) > 10 and used <= prerequisites[name], sorted(used - prerequisites[name])


def needed(of, pages):
    """List what a notebook builds on, and what that builds on."""
    return set(of(pages)).union(*(needed(of, page) for page in of(pages)))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_by_hand_a_notebook_builds_on_what_make_says(prerequisites, name):
    """What a run by hand refuses, and the index calls out of date, follows the Makefile."""
    make_says = needed(lambda page: re.findall(r"reports/virtual/(\w+)\.html", " ".join(prerequisites[page])), name)
    assert make_says == needed(lambda page: record.NEEDS.get(page, record.NOTEBOOKS[:3]), name)

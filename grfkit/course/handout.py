"""What students get: one archive of the students' books, the library, what makes the data, and a page of instructions.

In: course/source, course/reading, the library. Out: course/grfkit-course.zip. It holds no solution. It
installs no nbgrader, whose menus would appear in the students' JupyterLab.
"""

import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from grfkit.course import build
from grfkit.study.provenance import ROOT

NAME = "grfkit-course"
FILES = (
    "LICENSE",
    "NOTICE",
    "pyproject.toml",
    "install.py",
    "params/course.yaml",
    "params/rbds.yaml",
    "params/rbds.sha256",
)
FOLDERS = ("grfkit", "params/recipes")
LEFT_OUT = (
    "grfkit/course/build.py",  # this and the next need the solutions, and nbgrader
    "grfkit/course/handout.py",
    "grfkit/example/",  # no session reads a recording that is not its own, nor a trained model
    "grfkit/field/shipped/",
)
NOT_NEEDED = re.compile(
    r"(nbgrader|build|c3d|pyproject-hooks|axe-playwright-python|playwright|hypothesis|pytest|pytest-xdist|ruff)=="
)
README = """# Ground reaction forces of running: a lab course

You need Python 3.11 or later, 3 GB of disk space, and the internet for the installation.

1. Install (once, some minutes): in this folder run `python install.py` (macOS, Linux: `python3 install.py`).
2. Start `.venv/bin/jupyter lab` (Windows: `.venv\\Scripts\\jupyter lab`) and open `sessions/1_stance/1_stance.ipynb`.
3. Run the first two code cells. They record the virtual runners (once, half a minute to two minutes).
4. Before session 1, read `reading/paper.md` (right click, Open With, Markdown Preview); for numpy, `reading/numpy.md`.
5. Hand in the notebook, saved with its outputs, under its own name: `1_stance.ipynb`.
6. Optional (200 MB): real runners, `.venv/bin/python -m grfkit fetch --study params/rbds.yaml --out recordings/rbds`.
"""


def write_archive(*, folder=build.COURSE):
    """Write the students' archive of a course's folder; returns its path.

    Students' books are made from source/ anew: what somebody wrote into student/ does not get into it. Raises
    ValueError where nbgrader refuses a session's marks.
    """
    target = folder / f"{NAME}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        shutil.copytree(folder / "source", place / "source", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        for session in sorted(path.name for path in (place / "source").iterdir() if path.is_dir()):
            build.take_out(session, folder=place)
        half = place / target.name
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, name in _listed(place, folder):
                archive.write(path, f"{NAME}/{name}")
            archive.writestr(f"{NAME}/requirements.lock", _lock())
            archive.writestr(f"{NAME}/README.md", README)
        shutil.move(half, target)
    return target


def _listed(place, folder):
    """List what goes into the archive: [(file, its name within)]."""
    books = [(path, f"sessions/{path.parent.name}/{path.name}") for path in sorted(place.glob("student/*/*.ipynb"))]
    reading = [(path, f"reading/{path.name}") for path in sorted((folder / "reading").glob("*.md"))]
    library = [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.*")) if path.suffix != ".pyc"]
    named = [(path, path.relative_to(ROOT).as_posix()) for path in [*(ROOT / name for name in FILES), *library]]
    return books + reading + [(path, name) for path, name in named if not name.startswith(LEFT_OUT)]


def _lock():
    """Give the list of exact versions without what only the lecturer and the tests need."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not NOT_NEEDED.match(line))

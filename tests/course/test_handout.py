"""The students' archive: unzipped in an empty folder it holds no solution, and its sessions run from it."""

import os
import re
import subprocess
import sys
import zipfile

import nbformat
import pytest
from helpers import ROOT

from grfkit.course import handout

SESSIONS = sorted(path.name for path in (ROOT / "course" / "source").glob("*"))
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.S)


@pytest.fixture(scope="module")
def unzipped(tmp_path_factory):
    """The archive of the course, unzipped in an empty folder."""
    course, empty = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("student")
    for name in ("source", "reading"):
        (course / name).symlink_to(ROOT / "course" / name, target_is_directory=True)
    with zipfile.ZipFile(handout.write_archive(folder=course)) as archive:
        archive.extractall(empty)
    assert [path.name for path in empty.iterdir()] == ["grfkit-course"]
    return empty / "grfkit-course"


def run(unzipped, code):
    """Run code with the unzipped library, in the unzipped folder, as a notebook's kernel would."""
    environment = os.environ | {"PYTHONPATH": str(unzipped), "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=unzipped, env=environment, capture_output=True, text=True, encoding="utf-8"
    )


def cells(unzipped, session):
    book = nbformat.read(unzipped / "sessions" / session / f"{session}.ipynb", as_version=4)
    return [cell.source for cell in book.cells if cell.cell_type == "code"]


def test_archive_holds_the_students_books_and_no_solution(unzipped):
    names = {path.relative_to(unzipped).as_posix() for path in unzipped.rglob("*") if path.is_file()}
    assert {f"sessions/{session}/{session}.ipynb" for session in SESSIONS} <= names
    assert {"README.md", "install.py", "requirements.lock", "params/course.yaml", "reading/numpy.md"} <= names
    assert "params/rbds.yaml" in names and not [
        name for name in names if re.search(r"c3d$|trc$|csv$|parquet$|safetensors$", name)
    ]
    assert not [
        name for name in names if re.search("source|solution|submitted|gradebook|lecturer|rubric|tests/", name, re.I)
    ]
    books = "\n".join(
        (unzipped / name).read_text(encoding="utf-8") for name in names if name.endswith((".ipynb", ".md"))
    )
    assert "SOLUTION" not in books
    for session in SESSIONS:
        source = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
        words = [
            line for cell in source.cells for block in SOLUTION.findall(cell.source) for line in block.splitlines()
        ]
        bare = re.sub(r"\s", "", books.replace("\\n", "").replace('\\"', '"'))
        assert not [line for line in words if len("".join(line.split())) > 20 and "".join(line.split()) in bare]


def test_students_environment_has_no_nbgrader_and_its_page_is_ten_lines(unzipped):
    lock = (unzipped / "requirements.lock").read_text(encoding="utf-8")
    assert (
        "jupyterlab==" in lock and "ipykernel==" in lock and not re.search("^(nbgrader|pytest|playwright)", lock, re.M)
    )
    assert len((unzipped / "README.md").read_text(encoding="utf-8").splitlines()) <= 10


def test_every_session_imports_from_the_archive_and_says_what_is_not_written(unzipped):
    code = "\n".join(cells(unzipped, session)[0] for session in SESSIONS)
    asked = "def paired_t(estimated, measured):\n    raise NotImplementedError()\ncourse_spm.check_paired_t(paired_t)"
    done = run(unzipped, f"{code}\nimport grfkit\nprint(grfkit.__file__)\n{asked}")
    assert str(unzipped) in done.stdout and done.stderr.rstrip().endswith(
        "paired_t is not written yet: replace the line `raise NotImplementedError()`."
    ), done.stderr


@pytest.mark.slow
def test_first_cells_of_a_session_run_from_the_archive(unzipped):
    """The first cell that reads data makes them, within the unzipped folder."""
    done = run(unzipped, "\n".join(cells(unzipped, "1_stance")[:4]))
    assert done.returncode == 0 and "camera frames, points, components" in done.stdout, done.stderr
    assert (unzipped / "reports" / "course" / "results").is_dir()

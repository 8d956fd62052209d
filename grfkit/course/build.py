"""Build the course's two books from one source: `grfkit course 1_stance`.

In: course/source/NAME/NAME.ipynb with nbgrader's marks. Out: course/student/, without the solutions, and
course/solution/, solved and run, with HTML. A student's own answers are never written over.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from grfkit.course import data as course_data
from grfkit.reports import run
from grfkit.study import file as study_file
from grfkit.study import store
from grfkit.study.provenance import ROOT

COURSE = ROOT / "course"
MARK = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.M)
BUILT = "built.json"  # in the student's book: the checksum of each notebook as it was given out


def build(name, *, folder=COURSE):
    """Build one session into both books of a course's folder; returns the path of the solution's HTML.

    Raises ValueError where there is no such session or nbgrader refuses its marks, run.NotebookFailed where a solution
    does not run.
    """
    source = folder / "source" / name / f"{name}.ipynb"
    if not source.is_file():
        names = sorted(path.name for path in (folder / "source").glob("*") if path.is_dir())
        raise ValueError(
            f"A session must be a folder in {folder.name}/source; found no {source.name}. Choose one of these "
            f"sessions: {', '.join(names)}."
        )
    give_out(name, folder=folder)
    return solve(source, folder=folder)


def solve(source, *, folder):
    """Run a session with its solutions, the marks around them taken away; returns the path of its HTML in solution/."""
    import nbformat

    plain, notebook = folder / f"~solution_{source.stem}" / source.name, nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        cell.source = MARK.sub("", cell.source)
    plain.parent.mkdir(exist_ok=True)
    try:
        nbformat.write(notebook, plain)
        return run.run(plain, study=study_file.load(course_data.STUDY), reports=folder / "solution")
    finally:
        shutil.rmtree(plain.parent, ignore_errors=True)


def give_out(name, *, folder):
    """Take the solutions out with nbgrader and put the session into student/, unless it was worked on there."""
    release, target = folder / "~release", folder / "student" / name
    fresh, mine = (place / f"{name}.ipynb" for place in (release / name, target))
    with FileLock(folder / "~built.lock"):  # sessions built together share the checksums
        try:
            take_out(name, folder=folder, release=release.name)
            book = _built(folder)
            if mine.is_file() and _checksum(mine) not in (book.get(name), _checksum(fresh)):
                print(
                    f"{target.relative_to(folder.parent).as_posix()} holds answers, or somebody changed it, so it "
                    "is kept as it is. To get a new one, move it elsewhere and run `make course` again.",
                    file=sys.stderr,
                )
                return
            # A file is moved whole, or not at all
            shutil.copytree(release / name, target, dirs_exist_ok=True, copy_function=os.replace)
            store.save(folder / "student", BUILT, book | {name: _checksum(mine)})
        finally:
            shutil.rmtree(release, ignore_errors=True)


def take_out(name, *, folder, release="student"):
    """Have nbgrader make the student's version of a session; raises ValueError with its words where it refuses.

    The gradebook is left alone: the lecturer's own `nbgrader generate_assignment` enters a session there.
    """
    done = nbgrader(folder, release=release, gradebook=False).generate_assignment(name)
    if not done["success"]:
        words = done.get("log") or done.get("error")
        raise ValueError(f"A session must hold valid nbgrader marks; nbgrader refuses {name}: {words}")


def nbgrader(folder, *, release="student", gradebook=True):
    """Give nbgrader's interface to a course's folder, nbgrader.apps.NbGraderAPI, set by course/nbgrader_config.py.

    Without its gradebook nothing can be graded, and the students' version is made in a tenth of the time.
    """
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    scripts = str(Path(sys.executable).parent)  # nbgrader calls alembic by name, which is in Python's folder
    if scripts not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(COURSE)).load_config()
    settings.CourseDirectory.root, settings.CourseDirectory.release_directory = str(folder), release
    if not gradebook:
        settings.GenerateAssignment.no_database, settings.SaveCells.enabled = True, False
    return NbGraderAPI(config=settings)


def say_misnamed(folder):
    """Say in a sentence each which hand-ins of a course's folder nbgrader cannot grade, because of their file name."""
    for path in sorted(folder.glob("submitted/*/*/*.ipynb")):
        if path.stem != path.parent.name:
            print(
                f"{path.relative_to(folder).as_posix()} is not graded. A hand-in must keep the name that was "
                f"given out. Rename it to {path.parent.name}.ipynb.",
                file=sys.stderr,
            )


def write_index(folder=COURSE):
    """Write the page of the solved book, each session with its aims and its two notebooks; returns its path."""
    import nbformat

    from grfkit.reports.html import markdown, page

    parts = ["<h1>Ground reaction forces of running: a lab course</h1>"]
    for source in sorted((folder / "source").glob("*/*.ipynb")):
        cells, name = nbformat.read(source, as_version=4).cells, source.stem
        opening = next(cell.source for cell in cells if cell.cell_type == "markdown")
        exercises = sum(
            bool(cell.metadata.get("nbgrader", {}).get("grade")) for cell in cells if cell.cell_type == "code"
        )
        parts += [
            markdown(opening.replace("# ", "## ", 1)),
            f'<p><a href="{name}.html">{name}, solved</a>: {exercises} exercises with checks. Students work in'
            f"<code>course/student/{name}/{name}.ipynb</code>.</p>",
        ]
    target = folder / "solution" / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    above = (ROOT / "reports" / "index.html").is_file()
    header = '<nav aria-label="Reports"><a href="../../reports/index.html">All studies</a></nav>' if above else ""
    return store.write_text(
        target, page("Lab course: ground reaction forces of running", "\n".join(parts), header=header)
    )


def _built(folder):
    """Read the checksums of the notebooks that were given out before."""
    path = folder / "student" / BUILT
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""The course: one source, two books; nbgrader gives a solved session all points and an unsolved one none."""

import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from helpers import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from grfkit.course import build as course_build
from grfkit.reports import run

SESSIONS = sorted(path.name for path in (ROOT / "course" / "source").glob("*"))
FIRST = "1_stance"  # the session that `make test` hands in; all of them take minutes
MARKED = re.compile(r"^[ \t]*### BEGIN SOLUTION\n(.*?)^[ \t]*### END SOLUTION\n?", re.M | re.S)


def source(name, folder=ROOT / "course"):
    return nbformat.read(folder / "source" / name / f"{name}.ipynb", as_version=4)


def marks(cell):
    return cell.metadata.get("nbgrader", {})


def checked(notebook):
    """The cells that nbgrader scores by running them."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and marks(cell).get("grade")]


def solved(student, original, *, every=1):
    """What a student hands in who writes the model answers, or every so many of them, into the student's notebook."""
    answers = {marks(cell)["grade_id"]: cell.source for cell in original.cells if marks(cell).get("solution")}
    for cell in [cell for cell in student.cells if marks(cell).get("solution")][::every]:
        cell.source = re.sub(r"^[ \t]*### (BEGIN|END) SOLUTION\n?", "", answers[marks(cell)["grade_id"]], flags=re.M)
    return student


def grades(name, folder, student):
    """{grade_id: (score, most)} of the checked exercises of a student's autograded session."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "grfkit") as book:
        notebook = book.find_submission_notebook(name, name, student)
        return {
            grade.name: (grade.auto_score, grade.max_score)
            for grade in notebook.grades
            if grade.cell.cell_type == "code"
        }


def hand_in(notebook, name, folder, student):
    target = folder / "submitted" / student / name
    target.mkdir(parents=True)
    nbformat.write(notebook, target / f"{name}.ipynb")
    done = course_build.nbgrader(folder).autograde(name, student)
    assert done["success"], done
    return nbformat.read(folder / "autograded" / student / name / f"{name}.ipynb", as_version=4)


@pytest.fixture
def lesson(tmp_path):
    """A course of one small session, as nbgrader wants it."""

    def write(answer="return 2 * x", **changed):
        def mark(grade_id, **kind):
            return {
                "nbgrader": {
                    "schema_version": 3,
                    "grade": False,
                    "solution": False,
                    "locked": False,
                    "task": False,
                    "grade_id": grade_id,
                    **kind,
                }
            }

        cells = [
            new_markdown_cell("# Double\n\n**Aims**: to double.", id="title"),
            new_code_cell(
                f"def double(x):\n    ### BEGIN SOLUTION\n    {answer}\n    ### END SOLUTION",
                metadata=mark("double", solution=True),
                id="double",
            ),
            new_code_cell(
                "from grfkit.course import checking\nchecking.check(checking.call(double, 3) == 6, 'Three and three?')",
                metadata=mark("double-check", **{"grade": True, "locked": True, "points": 2} | changed),
                id="double-check",
            ),
        ]
        folder = tmp_path / "course"
        (folder / "source" / "0_double").mkdir(parents=True, exist_ok=True)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "source" / "0_double" / "0_double.ipynb")
        return folder

    return write


def test_course_has_five_sessions_and_twenty_checked_exercises():
    assert [name[0] for name in SESSIONS] == list("12345")
    assert sum(len(checked(source(name))) for name in SESSIONS) >= 20


@pytest.mark.parametrize("name", SESSIONS)
def test_session_is_committed_clean_and_marked_for_nbgrader(name):
    notebook = source(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    graded = [marks(cell)["grade_id"] for cell in notebook.cells if marks(cell)]
    assert len(graded) == len(set(graded)) and len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert all(
        marks(cell)["locked"] and marks(cell)["points"] > 0 and not marks(cell)["solution"]
        for cell in checked(notebook)
    )
    answers = [cell for cell in code if marks(cell).get("solution")]
    assert len(answers) == len(checked(notebook)) and all(MARKED.search(cell.source + "\n") for cell in answers)
    assert "**Aims" in notebook.cells[0].source + notebook.cells[1].source
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The course's source in a folder of its own, for nbgrader to work in."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "course" / "source", folder / "source", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder


@pytest.mark.parametrize("name", SESSIONS)
def test_student_book_holds_no_answer(name, folder):
    course_build.take_out(name, folder=folder)
    text = (folder / "student" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    student = nbformat.reads(text, as_version=4)
    assert "SOLUTION" not in text
    stubs = [cell for cell in student.cells if marks(cell).get("solution") and cell.cell_type == "code"]
    assert stubs and all("raise NotImplementedError()" in cell.source for cell in stubs)
    own = ["".join(cell.source.split()) for cell in student.cells]
    for cell in source(name).cells:
        for answer in MARKED.findall(cell.source + "\n"):
            for line in answer.splitlines():
                bare = "".join(line.split())
                assert len(bare) < 12 or not any(bare in text for text in own), (
                    f"an answer stands in the student's notebook: {line}"
                )


def released(name, folder):
    """The student's version of a session, entered in the gradebook as the lecturer does."""
    assert course_build.nbgrader(folder).generate_assignment(name)["success"]
    return nbformat.read(folder / "student" / name / f"{name}.ipynb", as_version=4)


def feedback(name, folder, student):
    done = course_build.nbgrader(folder).generate_feedback(name, student)
    assert done["success"], done
    page = (folder / "feedback" / student / name / f"{name}.html").read_text(encoding="utf-8")
    assert "grfkit/course" not in page
    listed = re.findall(r'<li><a href="#([^"]+)-check">(.*?)</a>', page)
    assert listed and all(word == f"Exercise {grade_id}" for grade_id, word in listed)
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=.?(http|//)", page) and "<math" in page  # whole offline
    return page


def errors(cell):
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]


def test_nbgrader_gives_points_for_what_is_solved_alone(folder):
    """Of the first session every other exercise is solved; its feedback holds the hints of the others."""
    student = solved(released(FIRST, folder), source(FIRST), every=2)
    done = hand_in(student, FIRST, folder, "half")
    open_ = [cell for cell in student.cells if "raise NotImplementedError()" in cell.source]
    left_out = {f"{marks(cell)['grade_id']}-check" for cell in open_ if marks(cell).get("solution")}
    found = grades(FIRST, folder, "half")
    assert set(found) == {marks(cell)["grade_id"] for cell in checked(source(FIRST))} > left_out and left_out
    assert all(score == (0 if name in left_out else most) for name, (score, most) in found.items())
    for cell in checked(done):
        said = [error.evalue for error in errors(cell)]
        assert len(said) == (marks(cell)["grade_id"] in left_out) and all("is not written yet" in hint for hint in said)
    assert feedback(FIRST, folder, "half").count("Not right yet.") >= len(left_out)


@pytest.mark.slow
@pytest.mark.parametrize("name", SESSIONS)
def test_nbgrader_gives_a_solved_session_all_points_and_an_unsolved_one_none(name, folder):
    student = released(name, folder)
    exercises = {marks(cell)["grade_id"] for cell in checked(source(name))}

    unsolved = hand_in(student, name, folder, "nobody")
    assert grades(name, folder, "nobody") == {
        grade_id: (0, most) for grade_id, (_, most) in grades(name, folder, "nobody").items()
    }
    for cell in checked(unsolved):
        assert errors(cell)[0].ename == "NotRight" and "is not written yet" in errors(cell)[0].evalue
    assert feedback(name, folder, "nobody").count("Not right yet.") >= len(exercises)
    assert not errors(next(cell for cell in unsolved.cells if cell.cell_type == "code"))

    done = hand_in(solved(student, source(name)), name, folder, "somebody")
    assert [error.evalue for cell in done.cells for error in errors(cell)] == []
    found = grades(name, folder, "somebody")
    assert set(found) == exercises and all(score == most > 0 for score, most in found.values())


def test_the_lecturers_guide_says_what_the_core_alone_is_worth():
    """Points of the exercises marked core, and of the written question, against all points of a session."""
    guide, worth = (ROOT / "course" / "LECTURER.md").read_text(encoding="utf-8"), []
    for name in SESSIONS:
        tasks = re.findall(
            r"\*\*Exercise \d \((\d) points?; (core|more),", "".join(each.source for each in source(name).cells)
        )
        core = sum(int(points) for points, kind in tasks if kind == "core")
        worth.append((core + 2, sum(int(points) for points, _ in tasks) + 2))
        assert sum(marks(cell)["points"] for cell in source(name).cells if marks(cell).get("grade")) == worth[-1][1]
    assert worth[0] == worth[1] and "has {} of {} points (sessions 1 and 2)".format(*worth[0]) in guide
    assert all(f"{core} of {most} ({number})" in guide for number, (core, most) in list(enumerate(worth, 1))[2:])


@pytest.mark.slow
def test_an_endless_loop_stops_its_cell_and_the_others_are_graded(lesson, monkeypatch):
    """Two students, the first one's answer never ends; without a limit the test would not either."""
    folder = lesson()
    settings = course_build.nbgrader(folder).config.ExecutePreprocessor
    assert settings.timeout_func(new_code_cell(metadata={"nbgrader": {"grade_id": "data"}})) >= 240
    assert settings.timeout_func(new_code_cell()) == 60
    api = course_build.nbgrader

    def hasty(folder, **options):
        made = api(folder, **options)
        made.config.ExecutePreprocessor.timeout_func = lambda cell: settings.timeout_func(cell) / 4
        return made

    monkeypatch.setattr(course_build, "nbgrader", hasty)
    student = released("0_double", folder)
    for name, answer in (("anna", "while True: pass"), ("ben", "return 2 * x")):
        answered = student.copy()
        answered.cells[1].source = f"def double(x):\n    {answer}"
        done = hand_in(answered, "0_double", folder, name)
        said = [(error.ename, error.evalue) for error in errors(done.cells[2])]
        assert [ename for ename, _ in said] == (["NotRight", "CellTimeoutError"] if name == "anna" else []), said
        assert name == "ben" or "a loop that never ends" in said[0][1]
    assert grades("0_double", folder, "anna") == {"double-check": (0, 2)}
    assert grades("0_double", folder, "ben") == {"double-check": (2, 2)}


def test_a_renamed_hand_in_is_said_in_a_sentence(tmp_path, capsys):
    for name in ("1_stance", "1_stance (1)"):
        path = tmp_path / "submitted" / "eve" / "1_stance" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    course_build.say_misnamed(tmp_path)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("submitted/eve/1_stance/1_stance (1).ipynb is not graded") and "to 1_stance.ipynb" in said


def test_build_makes_two_books_and_keeps_what_a_student_wrote(lesson, capsys):
    folder = lesson()
    page = course_build.build("0_double", folder=folder)
    assert page == folder / "solution" / "0_double.html" and "return 2 * x" in (
        folder / "solution" / "0_double.ipynb"
    ).read_text(encoding="utf-8")
    mine = folder / "student" / "0_double" / "0_double.ipynb"
    assert "return 2 * x" not in mine.read_text(encoding="utf-8")
    lesson(answer="return x + x + 0")
    course_build.give_out("0_double", folder=folder)  # untouched: made anew, without a word
    assert "kept" not in capsys.readouterr().err
    answered = mine.read_text(encoding="utf-8").replace("raise NotImplementedError()", "return x ** 2")
    mine.write_text(answered, encoding="utf-8")
    course_build.give_out("0_double", folder=folder)
    assert mine.read_text(encoding="utf-8") == answered and "kept as it is" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} - {"~built.lock"} == {"solution", "source", "student"}


def test_build_goes_on_where_a_run_was_stopped_before_it_noted_what_it_gave_out(lesson, capsys):
    folder = lesson()
    course_build.give_out("0_double", folder=folder)
    (folder / "student" / course_build.BUILT).unlink()
    course_build.give_out("0_double", folder=folder)
    lesson(answer="return x + x + 0", points=3)  # what was given out before is nobody's work
    course_build.give_out("0_double", folder=folder)
    assert "kept" not in capsys.readouterr().err
    assert '"points": 3' in (folder / "student" / "0_double" / "0_double.ipynb").read_text(encoding="utf-8")


@pytest.mark.slow
def test_sessions_that_are_built_together_both_know_what_they_gave_out(lesson):
    folder = lesson()
    shutil.copytree(folder / "source" / "0_double", folder / "source" / "1_double")
    (folder / "source" / "1_double" / "0_double.ipynb").rename(folder / "source" / "1_double" / "1_double.ipynb")
    names = ["0_double", "1_double"]
    command = (
        "import pathlib, sys; from grfkit.course import build; "
        "build.give_out(sys.argv[1], folder=pathlib.Path(sys.argv[2]))"
    )
    running = [subprocess.Popen([sys.executable, "-c", command, name, str(folder)]) for name in names]
    assert [process.wait(120) for process in running] == [0, 0]
    assert sorted(course_build._built(folder)) == names and all(
        (folder / "student" / name / f"{name}.ipynb").is_file() for name in names
    )


def test_build_refuses_wrong_marks_an_unknown_session_and_a_wrong_solution(lesson):
    folder = lesson(points=None)
    with pytest.raises(ValueError, match="nbgrader"):
        course_build.build("0_double", folder=folder)
    assert not (folder / "student").exists()
    with pytest.raises(ValueError, match="found no 9_more.ipynb. Choose one of these sessions: 0_double"):
        course_build.build("9_more", folder=folder)
    with pytest.raises(run.NotebookFailed, match="Three and three"):
        course_build.build("0_double", folder=lesson(answer="return 3 * x"))


def test_write_index_links_every_session(lesson):
    folder = lesson()
    text = course_build.write_index(folder).read_text(encoding="utf-8")
    assert '<a href="0_double.html">' in text and "1 exercises with checks" in text and "to double" in text

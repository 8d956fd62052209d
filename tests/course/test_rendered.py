"""What a student sees of a failed check, in JupyterLab, VS Code and nbgrader's feedback: its hint and nothing else."""

import ast
import re

import nbformat
import pytest
from helpers import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

SESSIONS = sorted(path.name for path in (ROOT / "course" / "source").glob("*"))
MODULES = sorted((ROOT / "grfkit" / "course").glob("*.py"))
ANSWER = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.S)
WRONG = """
def wrong(right, kind):
    def {name}(*arguments, **options):
        if kind == "unwritten":
            raise NotImplementedError()
        if kind == "stops":
            return arguments[0] / "text"
        answer = right(*arguments, **options)
        if isinstance(answer, str):
            return "undecided" if answer != "undecided" else "differs"
        if isinstance(answer, list):
            return answer[1:] if len(answer) else [(0, 1)]
        return answer[::-1] if isinstance(answer, tuple) else 1.3 * answer + 0.01
    return {name}
"""


def exercises(session):
    """Give the imports of a session, and [(name of an exercise, its solution, its check)]."""
    notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    code = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    pairs = [(own, check) for (mark, own), (_, check) in zip(code, code[1:], strict=False) if mark.get("solution")]
    return code[0][1], [(re.search(r"^def (\w+)", own, re.M)[1], own, check) for own, check in pairs]


def bare(text):
    return re.sub(r"\s|\x1b\[[0-9;]*m", "", text)


def answers(own):
    """List the lines of a solution that are long enough to be known again."""
    lines = [line for block in ANSWER.findall(own) for line in block.splitlines()]
    return [bare(line) for line in lines if len(bare(line)) > 12]


@pytest.fixture(scope="module")
def shown():
    """Run all checks on wrong answers, in one kernel: {session: [(kind, exercise, its cell)]}."""
    cells, tried = [], {session: [] for session in SESSIONS}
    for session in SESSIONS:
        imports, asked = exercises(session)
        cells.append(new_code_cell(imports))
        for name, own, check in asked:
            cells += [new_code_cell(own), new_code_cell(WRONG.format(name=name))]
            for kind in ("unwritten", "stops", "off"):
                cells.append(new_code_cell(check.replace(f"({name})", f'(wrong({name}, "{kind}"))')))
                tried[session].append((kind, name, cells[-1]))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=cells, metadata=kernel)
    NotebookClient(notebook, allow_errors=True, timeout=900).execute()
    checks = [cell for session in SESSIONS for *_, cell in tried[session]]
    assert not any(out.output_type == "error" for cell in cells if cell not in checks for out in cell.outputs)
    return tried


@pytest.mark.parametrize("session", SESSIONS)
def test_a_failed_check_shows_its_hint_and_no_line_of_source(session, shown):
    _, asked = exercises(session)
    source = {bare(line) for path in MODULES for line in path.read_text(encoding="utf-8").splitlines()}
    source |= {line for _, own, _ in asked for line in answers(own)}
    expected = {"unwritten": "is not written yet", "stops": "stopped with ", "off": ""}
    for kind, name, cell in shown[session]:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert len(errors) == 1 and errors[0].ename == "NotRight", (name, kind, cell.outputs)
        hint, lines = errors[0].evalue, errors[0].traceback
        text = "\n".join([hint, *lines])
        assert expected[kind] in text and bare("".join(lines)) == bare(f"Not right yet. {hint}")
        assert all(len(line) <= 90 for line in lines)  # nbgrader's feedback cuts longer lines off
        together = bare(text)
        found = [line for line in source if len(line) > 12 and line in together]
        assert not found, (name, kind, found)
        assert not re.search(r"grfkit/|\.py\b|File |-->", text), text


def core_alone(session):
    """Give a session's notebook in which the exercises marked core are solved and no other."""
    notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    text = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    kinds = re.findall(r"\*\*Exercise \d \(\d points?; (core|more),", text)
    answers = [cell for cell in notebook.cells if "### BEGIN SOLUTION" in cell.source and cell.cell_type == "code"]
    for cell, kind in zip(answers, kinds, strict=True):
        if kind == "more":
            cell.source = ANSWER.sub("raise NotImplementedError()\n", cell.source)
    return notebook


@pytest.mark.parametrize(
    "session", [pytest.param(name, marks=pytest.mark.slow) for name in SESSIONS[:4]] + SESSIONS[4:]
)
def test_who_does_the_core_alone_meets_sentences_and_no_traceback(session):
    notebook = core_alone(session)
    NotebookClient(notebook, allow_errors=True, timeout=300).execute()
    shown = [(cell, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [(cell.id, output) for cell, output in shown if output.output_type == "error"]
    for name, output in said:
        text = " ".join(output.traceback)
        assert "go on below" in text or "is not written yet" in text, (name, text)
        assert len(output.traceback) <= 2 and "-->" not in text, (name, text)
    assert len(said) > 3 and {"spm1d-own", "baseline"}.isdisjoint(name for name, _ in said)


def hints():
    """List the words of the checks, those of their docstrings and of names left out."""
    for path in MODULES:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and re.search("check|mistake|verdict_cases", function.name):
                doc = ast.get_docstring(function, clean=False)
                for node in ast.walk(function):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != doc:
                        yield path.stem, node.value


def test_no_hint_states_what_is_right():
    """A hint holds no code, and no formula of a solution; what a print says after `Right:` is no hint."""
    words = [(name, text) for name, text in hints() if " " in text and not text.startswith("Right")]
    assert len(words) > 200
    code = re.compile(r"\bnp\.|axis=|ddof|sqrt|stats\.|alpha / 2|fs=|\bln 2|\* ?\w+ ?/|S - 1|R - 1|Q - 1|df - 1")
    assert [pair for pair in words if code.search(pair[1])] == []


def test_notebooks_offer_no_function_of_the_library_that_could_answer():
    """The library computes what exercises ask for; notebooks import what draws, and the course's own functions."""
    for session in SESSIONS:
        notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                for node in ast.walk(ast.parse(cell.source)):
                    names = [name.name for name in getattr(node, "names", []) if isinstance(node, ast.ImportFrom)]
                    module = getattr(node, "module", None) or ""
                    if module.startswith("grfkit") and module != "grfkit.course":
                        assert names in (["plot"], ["POINTS"], ["FEATURES"]), (session, module, names)

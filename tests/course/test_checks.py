"""What holds for the checks of all sessions: the notebook's own answers pass, and whatever is no answer gets a hint."""

import nbformat
import pytest
import torch
from helpers import GARBAGE, ROOT, exercises, refused, solutions

from grfkit.course import agreement, data, features, lstm, network, real, spm, stance, whitening

SESSIONS = {
    "1_stance": [stance],
    "2_features": [features],
    "3_lstm": [lstm, whitening],
    "4_spm": [spm],
    "5_agreement": [agreement],
}
CHECKS = [
    pytest.param(session, getattr(module, f"check_{name}"), name, id=f"{session}-{name}")
    for session, modules in SESSIONS.items()
    for module in modules
    for name in exercises(module)
]


@pytest.fixture(scope="module", autouse=True)
def read_once():
    """Read the course's stances once for all checks: each check reads them for itself."""
    with pytest.MonkeyPatch.context() as patch:
        found = features.curves()
        patch.setattr(features, "curves", lambda: found)
        yield


@pytest.mark.parametrize("session", SESSIONS)
def test_each_exercise_is_a_solution_cell_and_then_its_locked_check(session):
    notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    code = [(cell.metadata.get("nbgrader", {}), cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    checked = [code[place + 1] for place, (mark, _) in enumerate(code) if mark.get("solution")]
    assert [source for _, source in checked] == [
        f"course_{module.__name__.rsplit('.', 1)[-1]}.check_{name}({name})"
        for module in SESSIONS[session]
        for name in exercises(module)
    ]
    assert all(mark["locked"] and mark["grade"] and mark["points"] for mark, _ in checked)


@pytest.mark.parametrize(("session", "check", "name"), CHECKS)
def test_check_passes_the_notebooks_own_answer(session, check, name, capsys):
    check(getattr(solutions(session), name))
    assert capsys.readouterr().out.startswith("Right: ")


@pytest.mark.parametrize(("session", "check", "name"), CHECKS)
def test_check_of_a_function_without_an_answer_says_so(session, check, name):
    def unsolved(*_, **__):
        raise NotImplementedError

    assert "not written yet" in refused(check, unsolved)
    assert "gives nothing back" in refused(check, lambda *_, **__: None)
    assert "stopped with ZeroDivisionError" in refused(check, lambda *_, **__: 1 / 0)
    assert "stopped with TypeError" in refused(check, lambda: 0.0)


@pytest.mark.parametrize(("session", "check", "name"), CHECKS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_answer_stops_a_check_with_anything_but_a_hint(session, check, name):
    tensors = {"tensor": torch.tensor(0.0), "with a gradient": torch.ones(2, requires_grad=True)}
    for value in (GARBAGE | tensors).values():
        assert len(refused(check, lambda *_, value=value, **__: value)) > 20


@pytest.mark.parametrize(("session", "check", "name"), CHECKS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_function_that_students_may_call_is_an_answer(session, check, name):
    for module in (agreement, data, features, lstm, network, real, spm, stance, whitening):
        for word, value in list(vars(module).items()):  # a warning adds a name
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and word[0] != "_":
                if not word.startswith("check_"):
                    assert refused(check, value), (module.__name__, word)

"""The checker of exercises: whatever a function is or gives, the hint says what is wrong."""

import re

import numpy as np
import pytest
from helpers import refused
from IPython.core.interactiveshell import InteractiveShell

from grfkit.course import checking


def test_call_says_what_is_wrong_with_a_students_function():
    def unsolved():
        raise NotImplementedError()

    def broken(x):
        return x / 0

    def silent():
        pass

    for function, arguments, hint in (
        (unsolved, (), "unsolved is not written yet"),
        (broken, (1,), "broken stopped with ZeroDivisionError"),
        (silent, (), "silent gives nothing back"),
        (broken, (), "broken stopped with TypeError"),
        (3.0, (), "found float. Give its name, without brackets"),
    ):
        with pytest.raises(AssertionError, match=hint):
            checking.call(function, *arguments)
    assert checking.call(len, [1, 2]) == 2


@pytest.mark.parametrize(
    ("answer", "shape", "hint"),
    [
        ("2.5", None, None),
        ("much", None, "must be numbers; your function gives str"),
        ([[1, 2], [3]], None, "must be numbers; your function gives list of 2"),
        (10**400, None, "must be numbers; your function gives int"),
        (np.array([[1, 2, 3]]), (1, 3), None),
        ([[1, 2, 3]], (1, 3), "yours is a list of 1; give an array."),
        ([[1, 2, 3]], (3, 1), "shape (3, 1); yours has shape (1, 3). Is it transposed?"),
        ([1, 2], (3,), "shape (3,); yours has shape (2,)."),
        ([1, 2], (), "must be one number; yours has shape (2,)."),
        ([(1, 2), (3, 4)], (None, 2), None),
        ([], (None, 2), None),
        ([1, 2], (None, 2), "shape (any number, 2); yours has shape (2,)."),
    ],
)
def test_numbers_gives_an_array_of_the_shape_or_says_what_is_wrong(answer, shape, hint):
    if hint:
        assert hint in refused(lambda given: checking.numbers(given, "The force", shape), answer)
    else:
        values = checking.numbers(answer, "The force", shape)
        assert values.dtype == float and (shape is None or values.ndim == len(shape))


RIGHT = np.array([1.0, 4.0, 200.0])


@pytest.mark.parametrize(
    ("answer", "options", "hint"),
    [
        (RIGHT + 1e-4, {}, None),
        (RIGHT + 1e-3, {}, "Go through it step by step"),
        (RIGHT + 1e-3, {"atol": 1e-2}, None),
        (RIGHT * 1.01, {"rtol": 0.1}, None),
        (-RIGHT, {}, "the sign"),
        (RIGHT / 1000, {}, "the unit"),
        (RIGHT * 1000, {}, "the unit"),
        (RIGHT[:2], {}, "as long as before"),
        ([1.0, 2.0, 200.0], {}, "0.5 times what it should be at index 1"),
        ([1.0, 4.0, -3.0], {}, "wrong sign, or should not be 0 at index 2"),
        ([1.0, np.inf, 200.0], {}, "The curve: 1 of 3 values are NaN or infinite"),
        ([np.nan] * 3, {"otherwise": "something else"}, "The curve: 3 of 3 values"),
        ([1.0], {}, "The curve must have shape (3,)"),
        ([1.0], {"otherwise": "something else"}, "something else"),
        ([3.0, 4.0, 5.0], {"otherwise": "something else"}, "something else"),
    ],
)
def test_compare_gives_the_hint_of_the_mistake_that_gives_the_same(answer, options, hint):
    mistakes = {"the sign": -RIGHT, "the unit": [RIGHT / 1000, RIGHT * 1000], "as long as before": RIGHT[:2], "no": []}

    def check(given):
        checking.compare(given, RIGHT, mistakes, what="The curve", **options)

    if hint:
        assert hint in refused(check, answer)
    else:
        check(answer)


def test_a_list_of_right_numbers_is_refused_where_later_cells_need_an_array():
    hint = refused(lambda given: checking.compare(given, RIGHT, {}, what="t"), list(RIGHT))
    assert hint == "t: yours is a list of 3; give an array."
    checking.compare([1.0, 4.0], RIGHT[:2], {})  # a pair


def test_call_refuses_a_function_that_changes_what_it_is_given():
    def in_place(x, y):
        y *= -1
        return y

    assert "changes the array" in refused(lambda f: checking.call(f, np.ones(2), np.arange(2.0)), in_place)
    assert checking.call(lambda x: x + 1, np.array([np.nan])).shape == (1,)  # NaN is as it was


def test_a_line_of_a_library_is_not_shown():
    """np.stack is written in Python; in a notebook a function's module is `__main__`."""
    names = {"__name__": "__main__", "np": np}
    exec("def mine(rows):\n    return np.stack(rows)", names)
    for function in (np.stack, checking.pair, names["mine"]):
        hint = refused(lambda given: checking.call(given, []), function)
        assert "stopped with" in hint and "arrays = [" not in hint and "The line at which" not in hint, hint
    assert checking._is_students(names["mine"]) and not checking._is_students(np.stack)


def test_a_cell_that_needs_an_exercise_left_out_says_so_and_other_errors_are_shown_as_they_are(capsys):
    shell = InteractiveShell()
    shell.set_custom_exc((NotImplementedError, NameError), checking._missing)

    def shown(source):
        shell.run_cell(source)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).strip()

    shell.run_cell("def lag(x):\n    raise NotImplementedError()\ndef misspelt():\n    return nump")
    assert shown("y = lag(1)") == "This cell needs your lag, which is not written yet: go on below."
    assert shown("y + 1").splitlines() == [
        "NameError: name 'y' is not defined.",
        "Perhaps a cell above makes it and needs an exercise that you left out. Then go on below.",
    ]
    for source, words in (
        ("misspelt()", "----> "),
        ("1 / 0", "ZeroDivisionError"),
        ("raise NotImplementedError", "-> "),
    ):
        text = shown(source)
        assert words in text and "go on below" not in text, text
    checking.say_what_is_missing()  # outside a notebook: nothing


def test_compare_takes_nan_as_an_answer_where_nothing_can_be_read():
    checking.compare([np.nan, 1.0], [np.nan, 1.0], {})
    assert refused(lambda x: checking.compare(x, np.nan, {}, "none is there"), 1.0) == "none is there"
    assert refused(lambda x: checking.compare(x, 1.0, {"you missed it": np.nan}), np.nan) == "you missed it"


def test_compare_says_how_far_off_one_number_is():
    assert "the value is not right; yours is 1.5 times" in refused(
        lambda x: checking.compare(x, 2.0, {}, what="p"), 3.0
    )


def test_runs_are_those_that_a_reader_counts():
    above = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1], bool)
    np.testing.assert_array_equal(checking.runs(above), [[0, 1], [3, 3], [6, 8]])
    np.testing.assert_array_equal(checking.runs(above, 2), [[0, 1], [6, 8]])
    assert checking.runs(~above[:2]).shape == (0, 2)

"""The checker of the course's exercises: it calls a student's function and compares its answer with the right one.

In: a function, the right answer, and what typical mistakes give. Out: nothing where the answer is right; otherwise
NotRight with a hint that says what is wrong, and not what is right.
"""

import textwrap
import traceback

import numpy as np

WIDTH = 90  # letters a line of a hint: our choice; nbgrader's feedback cuts longer lines off


class NotRight(AssertionError):
    """What a check says of an answer that is not right: its hint, shown without a line of the check's source."""

    def _render_traceback_(self):
        """Give the lines that IPython shows and saves; JupyterLab, VS Code and nbgrader's feedback show these."""
        lines = f"Not right yet. {self}".splitlines()
        return [part for line in lines for part in textwrap.wrap(line, WIDTH, break_long_words=False)]


def check(condition, hint):
    """Pass where `condition` holds; else raise NotRight with the hint."""
    if not condition:
        raise NotRight(hint)


def call(function, *arguments, **options):
    """Call a student's function; raise NotRight where it is not written yet, fails, or returns nothing.

    It must leave the arrays that it is given as they are: the cells below use them again.
    """
    name = getattr(function, "__name__", "Your function")
    check(
        callable(function),
        f"The check needs a function; found {type(function).__name__}. Give its name, without brackets.",
    )
    given = [each.tobytes() for each in arguments if isinstance(each, np.ndarray)]
    try:
        answer = function(*arguments, **options)
    except NotRight:  # of another function of the student's, which this one calls
        raise
    except NotImplementedError as error:
        missing = [line.name for line in _own_lines(error, function)[-1:]] or [name]  # or another that it calls
        raise NotRight(f"{missing[0]} is not written yet: replace the line `raise NotImplementedError()`.") from None
    except KeyboardInterrupt:  # by a person, or by nbgrader after a minute
        raise NotRight(f"{name} was stopped before it finished. Is there a loop that never ends?") from None
    except Exception as error:
        own = _own_lines(error, function)[-1:] if _is_students(function) else []
        where = [f"\nThe line at which it stopped: {each.line}" for each in own if each.line]
        raise NotRight(f"{name} stopped with {type(error).__name__}: {error}{''.join(where)}") from None
    check(
        answer is not None,
        f"{name} gives nothing back (None). Every path through the function must end with `return` and a value.",
    )
    left = [each.tobytes() for each in arguments if isinstance(each, np.ndarray)]
    check(
        given == left,
        f"{name} changes the array that it was given: `-=` and `x[0] = ...` write into the argument. Work on a copy.",
    )
    return answer


def _is_students(function):
    """Tell whether a function was written in a notebook: lines of a library are not shown."""
    return getattr(function, "__module__", None) == "__main__"


def say_what_is_missing():
    """Have the notebook say in a sentence that a cell needs an exercise which was left out, in place of a traceback.

    Outside a notebook it does nothing.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell:
        shell.set_custom_exc((NotImplementedError, NameError), _missing)


def _missing(shell, kind, error, trace, tb_offset=None):
    """Show an error of a cell: a sentence where an exercise is missing, else what IPython says of it."""
    *_, (frame, _) = traceback.walk_tb(trace)
    place = frame.f_code.co_name if frame.f_globals is shell.user_ns else None
    lines = []
    if kind is NotImplementedError and place not in (None, "<module>"):
        lines = [f"This cell needs your {place}, which is not written yet: go on below."]
    if kind is NameError and place == "<module>":
        lines = [
            f"NameError: {error}.",
            "Perhaps a cell above makes it and needs an exercise that you left out. Then go on below.",
        ]
    if lines:
        error._render_traceback_ = lambda: lines
    shell.showtraceback((kind, error, trace), tb_offset=1)  # without IPython's own frame


def _own_lines(error, function):
    """List the lines that an error went through in the student's notebook, the place where the function is written."""
    theirs = getattr(function, "__globals__", None)
    walk = traceback.walk_tb(error.__traceback__)
    return traceback.StackSummary.extract((frame, line) for frame, line in walk if frame.f_globals is theirs)


def kind(answer):
    """Name the type of an answer, and its length where it is a tuple or a list."""
    return type(answer).__name__ + (f" of {len(answer)}" if isinstance(answer, tuple | list) else "")


def pair(answer, rule):
    """Give an answer that is a tuple or list of two parts; raise NotRight with the rule where it is not."""
    check(isinstance(answer, tuple | list) and len(answer) == 2, f"{rule}; yours gives {kind(answer)}.")
    return answer


def numbers(answer, what, shape=None):
    """Give an answer as an array of numbers; raise NotRight where it is none, or not of this shape.

    `what` names the answer in the hint. A length of None in the shape means any length, no shape any shape.
    """
    try:
        values = np.asarray(answer, float)
    except Exception:  # every type has its own error, and a student's class any
        raise NotRight(f"{what} must be numbers; your function gives {kind(answer)}.") from None
    if shape is None:
        return values
    if None in shape and not values.size:
        return np.empty([length or 0 for length in shape])
    fits, fits_transposed = (
        len(found) == len(shape) and all(length in (None, n) for n, length in zip(found, shape, strict=True))
        for found in (values.shape, values.shape[::-1])
    )
    sizes = ", ".join("any number" if length is None else str(length) for length in shape)
    wanted = f"have shape ({sizes}{',' * (len(shape) == 1)})" if shape else "be one number"
    turned = " Is it transposed?" if fits_transposed else ""
    check(fits, f"{what} must {wanted}; yours has shape {values.shape}.{turned}")
    if None not in shape:
        _check_array(answer, what, values.size)
    return values


def _check_array(answer, what, size):
    """Refuse a list of right numbers, which later cells cannot compute with; two numbers may be a pair."""
    check(size <= 2 or not isinstance(answer, list | tuple), f"{what}: yours is a {kind(answer)}; give an array.")


def close(one, other, *, rtol=1e-6, atol=1e-6):
    """Tell whether two answers agree in shape and in value, NaN included."""
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True)


def compare(answer, right, mistakes, otherwise=None, *, what="Your answer", rtol=1e-6, atol=1e-12):
    """Pass where an answer is right; else raise NotRight with the hint of the mistake that gives the same.

    `mistakes` is {hint: what the mistake gives}; a list holds several answers that deserve the same hint. Where none
    fits, the hint is `otherwise`, or else it names the shape or the size of the error. `rtol` is a share of the largest
    right value.
    """
    values, right = numbers(answer, what), np.asarray(right, float)
    atol += rtol * np.max(np.abs(np.nan_to_num(right)), initial=0)
    if close(values, right, rtol=rtol, atol=atol):
        return _check_array(answer, what, right.size)
    for hint, wrong in mistakes.items():
        for each in wrong if isinstance(wrong, list) else [wrong]:
            check(not close(values, each, rtol=rtol, atol=atol), hint)
    if otherwise is None:
        numbers(values, what, right.shape)
    bad = values.size - np.isfinite(values).sum()
    check(not bad, f"{what}: {bad} of {values.size} values are NaN or infinite. Is something divided by zero?")
    raise NotRight(otherwise or f"{what}: {_off_by(values, right)}. Go through it step by step.")


def _off_by(values, right):
    """Say how far off the worst value is, without saying what is right."""
    worst = np.unravel_index(np.argmax(np.abs(values - right)), values.shape)
    ratio = values[worst] / right[worst] if right[worst] else 0
    size = (
        f"yours is {ratio:.3g} times what it should be" if ratio > 0 else "yours has the wrong sign, or should not be 0"
    )
    if not worst:
        return f"the value is not right; {size}"
    return f"the shape is right, the values are not; {size} at index {', '.join(map(str, worst))}"


def runs(above, shortest=1):
    """List the runs of True in a row (T,) that have `shortest` frames or more: (N, 2), first and last frame.

    It goes through the frames one by one, unlike the library and the students' answers.
    """
    found, begin = [], None
    for frame, now in enumerate([*above, False]):
        if now and begin is None:
            begin = frame
        if not now and begin is not None:
            found += [(begin, frame - 1)] if frame - begin >= shortest else []
            begin = None
    return np.array(found, float).reshape(-1, 2)

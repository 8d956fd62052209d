"""Session 3 of the course: the checks of its exercises, from scaling and a step of an LSTM to the mean curve.

In: a student's functions. Out: a sentence where the function is right, NotRight with a hint where it is not.
What is right comes from torch or from a slow loop.
"""

from itertools import permutations

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from grfkit.course.checking import NotRight, call, check, close, compare, kind, numbers, pair


def check_minmax(minmax):
    """Check minmax(training, other): scaling by training rows alone, of rows within and beyond their range."""
    rng = np.random.default_rng(31)
    for columns, count in ((3, 20), (1, 5), (33, 1)):
        training = rng.normal(size=(30, columns)) * np.geomspace(0.1, 50, columns) + rng.normal(size=columns)
        other = 1.5 * rng.normal(size=(count, columns)) * np.geomspace(0.1, 50, columns) + 0.5
        low, high, both = training.min(axis=0), training.max(axis=0), np.concatenate([training, other])
        right = (other - low) / (high - low)

        def by(rows, axis=0, other=other):
            with np.errstate(all="ignore"):
                return (other - rows.min(axis=axis)) / np.ptp(rows, axis=axis)

        standard = (other - training.mean(axis=0)) / training.std(axis=0)
        mistakes = {
            "The limits come from `other`, the unseen runners. Which rows do you know when you fit the scaling?": by(
                other
            ),
            "The limits come from `training` and `other` together, so the unseen runners influence the scaling. "
            "That is leakage.": by(both),
            "You use one pair of limits for all variables, but each column has its own. Along which axis do min "
            "and max go?": by(training, axis=None),
            "You cut off values beyond the training range. They may lie outside [0, 1]: a taller runner is "
            "taller.": right.clip(0, 1),
            "Is this the standard score? Scaling by mean and SD is not scaling to [0, 1].": standard,
            "You subtract the right value, but you divide by the maximum. How long is the range?": (other - low) / high,
            "The minimum is not subtracted: the smallest training value must become 0.": other / (high - low),
            "Your scaling is upside down: the smallest training value must become 0, not 1.": 1 - right,
        }
        answer = call(minmax, training.copy(), other.copy())
        answer = numbers(answer, "The scaled rows of `other`, one array,", other.shape)
        compare(
            answer,
            right,
            mistakes,
            "The shape is right, the values are not. For each variable, the smallest training value must become 0 "
            "and the largest 1, with all others in proportion.",
        )
    print(
        "Right: each variable is scaled by the training rows alone, and values beyond their range stay outside [0, 1]."
    )


def _step(x, h, c, weights_x, weights_h, bias, *, order=(0, 1, 2, 3), gate=expit, candidate=np.tanh, squash=np.tanh):
    """Go one step of an LSTM to the new h and c, (2, U); the options are what students get wrong."""
    rows = (weights_x @ x + weights_h @ h + bias).reshape(4, -1)[list(order)]
    (i, f, o), g = gate(rows[[0, 1, 3]]), candidate(rows[2])
    new = f * c + i * g
    return np.stack([o * squash(new), new])


def _step_mistakes(x, h, c, weights_x, weights_h, bias):
    """Give {hint: the new h and c, (2, U), that a student who makes this mistake finds}."""
    given, weights, none = (x, h, c, weights_x, weights_h, bias), (weights_x, weights_h, bias), np.zeros_like
    hidden, cell = _step(*given)
    orders = list(permutations(range(4)))[1:]
    return {
        "Both states are right, but in the other order: the hidden state comes first.": (cell, hidden),
        "The candidate g goes through the sigmoid, but it may be negative. Which function gives values between -1 "
        "and 1?": _step(*given, candidate=expit),
        "The gates i, f and o go through tanh, but a gate is open or shut. Which function gives values between 0 "
        "and 1?": _step(*given, gate=np.tanh),
        "The new cell state is right. On its way to the hidden state something is missing.": _step(
            *given, squash=lambda state: state
        ),
        "The new cell state is right, but you compute the hidden state from the old one.": (
            hidden / np.tanh(cell) * np.tanh(c),
            cell,
        ),
        "The hidden state h has no effect on the gates. Is this still a recurrence?": _step(x, none(h), c, *weights),
        "The input x has no effect on the gates.": _step(none(x), h, c, *weights),
        "The bias is missing.": _step(x, h, c, weights_x, weights_h, none(bias)),
        "You forget the old cell state at every step: f has no effect.": _step(x, h, none(c), *weights),
        "You take the four blocks of rows in another order than i, f, g, o.": [
            _step(*given, order=order) for order in orders
        ],
    }


def _step_of_torch(x, h, c, weights_x, weights_h, bias):
    """Go one step of torch.nn.LSTMCell with these weights: the new h and c, (2, U)."""
    cell = nn.LSTMCell(len(x), len(h), dtype=torch.float64)
    parameters = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    with torch.no_grad():
        for parameter, value in zip(parameters, (weights_x, weights_h, bias, np.zeros_like(bias)), strict=True):
            parameter.copy_(torch.as_tensor(value))
        return torch.stack(cell(torch.as_tensor(x), (torch.as_tensor(h), torch.as_tensor(c)))).numpy()


def check_lstm_step(lstm_step):
    """Check lstm_step(x, h, c, weights_x, weights_h, bias) against torch.nn.LSTMCell with the same weights."""
    rng = np.random.default_rng(32)
    for inputs, units in ((3, 2), (33, 8), (1, 1)):
        x, h, c = rng.normal(size=inputs), rng.normal(size=units), rng.normal(size=units)
        weights = rng.normal(size=(4 * units, inputs)), rng.normal(size=(4 * units, units)), rng.normal(size=4 * units)
        given = [value.copy() for value in (x, h, c, *weights)]
        rule = "lstm_step gives two arrays: the new hidden state and the new cell state, `return h, c`"
        answer = np.stack(
            [
                numbers(part, f"The new {name} state, one value a unit,", (units,))
                for part, name in zip(pair(call(lstm_step, *given), rule), ("hidden", "cell"), strict=True)
            ]
        )
        right = _step_of_torch(x, h, c, *weights)
        compare(
            answer,
            right,
            _step_mistakes(x, h, c, *weights),
            "The new cell state is right. Look at how you compute the hidden state from it, and at the gate o."
            if close(answer[1], right[1])
            else "The new cell state is not right. Print each gate: i, f and o lie between 0 and 1, g between -1 and "
            "1.",
        )
    print("Right: your step and torch.nn.LSTMCell agree to six digits, for networks of three sizes.")


def check_masked_mse(masked_mse):
    """Check masked_mse(estimated, target, real) and its gradient against a slow loop, without padding too."""
    rng = np.random.default_rng(33)
    for lengths, longest in (((2, 5, 9), 9), ((4, 4), 4), ((1, 6), 8)):
        real = np.arange(longest) < np.array(lengths)[:, None]
        estimated, target = rng.normal(size=real.shape), rng.normal(size=real.shape)
        squared = (estimated - target) ** 2
        right = sum(squared[s, t] for s, length in enumerate(lengths) for t in range(length)) / sum(lengths)
        mistakes = _mse_mistakes(estimated - target, real)
        tensor = torch.tensor(estimated, requires_grad=True)
        answer = call(masked_mse, tensor, torch.tensor(target), torch.tensor(real))
        check(
            isinstance(answer, torch.Tensor),
            f"The loss must be a tensor, because torch computes gradients from it; yours is {kind(answer)}. Use "
            "only torch: no float(), .item() or numpy.",
        )
        check(answer.dim() == 0, f"The loss is one number; yours has shape {tuple(answer.shape)}.")
        check(answer.requires_grad, "The loss has lost its gradient. Do not use .detach(), .data or torch.no_grad().")
        compare(answer.detach(), right, mistakes, "The value is not the mean squared error over real samples.")
        check(
            close(call(_gradient, answer, tensor), 2 * (estimated - target) * real / real.sum()),
            "The value is right, its gradient is not. Compute the loss from `estimated` with torch's own "
            "operations; padding must have no gradient.",
        )
    print(
        "Right: the mean squared error over real samples only. Padding has no gradient, so the network learns "
        "nothing from it."
    )


def _mse_mistakes(error, real):
    """Give {hint: the loss that a student who makes this mistake finds} for errors (B, L)."""
    squared = error**2
    total, lengths = squared[real].sum(), real.sum(axis=1)
    by_stance = np.mean((squared * real).sum(axis=1) / lengths)
    of_padding = [squared[~real].mean()] if not real.all() else []
    return {
        "Padding counts: this is the mean over all samples, real or not.": squared.mean(),
        "You leave padding out of the sum, but not of the number you divide by, so short stances seem better.": total
        / real.size,
        "Each stance is averaged first. Each real sample must count the same, so a long stance counts more than a "
        "short one.": by_stance,
        "This is the sum over real samples, not their mean.": total,
        "This is the root of the mean squared error.": np.sqrt(squared[real].mean()),
        "This is the mean of absolute errors, not of squared ones.": np.abs(error[real]).mean(),
        "This is the mean over padding: you use `real` the wrong way round.": of_padding,
        "You divide the sum by the number of stances. What must you average over?": total / len(real),
    }


def _gradient(loss, tensor):
    """Give the gradient of a loss by a tensor, 0 where the loss does not depend on it."""
    return torch.autograd.grad(loss, tensor, materialize_grads=True)[0].numpy()


def _early_stop(errors, patience, *, gain=np.less):
    """Find the epoch that is kept and the last one trained; mistakes change what counts as a gain."""
    kept = 0
    for epoch, error in enumerate(errors):
        if gain(error, errors[kept]):
            kept = epoch
        elif epoch - kept >= patience:
            return kept, epoch
    return kept, len(errors) - 1


def _early_stop_mistakes(errors, patience):
    """Give {hint: the pair (kept, last) that a student who makes this mistake finds}."""
    (kept, last), end = _early_stop(errors, patience), len(errors) - 1
    no_gain = [epoch for epoch in range(1, end + 1) if errors[epoch] >= min(errors[:epoch])]
    rises = [bool(epoch) and errors[epoch] >= errors[epoch - 1] for epoch in range(end + 1)]
    run = next((epoch for epoch in range(patience, end + 1) if all(rises[epoch - patience + 1 : epoch + 1])), end)

    def best_until(epoch):
        return int(np.argmin(errors[: epoch + 1])), epoch

    return {
        "The kept epoch comes after the stop. Training had ended, so nobody has ever seen that epoch.": (
            best_until(end)[0],
            last,
        ),
        "Training always runs to the end, whatever the patience.": best_until(end),
        "The pair is the wrong way round: the kept epoch comes first.": (last, kept),
        "You say that the weights of the last epoch are kept, but these are already worse.": (last, last),
        "Training stops one epoch late. The last epoch without a gain counts too.": [(kept, last + 1)]
        if last < end
        else [],
        "Training stops one epoch early. How many epochs without a gain does `patience` allow?": (kept, last - 1),
        "You count an epoch that is only as good as the best so far as a gain. Its error must be smaller.": _early_stop(
            errors, patience, gain=np.less_equal
        ),
        "Epochs are counted from 0, as in Python.": (kept + 1, last + 1),
        "You count all epochs without a gain together. After a gain the count begins anew.": [
            best_until(epoch) for epoch in no_gain[patience - 1 : patience]
        ],
        "Each epoch is compared with the one before it. Which earlier error matters?": best_until(run),
    }


def check_early_stop(early_stop):
    """Check early_stop(errors, patience) on made-up errors: ties, a late gain, and patience that never runs out."""
    cases = [
        ([5, 4, 3, 3.5, 3.2, 3.4, 3.6, 3.7, 1], 3),
        ([3, 2, 2, 2.5, 2.6, 1], 2),
        ([5, 6, 4, 5, 3, 5, 2, 1], 2),
        ([3, 2, 2, 2, 1], 2),
        ([5, 4, 3, 3.5, 3.2, 3.1, 2], 3),
        ([4, 3, 2, 1], 2),
        ([1, 2, 3], 1),
        ([4, 3, 3.5], 5),
    ]
    for errors, patience in cases:
        answer = call(early_stop, np.array(errors, float), patience)
        answer = numbers(answer, "The answer of early_stop, which gives two numbers, `return kept, last`,", (2,))
        yours = f" (Errors {errors}, patience {patience}: yours gives {answer[0]:g}, {answer[1]:g}.)"
        compare(
            answer,
            _early_stop(errors, patience),
            {hint + yours: wrong for hint, wrong in _early_stop_mistakes(errors, patience).items()},
            "The epochs are not right. Go through the errors by hand; note the smallest so far and the epochs "
            f"since then.{yours}",
        )
    print("Right: the epoch with the smallest error before the stop, with equal errors and late gains too.")


def check_runner_folds(runner_folds):
    """Check runner_folds(runners, k, seed): runners stay apart, each stance is validated once, the seed repeats."""
    rng = np.random.default_rng(34)
    for count, k in ((16, 5), (7, 3), (4, 4)):
        names = np.array([f"v{number:02d}" for number in rng.permutation(count)])
        runners = rng.permutation(np.repeat(names, rng.integers(1, 9, count)))
        folds = _folds(call(runner_folds, runners.copy(), k, 1), k, len(runners))
        check(
            any(len(training) > len(validation) for training, validation in folds),
            "The two sides are exchanged. A fold is (training, validation), and training is the larger part.",
        )
        for number, (training, validation) in enumerate(folds, 1):
            _check_apart(runners, number, training, validation)
        held = np.concatenate([validation for _, validation in folds])
        twice, never = len(held) - len(np.unique(held)), len(runners) - len(np.unique(held))
        check(not twice, f"{twice} stances are validated more than once. Each runner belongs to one fold.")
        check(not never, f"{never} stances are never validated. Each runner belongs to one fold.")
        sizes = [len(np.unique(runners[validation])) for _, validation in folds]
        check(
            max(sizes) - min(sizes) <= 1,
            f"The folds have {', '.join(map(str, sizes))} runners. These numbers may differ by one at most.",
        )
    first, *others = (_held_runners(runner_folds, seed) for seed in (0, 0, 1, 2, 3))
    check(
        others[0] == first,
        "The same seed gives other folds the second time, so nobody could repeat your study.",
    )
    check(
        any(folds != first for folds in others),
        "Four seeds give the same folds, so the seed has no effect. Do you shuffle the runners?",
    )
    print(
        "Right: no runner is on two sides, every stance is validated once, folds are of equal size, and a seed "
        "repeats them."
    )


def _check_apart(runners, number, training, validation):
    """Check that a fold's two sides share no runner, and hold every stance."""
    both = np.intersect1d(runners[training], runners[validation])
    check(
        not len(both),
        f"{len(both)} of {len(np.unique(runners))} runners are on both sides of fold {number}. All stances of a "
        "runner belong together.",
    )
    neither = len(runners) - len(np.union1d(training, validation))
    check(
        not neither,
        f"In fold {number}, {neither} of {len(runners)} stances are on neither side. Train on every stance that "
        "you do not validate.",
    )


def _held_runners(runner_folds, seed):
    """Name the runners that each of a student's 4 folds validates."""
    runners = np.repeat([f"v{number:02d}" for number in range(16)], 3)
    folds = _folds(call(runner_folds, runners.copy(), 4, seed), 4, len(runners))
    return [np.unique(runners[validation]).tolist() for _, validation in folds]


def _folds(answer, k, count):
    """Read a student's folds as a list of pairs of arrays of indices below `count`."""
    once = "runner_folds gives a generator, which can be read only once. Make it a list."
    check(not hasattr(answer, "__next__"), once)
    check(isinstance(answer, list | tuple), f"runner_folds gives a list of folds; yours is {kind(answer)}.")
    check(len(answer) == k, f"The answer needs k = {k} folds; yours has {len(answer)}.")
    rule = "Each fold is a pair (training, validation)"
    return [tuple(_indices(side, count) for side in pair(fold, rule)) for fold in answer]


def _indices(side, count):
    """Read one side of a fold as an array of different indices below `count`."""
    try:
        side = np.asarray(side)
    except Exception:
        raise NotRight(f"A side of a fold is one row of indices; found {kind(side)}.") from None
    check(
        side.ndim == 1 and side.size,
        f"A side of a fold is one row of indices, and it is not empty; found shape {side.shape}.",
    )
    check(
        side.dtype != bool,
        "The sides of your folds are masks of True and False. The exercise asks for indices.",
    )
    check(side.dtype.kind in "iu", f"The sides of a fold must be indices of stances, whole numbers; found {side[0]!r}.")
    check(
        side.min() >= 0 and side.max() < count, f"There are {count} stances, and one of your indices is outside them."
    )
    check(len(np.unique(side)) == len(side), "A stance is twice on the same side of a fold.")
    return side


def check_mean_curve(mean_curve):
    """Check mean_curve(curves, sides, runners) against a slow loop, with different numbers of stances a runner."""
    rng = np.random.default_rng(35)
    for nodes, runners in ((5, "aaabbccccdd"), (101, "cabbaccab"), (1, "abab")):
        runners = np.array([f"v_{letter}" for letter in runners])
        sides = np.array(list("lr" * len(runners)))[: len(runners)] if nodes > 1 else np.array(list("llrr"))
        curves = rng.normal(size=(len(runners), nodes)) + 2 * (sides == "l")[:, None]
        same, own = sides[:, None] == sides, runners[:, None] == runners
        by_runner = [
            np.mean([curves[row & (runners == other)].mean(axis=0) for other in np.unique(runners[row])], axis=0)
            for row in same & ~own
        ]
        itself = np.eye(len(runners), dtype=bool)
        mistakes = {
            "The runner's own stances are in the mean, but the baseline must not know this runner.": _average(
                curves, same
            ),
            "You leave out only the stance itself. The runner's other stances are still in the mean.": _average(
                curves, same & ~itself
            ),
            "Left and right stances are averaged together. Which side does the exercise ask for?": _average(
                curves, ~own
            ),
            "You leave out no runner, and you average both sides together.": _average(curves, np.ones_like(own)),
            "This is the mean of the other side.": _average(curves, ~same & ~own),
            "This is the runner's own mean curve, the opposite of a baseline.": _average(curves, same & own),
            "Each runner is averaged first, then the runners. Each stance must count the same.": np.stack(by_runner),
        }
        given = curves.copy()
        answer = call(mean_curve, given, sides.copy(), runners.copy())
        answer = numbers(answer, "What mean_curve gives, a curve for each stance, (S, Q),", curves.shape)
        check(np.array_equal(given, curves), "mean_curve changes the curves that it was given. Write into a new array.")
        compare(
            answer,
            _average(curves, same & ~own),
            mistakes,
            "The curves are not the right means. For one stance, print which others you average.",
        )
    print(
        "Right: the mean of the other runners' stances on the same side, also if runners have different numbers "
        "of stances."
    )


def _average(curves, taken):
    """Average curves (S, Q): for each row of `taken` (S, S) the curves that it marks."""
    return np.stack([curves[row].mean(axis=0) if row.any() else np.full(curves.shape[1], np.nan) for row in taken])

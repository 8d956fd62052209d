"""The clock of a recording: whether its frame rate fits the height and length of a runner's steps.

In: a motion and its footsteps. Out: warnings, or a refusal. A body rises and falls under gravity, so that the rise of
the pelvis and the lengths of steps and legs determine how long a step takes. A wrong frame rate makes every time wrong
but no length. If it is much too high, footsteps are missed, and the feet do not take turns.
"""

import numpy as np

from grfkit.field.training_range import leg_lengths

NEAR = 1.5  # times the median step, beyond which a footstep between two is missing: our choice
NODES = 101  # of a step, at which the height of the pelvis is read: our choice, some 4 ms apart
FEWEST_RUNNERS = 8  # four numbers are fitted; with fewer runners they fit these runners alone: our choice
# standard deviations of left-out training recordings, beyond which the rate is uncertain, and at least half of the way
# to a rate a fifth off, as 120 for 100: in rbds 3 deviations are .12. Beyond WRONG nothing is estimated: our choices
DEVIATIONS, LEAST_OFF, WRONG = 3, np.log(1.2) / 2, np.log(1.5)
# shares of footsteps that follow one of the same foot, beyond which the rate is uncertain, or nothing is estimated: in
# 205 recordings none does, and at twice their rate, where footsteps are overlooked, mostly .7 to 1: our choices
SAME_FOOT, MOSTLY_SAME = 0.1, 0.5


UNCHECKED = (
    "frame rate: not checked, because the model is older or was trained on too few runners to predict step times"
)
RULE, ADVICE = "Forces need the right frame rate", "Correct the frame rate, or the times in the file."


def check(known, moved, footsteps, speed_m_s):
    """Check that feet take turns, and that steps last as long as a training range `known` predicts: warnings, refusal.

    The warnings are a list of texts; the refusal is a text, empty if the recording can be estimated. The training range
    of an older model, or of few runners, cannot predict how long steps last.
    """
    same = same_foot(footsteps["side"])
    turns = f"{100 * same:.0f} % of the footsteps follow one of the same foot, although feet take turns"
    if same > MOSTLY_SAME:
        return [], f"{RULE}; here {turns}: at {moved.rate_hz:g} frames a second some are missed. {ADVICE}"
    warnings = [f"is the frame rate right? {turns}"] if same > SAME_FOOT else []
    if not known.get("clock"):
        return warnings, ""
    measured = measure(moved, footsteps["mid_s"].to_numpy(), speed_m_s)
    amount = off(known["clock"], measured)
    doubt, wrong = doubtful(known["clock"], amount)
    text = (
        f"a step takes {1000 * measured[0]:.0f} ms at {moved.rate_hz:g} frames a second; steps as high and as long of "
        f"training runners take {1000 * measured[0] * np.exp(amount):.0f} ms, which fits a rate of about "
        f"{moved.rate_hz / np.exp(amount):.0f}"
    )
    if wrong:
        return [], f"{RULE}; here {text}. {ADVICE}"
    return warnings + ([f"is the frame rate right? {text}"] if doubt else []), ""


def same_foot(sides):
    """Give the share of footsteps, of `sides` (S,) in order, that follow one of the same foot."""
    sides = np.asarray(sides)
    return float(np.mean(sides[1:] == sides[:-1])) if len(sides) > 1 else 0.0


def measure(moved, mid_s, speed_m_s):
    """Measure the steps of a Motion, with mid-stances at mid_s (S,) s: (step s, rise m, step m, leg m), medians.

    The rise is how much the pelvis goes up and down from one mid-stance to the next. NaN where no two follow.
    """
    steps = np.diff(mid_s)
    follow = np.flatnonzero(steps < NEAR * np.median(steps)) if len(steps) else []
    if not len(follow):
        return (np.nan,) * 4
    times = mid_s[follow, None] + steps[follow, None] * np.linspace(0, 1, NODES)
    rise = np.median(np.ptp(moved.spline(times)[:, :, 0, 2], axis=1))
    step_s = np.median(steps[follow])
    return step_s, rise, speed_m_s * step_s, np.median(leg_lengths(moved.spline(mid_s)))


def learn(measured, runners):
    """Learn how long steps take, from rows (R, 4) of `measure` of recordings, and their `runners` (R,).

    Returns numbers that JSON can hold, None with too few runners: `weights` of a line through logarithms, and the `sd`
    of how far it is off on runners who are left out of it.
    """
    runners, known = np.asarray(runners), np.isfinite(measured).all(axis=1)
    rows, runners = np.asarray(measured)[known], runners[known]
    if len(set(runners)) < FEWEST_RUNNERS:
        return None
    off = np.concatenate(
        [_off(_fit(rows[runners != runner]), rows[runners == runner]) for runner in dict.fromkeys(runners)]
    )
    return {"weights": _fit(rows).tolist(), "sd": float(np.sqrt(np.mean(off**2)))}


def off(known, measured):
    """Give the logarithm of the factor by which a clock is too quick, from what `learn` gave and a row of `measure`."""
    return float(_off(np.array(known["weights"]), np.array([measured]))[0])


def doubtful(known, amount):
    """Tell whether a clock that is `off` by an amount is uncertain, and whether it is wrong."""
    return abs(amount) > max(DEVIATIONS * known["sd"], LEAST_OFF), abs(amount) > WRONG


def _fit(rows):
    return np.linalg.lstsq(_design(rows), np.log(rows[:, 0]), rcond=None)[0]


def _off(weights, rows):
    return _design(rows) @ weights - np.log(rows[:, 0])


def _design(rows):
    return np.column_stack([np.ones(len(rows)), np.log(rows[:, 1:])])

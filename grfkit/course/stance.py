"""Session 1 of the course: checks of the exercises on the way from a recording to a stance, and what its pictures need.

Each check takes the student's function, tries it on made data with a known answer, and on a recording; it prints one sentence
where all is right, and raises AssertionError with a hint where it is not.
"""

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from grfkit import plot, transform
from grfkit.course import data as course_data
from grfkit.course.data import call, check
from grfkit.points import FORCES, GRAVITY, INPUTS, POINTS
from grfkit.recordings import c3d, landmarks, plates
from grfkit.stances import tracks
from grfkit.stances.checks import FLANK_S, LAG_CUTOFF_HZ, LARGEST_LAG_S

PADDING = 10  # frames before touchdown and after toe-off (paper section 1.4.2: 10 ms)
NAMED = dict(zip(POINTS, POINTS, strict=True))  # the virtual laboratory's files call the 11 points by their names


def read(file):
    """Read one C3D file of the course -> its c3d.Recording and its 11 points (F, 11, 3) m."""
    recording = c3d.read(course_data.recordings_folder() / file, forward="+x", up="+z")
    return recording, landmarks.from_markers(recording.points, NAMED)


def shifted_file():
    """Name the course's recording whose cameras and plates were not started together."""
    planted = pd.read_csv(course_data.recordings_folder() / "planted.csv")
    return planted.set_index("fault")["file"]["unsynchronised"]


def force_and_acceleration(recording, points):
    """Prepare what synchronisation compares: (vertical force (T,) N, pelvis' acceleration (T,) m/s2, first, end).

    Both are low-passed at 10 Hz and at the force's rate, as in grfkit.stances.checks.lag. `first` and `end` are the frames from shortly
    before the first contact to shortly after the last: before and after, the runner steps beside the plates.
    """
    hz = recording.force_hz
    forces = [plates.zeroed(plate, hz).force[:, 2] for plate in recording.plates]
    spans = [span for force in forces for span in plates.contacts(force, threshold_n=10.0, rate_hz=hz)]
    times = np.arange(len(forces[0])) / hz
    height = tracks.Tracks(points, recording.point_hz, cutoff_hz=None, max_gap_s=0.04, missing_share=0.2).pelvis_height(
        times
    )
    height, vertical = (
        transform.lowpass(values, cutoff_hz=LAG_CUTOFF_HZ, rate_hz=hz) for values in (height, sum(forces))
    )
    flank = round(FLANK_S * hz)
    return vertical, np.gradient(np.gradient(height, times), times), min(spans)[0] - flank, max(spans)[1] + flank


def library_stance(stance):
    """Take one stance as 01_preprocess cut it: times (T,) s, points (T, 11, 3) m in the touchdown frame, force (T, 3) BW."""
    frames, _ = course_data.stances()
    rows = frames[frames["stance"] == stance]
    points = rows[INPUTS].to_numpy(float).reshape(-1, len(POINTS), 3)
    return rows["time_s"].to_numpy(float), points, rows[FORCES].to_numpy(float)


def plot_compared(axes, mine, library):
    """Draw the student's stance over the library's on axes (2, 2): force V and AP, pelvis forward and heels up.

    Each is (times (T,) s, points (T, 11, 3) m, force (T, 3) BW).
    """
    heels = [POINTS.index("l_heel"), POINTS.index("r_heel")]
    rows = [
        ("vertical force (BW)", lambda points, force: force[:, 2]),
        ("AP force (BW)", lambda points, force: force[:, 0]),
        ("pelvis forward (m)", lambda points, force: points[:, 0, 0]),
        ("heels up (m)", lambda points, force: points[:, heels, 2]),
    ]
    for ax, (name, pick) in zip(np.ravel(axes), rows, strict=True):
        for (time_s, points, force), style in (
            (library, {"color": plot.MEASURED, "linewidth": 3.5, "alpha": 0.35}),
            (mine, {"color": plot.ESTIMATED, "linestyle": "--"}),
        ):
            ax.plot(1000 * time_s, pick(points, force), label="library" if time_s is library[0] else "mine", **style)
        ax.set(xlabel="time after touchdown (ms)", ylabel=name)
    axes[0, 0].legend(frameon=False)
    return axes


# What all checks share


def numbers(answer, shape, what):
    """Give a student's answer as an array of numbers of this shape (None: any length); raise AssertionError where it is not."""
    try:
        values = np.asarray(answer, float)
    except (TypeError, ValueError):
        raise AssertionError(f"{what} must be numbers; your function gives {type(answer).__name__}.") from None
    fits = [
        len(given) == len(shape) and all(b in (None, a) for a, b in zip(given, shape, strict=True))
        for given in (values.shape, values.shape[::-1])
    ]
    sizes = ", ".join("any number" if n is None else str(n) for n in shape) + "," * (len(shape) == 1)
    wanted = "one number" if shape == () else f"an array of shape ({sizes})"
    check(
        fits[0],
        f"{what} must be {wanted}; yours has the shape {values.shape}." + (" Is it transposed?" if fits[1] else ""),
    )
    return values


def judge(values, right, mistakes, otherwise, *, atol=1e-9):
    """Pass where values equal the right ones; else raise the hint of the mistake {hint: its values} they equal, or `otherwise`."""
    if same(values, right, atol):
        return
    for hint, wrong in mistakes.items():
        check(not same(values, wrong, atol), hint)
    raise AssertionError(otherwise)


def same(one, other, atol):
    """Tell whether two answers agree, NaN included."""
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=0, atol=atol, equal_nan=True)


def made_force(*, length=230, before=60, after=80, peak_n=1500.0):
    """Make a force on the runner (T, 3) N of one stance: braking and propulsion, a medial hump, a half sine up."""
    share = (np.arange(length) + 0.5) / length
    stance = np.stack([-0.15 * np.sin(2 * np.pi * share), 0.03 * np.sin(np.pi * share), np.sin(np.pi * share)], axis=1)
    return peak_n * np.pad(stance, ((before, after), (0, 0)))


# The exercises, in their order


def check_body_weights(function):
    """Check body_weights(on_plate_n, mass_kg): from what the plate feels, N, to what the runner feels, BW."""
    for force, mass in (
        (made_force(), 62.0),
        (made_force(length=180, peak_n=2300.0), 88.5),
        (made_force()[150:151], 50.0),
    ):
        values = numbers(call(function, -force, mass), force.shape, "The force")
        scale = {
            "Your force is 9.81 times too large: a body weight is a force, mass times the acceleration of gravity, not a mass.": mass,
            "Your force does not depend on the runner's mass: divide by the weight of this runner.": GRAVITY,
            "Your force is still in newtons: divide by the runner's weight, mass times 9.81 m/s².": 1.0,
            "Divide by the weight, in one pair of brackets: a / b * c is (a / b) * c.": mass / GRAVITY,
        }
        unit = mass * GRAVITY
        mistakes = {
            "The size is right and the sign is not: the plate measures what the runner does to it. What does it do to the "
            "runner, by Newton's third law?": -force / unit,
            "Only the vertical force is turned. By Newton's third law the whole vector is opposite, all three components.": force
            / unit
            * [-1, -1, 1],
            "A magnitude has lost the sign: braking is negative, and must stay so.": np.abs(force) / unit,
        }
        mistakes |= {hint: force / wrong for hint, wrong in scale.items()}
        mistakes |= {f"{hint} And look at the sign.": -force / wrong for hint, wrong in scale.items()}
        judge(
            values,
            force / unit,
            mistakes,
            "The force is off, and not by a factor that is a common mistake: the runner's force is "
            "the plate's, with the sign turned, over mass times 9.81.",
            atol=1e-3,
        )
    print("Right: forces of three runners in body weights, as the ground pushes the runner.")


def check_contacts(function):
    """Check contacts(vertical_n, threshold_n, shortest): (touchdown, toe-off) of each run of frames above the threshold."""
    stance, blip = made_force()[:, 2], np.pad([14.0, 25.0, 12.0], (40, 30))
    block = np.pad(np.full(50, 700.0), ((40, 30)))
    block[[38, 39, 90]] = 10.0  # exactly the threshold, beside 50 frames above it
    both = np.concatenate([blip, stance, blip, made_force(length=190)[:, 2], blip])
    cases = [
        (stance, 10.0, 50),
        (stance, 80.0, 50),
        (both, 10.0, 50),
        (both[::-1].copy(), 10.0, 50),
        (both, 10.0, 200),
        (stance[:200], 10.0, 50),
        (0.3 * blip, 10.0, 50),
        (block, 10.0, 50),
        (block, 10.0, 51),
    ]
    for force, threshold, shortest in cases:
        answer = call(function, force.copy(), threshold_n=threshold, shortest=shortest)
        check(
            isinstance(answer, list | tuple | np.ndarray),
            f"The contacts must be a list of pairs; yours is {type(answer).__name__}.",
        )
        if len(answer):
            values = numbers(answer, (None, 2), "The contacts, pairs of frames (touchdown, toe-off),")
        else:
            values = np.empty((0, 2))
        right = _runs(force, threshold, shortest)
        check(
            len(right) or not len(values), "A plate that nobody steps on has no contact: there your list must be empty."
        )
        mistakes = {
            "Your touchdown comes one frame early: it is the first frame above the threshold, not the last below it.": right
            - [1, 0],
            "Touchdown is right; your toe-off comes one frame late: it is the last frame above the threshold, not the "
            "first below it.": right + [0, 1],
            "Touchdown and toe-off come one frame early: np.diff is one shorter than what it differs.": right - 1,
            "Touchdown and toe-off come one frame late: is a False put in front and not taken off again?": right + 1,
            "Frames are whole numbers, counted from 0; yours seem to be seconds.": right / 1000,
            "A contact is a pair (touchdown, toe-off); yours seems to be (touchdown, duration).": np.column_stack(
                [right[:, 0], right[:, 1] - right[:, 0] + 1]
            ),
            "A frame in which the force is exactly the threshold is not above it: is it `>` or `>=`?": _runs(
                force, threshold - 1e-9, shortest
            ),
            "Left out are runs shorter than `shortest`: one of exactly so many frames is a contact.": _runs(
                force, threshold, shortest + 1
            ),
            "Noise that crosses the threshold for a few frames is not a contact: leave out runs of fewer than `shortest` "
            "frames.": _runs(force, threshold, 1),
            "Your answer does not depend on `shortest`: use the argument, not its default.": _runs(
                force, threshold, 50
            ),
            "Your answer does not depend on `threshold_n`: use the argument, not its default.": _runs(
                force, 10.0, shortest
            ),
            "A contact that is still going on when the recording ends is lost: put a False behind (and in front).": np.empty(
                (0, 2)
            )
            if force[-1] > threshold
            else right,
            "There are two contacts here, and your list has the first only.": right[:1],
            "There are two contacts here, and your list has the last only.": right[-1:],
            "Two contacts have been joined into one: the plate is unloaded between them.": np.array(
                [[right[0][0], right[-1][1]]]
            )
            if len(right)
            else right,
        }
        judge(
            values,
            right,
            mistakes,
            f"Of a force whose contacts are known, you find {len(values)} contact(s) and there are {len(right)}"
            f"{', at other frames' if len(values) == len(right) else ''}. Draw the force and your frames over it.",
        )
    print("Right: touchdown and toe-off to the frame, with noise, two steps, another threshold, an unloaded plate.")


def _runs(force, threshold, shortest):
    """Give the runs above the threshold, literally: go through the frames one by one; (C, 2), both ends included."""
    runs, begin = [], None
    for frame, loaded in enumerate([*(force > threshold), False]):
        if loaded and begin is None:
            begin = frame
        if not loaded and begin is not None:
            runs += [(begin, frame - 1)] if frame - begin >= shortest else []
            begin = None
    return np.array(runs, float).reshape(-1, 2)


def check_foot(function):
    """Check foot(points, time_s, rate_hz): the side whose heel is lower at a time, "" where a heel was not seen."""
    points, rate = np.zeros((60, len(POINTS), 3)), 100.0
    times = np.arange(60) / rate
    ahead, above = 0.3 * np.sin(9 * times + 1), 0.1 * np.cos(9 * times)
    points[:, POINTS.index("l_heel")] = np.stack([3.6 * times - ahead, np.full(60, 0.05), 0.15 - above], axis=1)
    points[:, POINTS.index("r_heel")] = np.stack([3.6 * times + ahead, np.full(60, -0.05), 0.15 + above], axis=1)
    points[:, POINTS.index("l_toe"), 2] = points[::-1, POINTS.index("l_heel"), 2] + 0.01 * times
    points[:, POINTS.index("r_toe"), 2] = points[::-1, POINTS.index("r_heel"), 2]
    lower = points[:, POINTS.index("l_heel"), 2] < points[:, POINTS.index("r_heel"), 2]
    turn = (
        np.flatnonzero(np.diff(lower)) + 0.7
    ) / rate  # the nearest camera frame is the first in which the other heel is lower
    slow, lost = points[::2], points.copy()
    lost[28:34, POINTS.index("r_heel")] = np.nan
    cases = [(points, t, rate) for t in (0.02, 0.08, 0.25, 0.41, 0.55)] + [(slow, t, 50.0) for t in (0.04, 0.13, 0.28)]
    cases += [(points, t, rate) for t in turn]
    answers = [call(function, each.copy(), *rest) for each, *rest in cases]
    check(
        all(isinstance(answer, str) for answer in answers),
        'The side is a text, "l" or "r"; yours is '
        f"{type(next((answer for answer in answers if not isinstance(answer, str)), '')).__name__}.",
    )
    check(set(answers) <= {"l", "r"}, f'The side is "l" or "r"; found {sorted(set(answers) - {"l", "r"})}.')
    right = _sides(cases)
    mistakes = {
        "Left and right are swapped: whose heel is lower, the foot on the ground or the one in the air?": [
            "r" if side == "l" else "l" for side in right
        ],
        "You compare another component: points are (frames, 11, 3), and the last axis is forward, left, up.": _sides(
            cases, component=0
        ),
        "You compare the toes; here it is the heels that are asked for.": _sides(cases, point="toe"),
        "Your answer is always the same, whatever the time.": [answers[0]] * len(answers),
        "Your answer is right at 100 Hz and wrong at another rate: use `rate_hz`.": _sides(cases[:5])
        + _sides(cases[5:8], assumed=100.0)
        + _sides(cases[8:]),
        "You take the camera frame before the time, and asked for is the nearest: `int` cuts off, `round` rounds.": _sides(
            cases, frame=int
        ),
    }
    if answers != right:
        for hint, wrong in mistakes.items():
            check(answers != wrong, hint)
        same_side = sum(a == b for a, b in zip(answers, right, strict=True))
        raise AssertionError(
            f"Of {len(right)} moments {same_side} are right. The frame of a time is time × rate, rounded; then "
            "compare the heights of the two heels."
        )
    check(
        call(function, lost, 0.31, rate) == "",
        'Where a heel was not seen its height is NaN, and every comparison with NaN is false: give "" there, not a side.',
    )
    print("Right: the foot on the ground at many moments, at two rates, and none where a heel is lost.")


def _sides(cases, *, component=2, point="heel", assumed=None, frame=round):
    """Name the side at each moment, rightly or by the component, the point, the rate or the rounding of a mistake."""
    feet = [POINTS.index(f"{side}_{point}") for side in "lr"]
    heights = [each[frame(t * (assumed or rate)), feet, component] for each, t, rate in cases]
    return ["l" if left < right else "r" for left, right in heights]


def check_touchdown_frame(function):
    """Check touchdown_frame(points, touchdown): all points from the pelvis' place on the ground at touchdown."""
    rng = np.random.default_rng(1)
    base = np.cumsum(rng.normal(0.004, 0.002, (40, 11, 3)), axis=0) + [1.3, 0.4, 0.9]
    for points, touchdown in ((base, 10), (base[::-1].copy(), 25), (base - [4.0, 0.8, 0.0], 0), (base[:1], 0)):
        given = points.copy()
        values = numbers(call(function, given, touchdown), points.shape, "The points")
        check(
            np.array_equal(given, points),
            "Your function changes the points it is given: `-=` writes into them. Write a new array, points - origin.",
        )
        flat = np.array([1.0, 1.0, 0.0])
        pelvis = points[:, 0]
        mistakes = {
            "The origin moves along with the pelvis, frame by frame. It is one point, where the pelvis was at touchdown: "
            "else the pelvis' own movement is lost, and with it what the force does.": points - pelvis[:, None] * flat,
            "The origin moves along with the pelvis, and its height is taken away as well: one point, on the ground.": points
            - pelvis[:, None],
            "The pelvis' height is taken away as well: the origin is its projection on the ground, so heights stay heights.": points
            - pelvis[touchdown],
            "The origin is the pelvis in the first frame; touchdown is another frame.": points - pelvis[0] * flat,
            "The origin is the pelvis in the last frame; touchdown is another frame.": points - pelvis[-1] * flat,
            "The points are where they were: they must be told from the new origin.": points,
            "The sign is wrong: a place seen from the origin is place minus origin.": points + pelvis[touchdown] * flat,
            "Only forward is moved: the projection of the pelvis has a forward and a sideways coordinate.": points
            - pelvis[touchdown] * [1, 0, 0],
            "Every point is moved on its own, to where it was at touchdown: there is one origin for all 11.": points
            - points[touchdown] * flat,
        }
        judge(
            values,
            points - np.array([*pelvis[touchdown, :2], 0]),
            mistakes,
            "The points are moved, and not by the pelvis' place at "
            "touchdown: points[touchdown, 0] is the pelvis, forward, left and up.",
        )
    print("Right: one origin for all frames, heights untouched, wherever in the laboratory and whenever touchdown is.")


def check_at_times(function):
    """Check at_times(points, rate_hz, times_s): a cubic spline through the camera frames."""
    for rate, frames, seed in ((100.0, 30, 0), (60.0, 24, 1)):
        seconds, rng = np.arange(frames) / rate, np.random.default_rng(seed)
        times = np.sort(rng.uniform(0.02, seconds[-1] - 0.02, 77))
        factors = rng.normal(size=(4, 11, 3)) * np.array([1, 5, 30, 200])[:, None, None]
        points, right = (
            np.einsum("kpc,kt->tpc", factors, np.vander(t, 4, increasing=True).T) for t in (seconds, times)
        )
        values = numbers(call(function, points.copy(), rate, times.copy()), right.shape, "The points")
        near = np.clip(np.rint(times * rate).astype(int), 0, frames - 1)
        mistakes = {
            "Between two frames your points run on straight lines: that is linear interpolation, and a cubic spline is smooth.": _linear(
                points, seconds, times
            ),
            "Your points stand still and jump: each is the nearest camera frame.": points[near],
            "Times are in seconds, and the spline's own are camera frames: divide frames by `rate_hz`.": CubicSpline(
                np.arange(frames), points
            )(times),
            "Your camera frames are not the camera's: use `rate_hz`, not 100.": CubicSpline(
                np.arange(frames) / 100, points
            )(times),
            "Right in the middle and off at the ends: a natural spline is straight there. Leave bc_type as CubicSpline has it.": CubicSpline(
                seconds, points, bc_type="natural"
            )(times),
        }
        judge(
            values,
            right,
            mistakes,
            "On points that move as a cubic polynomial a cubic spline is exact, and yours is off by up to "
            f"{np.abs(values - right).max():.2g} m. Frame i was taken at i / rate_hz seconds.",
            atol=1e-6,
        )
    print("Right: points that follow a cubic polynomial come out exactly, at two camera rates.")


def _linear(points, seconds, times):
    flat = points.reshape(len(points), -1).T
    return np.stack([np.interp(times, seconds, column) for column in flat], axis=1).reshape(
        len(times), *points.shape[1:]
    )


def check_lag(function):
    """Check lag(vertical_n, acceleration, first, end, rate_hz): how much later (s) the acceleration shows what the force does."""
    for rate, late_s, seed in (
        (500.0, 0.12, 3),
        (500.0, -0.1, 4),
        (1000.0, 0.08, 0),
        (1000.0, -0.055, 1),
        (1000.0, 0.0, 2),
    ):
        vertical, acceleration, first, end = _late(rate, late_s, seed)
        value = float(numbers(call(function, vertical.copy(), acceleration.copy(), first, end, rate), (), "The lag"))
        mistakes = {
            "The size is right and the sign is not: the lag is positive where the acceleration comes after the force.": -late_s,
            "The lag is in frames: give seconds.": late_s * rate,
            "The lag is in frames, and its sign is turned: give seconds.": -late_s * rate,
            "The lag is in milliseconds: give seconds.": late_s * 1000,
            "Your lag is right at 1000 Hz and not at another rate: use `rate_hz`.": late_s * rate / 1000,
            "Your lag is 0 whatever the signals: slide the acceleration, frame by frame, both ways.": 0.0,
            f"Your lag is at the end of the range: look both ways, from -{LARGEST_LAG_S} to +{LARGEST_LAG_S} s.": np.sign(
                value
            )
            * LARGEST_LAG_S,
        }
        judge(
            value,
            late_s,
            mistakes,
            f"On made signals that are {1000 * late_s:.0f} ms apart you find {1000 * value:.0f} ms. Compare the "
            "force in frames first to end with the acceleration in frames first + shift to end + shift; the best shift has the "
            "largest correlation.",
            atol=2.5 / rate,
        )
    print("Right: made signals up to 120 ms apart, early, late and in time, at two rates.")


def _late(rate, late_s, seed):
    """Make a vertical force N and an acceleration m/s2 that follows it `late_s` later, with noise, and the frames between."""
    frames, rng = np.arange(round(1.26 * rate)), np.random.default_rng(seed)
    force = np.zeros(len(frames))
    for begin, length, peak in ((0.38, 0.22, 1600.0), (0.72, 0.20, 1450.0)):
        share = (frames / rate - begin) / length
        force += peak * np.sin(np.pi * np.clip(share, 0, 1))
    delayed = np.interp(frames / rate - late_s, frames / rate, force)
    return force, delayed / 65 - GRAVITY + rng.normal(0, 0.3, len(frames)), round(0.34 * rate), round(0.96 * rate)

"""Session 1 of the course: reading recordings, and the checks of the exercises on the way to a stance.

In: the course's recordings and stances, a student's functions. Out: what the notebook draws. A check prints a sentence
where the function is right and raises NotRight with a hint where it is not. It makes data with a known answer.
"""

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline, interp1d

from grfkit import plot, transform
from grfkit.course import data
from grfkit.course.checking import call, check, compare, numbers, runs
from grfkit.points import FORCES, GRAVITY, INPUTS, POINTS
from grfkit.recordings import c3d, landmarks, plates
from grfkit.stances import tracks
from grfkit.stances.checks import FLANK_S, LAG_CUTOFF_HZ, LARGEST_LAG_S

PADDING = 10  # frames before touchdown and after toe-off (paper section 1.4.2: 10 ms)
NAMED = dict(zip(POINTS, POINTS, strict=True))  # the virtual laboratory's files call the 11 points by their names
ON_GROUND = np.array([1, 1, 0])  # times a point: its projection on the ground


def read(file):
    """Read one C3D file of the course: its c3d.Recording and its 11 points (F, 11, 3) m."""
    recording = c3d.read(data.recordings_folder() / file, forward="+x", up="+z")
    return recording, landmarks.from_markers(recording.points, NAMED)


def shifted_file():
    """Name the course's recording whose cameras and plates were not started together."""
    planted = pd.read_csv(data.recordings_folder() / "planted.csv")
    return planted.set_index("fault")["file"]["unsynchronised"]


def zeroed(plate, rate_hz):
    """Take a plate's offset and drift away; returns the plate, whose force is (T, 3) N."""
    return plates.zeroed(plate, rate_hz)


def travelling_origin(points):
    """Move points (T, 11, 3) m by the mistake of section 1.4: into a frame whose origin goes along with the pelvis."""
    return points - points[:, :1] * ON_GROUND


def force_and_acceleration(recording, points):
    """Prepare what synchronisation compares, below 10 Hz and at the force's rate, as grfkit.stances.checks.lag does.

    Returns the vertical force (T,) N, the pelvis' acceleration (T,) m/s2, and the frames `first`, shortly before the
    first contact, and `end`, shortly after the last. Outside these the runner steps beside the plates.
    """
    hz = recording.force_hz
    forces = [zeroed(plate, hz).force[:, 2] for plate in recording.plates]
    spans = [span for force in forces for span in plates.contacts(force, threshold_n=10.0, rate_hz=hz)]
    times = np.arange(len(forces[0])) / hz
    track = tracks.Tracks(points, recording.point_hz, cutoff_hz=None, max_gap_s=0.04, missing_share=0.2)
    height, vertical = (
        transform.lowpass(values, cutoff_hz=LAG_CUTOFF_HZ, rate_hz=hz)
        for values in (track.pelvis_height(times), sum(forces))
    )
    flank = round(FLANK_S * hz)
    return vertical, np.gradient(np.gradient(height, times), times), min(spans)[0] - flank, max(spans)[1] + flank


def library_stance(stance):
    """Give one stance as 01_preprocess cut it: times (T,) s, points (T, 11, 3) m, force (T, 3) BW."""
    frames, _ = data.stances()
    rows = frames[frames["stance"] == stance]
    points = rows[INPUTS].to_numpy(float).reshape(-1, len(POINTS), 3)
    return rows["time_s"].to_numpy(float), points, rows[FORCES].to_numpy(float)


def plot_compared(axes, mine, library):
    """Draw the student's stance over the library's on axes (2, 2): force V and AP, pelvis forward and heels up.

    Each stance is (times (T,) s, points (T, 11, 3) m, force (T, 3) BW).
    """
    heels = [POINTS.index("l_heel"), POINTS.index("r_heel")]
    styles = {
        "library": {"color": plot.MEASURED, "linewidth": 3.5, "alpha": 0.35},
        "mine": {"color": plot.ESTIMATED, "linestyle": "--"},
    }
    for (name, style), (time_s, points, force) in zip(styles.items(), (library, mine), strict=True):
        curves = {
            "vertical force (BW)": force[:, 2],
            "AP force (BW)": force[:, 0],
            "pelvis forward (m)": points[:, 0, 0],
            "heels up (m)": points[:, heels, 2],
        }
        for ax, (quantity, values) in zip(np.ravel(axes), curves.items(), strict=True):
            ax.plot(1000 * time_s, values, label=name, **style)
            ax.set(xlabel="time after touchdown (ms)", ylabel=quantity)
    axes[0, 0].legend(frameon=False)
    return axes


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
        right = force / (mass * GRAVITY)
        divided = {
            "Your force is 9.81 times too large. Are mass and weight the same?": force / mass,
            "Your force does not depend on the runner's mass.": force / GRAVITY,
            "Your force is still in newtons.": force,
            "Look at your brackets: a / b * c is (a / b) * c.": force / mass * GRAVITY,
            "Your g is 10 m/s². It needs more digits.": force / (10 * mass),
        }
        mistakes = {
            "The size is right, the sign is not. The plate measures the force on the plate. Which force acts on "
            "the runner, by Newton's third law?": -right,
            "Only the vertical force has the other sign. What does Newton's third law say about the other "
            "components?": right * [-1, -1, 1],
            "You have lost the sign: braking is negative and must stay negative.": np.abs(right),
            **divided,
            **{f"{hint} And look at the sign.": -wrong for hint, wrong in divided.items()},
        }
        compare(
            numbers(call(function, -force, mass), "The force", force.shape),
            right,
            mistakes,
            what="The force",
            rtol=1.1e-3,  # a g of 9.8, 9.80665 or 9.81 m/s2 will do
            atol=1e-3,
        )
    print("Right: the forces on three runners, in body weights.")


def check_contacts(function):
    """Check contacts(vertical_n, threshold_n, shortest): (touchdown, toe-off) of each run above the threshold."""
    stance, blip = made_force()[:, 2], np.pad([14.0, 25.0, 12.0], (40, 30))
    block = np.pad(np.full(50, 700.0), (40, 30))
    block[[38, 39, 90]] = 10.0  # exactly the threshold, beside 50 frames above it
    both = np.concatenate([blip, stance, blip, made_force(length=190)[:, 2], blip])
    for force, threshold, shortest in (
        (stance, 10.0, 50),
        (stance, 80.0, 50),
        (both, 10.0, 50),
        (both[::-1].copy(), 10.0, 50),
        (both, 10.0, 200),
        (stance[:200], 10.0, 50),
        (0.3 * blip, 10.0, 50),
        (block, 10.0, 50),
        (block, 10.0, 51),
    ):
        answer = call(function, force.copy(), threshold_n=threshold, shortest=shortest)
        values = numbers(answer, "The contacts, a list of pairs of frames (touchdown, toe-off),", (None, 2))
        right, found = runs(force > threshold, shortest), len(values)
        few_or_many = np.sign(found - len(right))
        check(len(right) or not found, "A plate without a step has no contact, so your list must be empty.")
        compare(
            values,
            right,
            _contact_mistakes(force, threshold, shortest),
            f"The contacts of this force are known, and you find {('other', 'too many', 'too few')[few_or_many]} "
            f"contacts. Draw a force and mark your frames on it.",
        )
    print("Right: every touchdown and toe-off, with noise, two steps, another threshold and an unloaded plate.")


def _contact_mistakes(force, threshold, shortest):
    """Give {hint: the contacts (N, 2) that a student who makes this mistake finds}."""
    above = force > threshold
    right = runs(above, shortest)
    first, last = right.T
    unfinished = [right[:-1]] if above[-1] else []
    joined = [[[first[0], last[-1]]]] if len(right) else []
    return {
        "Your touchdown comes one frame early: it is the first frame above the threshold, not the last below "
        "it.": np.column_stack([first - 1, last]),
        "Touchdown is right; your toe-off comes one frame late: it is the last frame above the threshold, not the "
        "first below it.": np.column_stack([first, last + 1]),
        "Touchdown and toe-off come one frame early. How long is a row of differences, compared with the row "
        "itself?": right - 1,
        "Touchdown and toe-off come one frame late. You put a False in front: did you correct for it?": right + 1,
        "The exercise needs frames; your values seem to be seconds.": right / 1000,
        "A contact is a pair (touchdown, toe-off); yours seems to be (touchdown, duration).": np.column_stack(
            [first, last - first + 1]
        ),
        "A force of exactly the threshold is not above it. Do you need `>` or `>=`?": runs(
            force >= threshold, shortest
        ),
        "You leave out a group of exactly `shortest` frames.": runs(above, shortest + 1),
        "You count noise that crosses the threshold for a few frames as a contact.": runs(above),
        "This is the answer for the default of `shortest`. Do you use the argument?": runs(above, 50),
        "This is the answer for the default of `threshold_n`. Do you use the argument?": runs(force > 10, shortest),
        "You lose a contact that is still going on when the recording ends.": unfinished,
        "A contact that comes later in the recording is missing.": right[:1],
        "A contact that comes earlier in the recording is missing.": right[-1:],
        "You join two contacts into one. Between them the plate is unloaded.": joined,
    }


def _foot_cases():
    """Make the heels and toes of a runner: [(points (F, 11, 3) m, time s, rate Hz)], and points with a lost heel."""
    points, left, right = np.zeros((60, len(POINTS), 3)), POINTS.index("l_heel"), POINTS.index("r_heel")
    times = np.arange(60) / 100
    ahead, above = 0.3 * np.sin(9 * times + 1), 0.1 * np.cos(9 * times)
    points[:, left] = np.stack([3.6 * times - ahead, np.full(60, 0.05), 0.15 - above], axis=1)
    points[:, right] = np.stack([3.6 * times + ahead, np.full(60, -0.05), 0.15 + above], axis=1)
    points[:, POINTS.index("l_toe"), 2] = points[::-1, left, 2] + 0.01 * times
    points[:, POINTS.index("r_toe"), 2] = points[::-1, right, 2]
    lower = points[:, left, 2] < points[:, right, 2]
    turn = (np.flatnonzero(np.diff(lower)) + 0.7) / 100  # nearest to the first frame in which the other heel is lower
    slow, lost = points[::2], points.copy()
    lost[28:34, right] = np.nan
    cases = [(points, t, 100.0) for t in (0.02, 0.08, 0.25, 0.41, 0.55, *turn)]
    return cases + [(slow, t, 50.0) for t in (0.04, 0.13, 0.28)], lost


def check_foot(function):
    """Check foot(points, time_s, rate_hz): the side whose heel is lower at a time, "" where a heel was not seen."""
    cases, lost = _foot_cases()
    answers = [call(function, each.copy(), *rest) for each, *rest in cases]
    other = [type(answer).__name__ for answer in answers if not isinstance(answer, str)]
    check(not other, f'The side is a text, "l" or "r"; yours is {"".join(other[:1])}.')
    check(set(answers) <= {"l", "r"}, f'The side is "l" or "r"; found {sorted(set(answers) - {"l", "r"})}.')
    is_left, truth = np.array([answer == "l" for answer in answers]), _is_left(cases)
    mistakes = {
        "Left and right are swapped. Which heel is lower: that of the foot on the ground, or that of the foot in "
        "the air?": ~truth,
        "You compare another component than the height: points are (frames, 11, 3), and the last axis is forward, "
        "left, up.": _is_left(cases, component=0),
        "You compare the toes. The exercise asks for the heels.": _is_left(cases, point="toe"),
        "Your answer is always the same, whatever the time.": np.full(len(cases), is_left[0]),
        "Your answer is right at 100 Hz and wrong at another rate.": _is_left(cases, assumed=100.0),
        "You take the camera frame before the time, not the nearest one: `int` cuts off, `round` rounds.": _is_left(
            cases, frame=int
        ),
    }
    compare(
        is_left,
        truth,
        mistakes,
        f"{(is_left == truth).sum()} of {len(truth)} moments are right. Print the frame that you take, and the "
        f"heights of both heels in it.",
    )
    check(
        call(function, lost, 0.31, 100.0) == "",
        "A heel that was not seen has the height NaN, and every comparison with NaN is false: "
        'give "" then, not a side.',
    )
    print("Right: the foot on the ground at many moments and two rates, and no foot if a heel is lost.")


def _is_left(cases, *, component=2, point="heel", assumed=None, frame=round):
    """Tell for each moment whether the left foot is on the ground; the options are what students get wrong."""
    feet = [POINTS.index(f"{side}_{point}") for side in "lr"]
    heights = [each[frame(t * (assumed or rate)), feet, component] for each, t, rate in cases]
    return np.array([left < right for left, right in heights])


def check_touchdown_frame(function):
    """Check touchdown_frame(points, touchdown): all points from the pelvis' place on the ground at touchdown."""
    rng = np.random.default_rng(1)
    base = np.cumsum(rng.normal(0.004, 0.002, (40, 11, 3)), axis=0) + [1.3, 0.4, 0.9]
    for points, touchdown in ((base, 10), (base[::-1].copy(), 25), (base - [4.0, 0.8, 0.0], 0), (base[:1], 0)):
        pelvis = points[:, 0]
        values = numbers(call(function, points.copy(), touchdown), "The points", points.shape)
        origin = pelvis[touchdown] * ON_GROUND
        forward, each_own = points - origin * [1, 0, 0], points - points[touchdown] * ON_GROUND
        mistakes = {
            "The origin moves along with the pelvis, frame by frame, so the pelvis's own movement is lost. How "
            "often, and when, is the origin set?": points - pelvis[:, None] * ON_GROUND,
            "The origin moves along with the pelvis, and you subtract the height too. The origin is one point on "
            "the ground.": points - pelvis[:, None],
            "You subtract the height of the pelvis too. The origin is on the ground, so heights must not "
            "change.": points - pelvis[touchdown],
            "The origin is the pelvis in the first frame; touchdown is another frame.": points - pelvis[0] * ON_GROUND,
            "The origin is the pelvis in the last frame; touchdown is another frame.": points - pelvis[-1] * ON_GROUND,
            "The points have not moved.": points,
            "The sign is wrong. Which coordinates must the origin itself get?": points + origin,
            "You move the points only forward or backward. What about sideways?": forward,
            "Each point has an origin of its own, but there is one origin for all 11.": each_own,
        }
        compare(
            values,
            points - origin,
            mistakes,
            "The points are in the wrong place. Print where the pelvis is in frame `touchdown` of your answer.",
            rtol=0,
            atol=1e-9,
        )
    print("Right: one origin for all frames and unchanged heights, for any place and any frame of touchdown.")


def check_at_times(function):
    """Check at_times(points, rate_hz, times_s): a cubic spline through the camera frames."""
    for rate, frames, seed in ((100.0, 30, 0), (60.0, 24, 1)):
        seconds, rng = np.arange(frames) / rate, np.random.default_rng(seed)
        times = np.sort(rng.uniform(0.02, seconds[-1] - 0.02, 77))
        factors = rng.normal(size=(4, 11, 3)) * np.array([1, 5, 30, 200])[:, None, None]
        points, right = (
            np.einsum("kpc,kt->tpc", factors, np.vander(t, 4, increasing=True).T) for t in (seconds, times)
        )
        values = numbers(call(function, points.copy(), rate, times.copy()), "The points", right.shape)

        def spline(rate, points=points, times=times, **options):
            return CubicSpline(np.arange(len(points)) / rate, points, **options)(times)

        nearest = points[np.rint(times * rate).astype(int)]
        mistakes = {
            "Between two frames your points move on straight lines: that is linear interpolation. A cubic spline "
            "is smooth.": interp1d(seconds, points, axis=0)(times),
            "Your points stand still and then jump: you take the nearest camera frame.": nearest,
            "The times are in seconds, but your spline counts in camera frames.": spline(rate=1),
            "You assume 100 frames a second, whatever `rate_hz` is.": spline(rate=100),
            "The middle is right, the ends are not: a natural spline has no curvature at its ends.": spline(
                rate, bc_type="natural"
            ),
        }
        compare(
            values,
            right,
            mistakes,
            "A cubic spline is exact for points that follow a cubic polynomial. Yours is off by up to "
            f"{np.abs(values - right).max():.2g} m. When was each camera frame taken?",
            atol=1e-6,
        )
    print("Right: points that follow a cubic polynomial come out exactly, at two camera rates.")


def check_lag(function):
    """Check lag(vertical_n, acceleration, first, end, rate_hz): the delay (s) of the acceleration after the force."""
    for rate, late_s, seed in (
        (500.0, 0.12, 3),
        (500.0, -0.1, 4),
        (1000.0, 0.08, 0),
        (1000.0, -0.055, 1),
        (1000.0, 0.0, 2),
    ):
        vertical, acceleration, first, end = _late(rate, late_s, seed)
        value = numbers(call(function, vertical.copy(), acceleration.copy(), first, end, rate), "The lag", ())
        mistakes = {
            "The size is right, the sign is not: the lag is positive if the acceleration comes after the "
            "force.": -late_s,
            "The lag is in frames: give seconds.": late_s * rate,
            "The lag is in frames and has the wrong sign: give seconds.": -late_s * rate,
            "The lag is in milliseconds: give seconds.": late_s * 1000,
            "Your lag is right at 1000 Hz and not at another rate.": late_s * rate / 1000,
            "Your lag is 0, whatever the signals. Slide the acceleration frame by frame in both directions.": 0.0,
            f"Your lag is at the end of the range. Search in both directions, from -{LARGEST_LAG_S} to "
            f"+{LARGEST_LAG_S} s.": [
                -LARGEST_LAG_S,
                LARGEST_LAG_S,
            ],
        }
        compare(
            value,
            late_s,
            mistakes,
            f"For signals with a known lag, yours is {1000 * abs(value - late_s):.0f} ms off. Draw the fit "
            f"against all shifts. Where is it best?",
            atol=2.5 / rate,
        )
    print("Right: signals up to 120 ms early or late, and signals in time, at two rates.")


def _late(rate, late_s, seed):
    """Make a vertical force (T,) N, a noisy acceleration (T,) m/s2 that follows it `late_s` later, first and end."""
    frames, rng = np.arange(round(1.26 * rate)), np.random.default_rng(seed)
    force = np.zeros(len(frames))
    for begin, length, peak in ((0.38, 0.22, 1600.0), (0.72, 0.20, 1450.0)):
        share = (frames / rate - begin) / length
        force += peak * np.sin(np.pi * np.clip(share, 0, 1))
    delayed = np.interp(frames / rate - late_s, frames / rate, force)
    return force, delayed / 65 - GRAVITY + rng.normal(0, 0.3, len(frames)), round(0.34 * rate), round(0.96 * rate)

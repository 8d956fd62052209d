"""Session 1 of the course: typical wrong answers get the hint that says what is wrong; answers and library agree."""

import numpy as np
import pytest
from helpers import refused, solutions
from scipy.interpolate import CubicSpline, interp1d
from scipy.signal import correlate

from grfkit.course import data as course_data
from grfkit.course import stance as course_stance
from grfkit.points import POINTS
from grfkit.recordings import plates

RIGHT = solutions("1_stance")
ORIGIN = [1, 1, 0]


def late_by_one(vertical_n, threshold_n=10.0, shortest=50):
    return [(first, last + 1) for first, last in RIGHT.contacts(vertical_n, threshold_n, shortest)]


def early(vertical_n, threshold_n=10.0, shortest=50):
    return [(first - 1, last) for first, last in RIGHT.contacts(vertical_n, threshold_n, shortest)]


def unpadded(vertical_n, threshold_n=10.0, shortest=50):
    """Lose a contact that goes on at the end, as np.diff alone does."""
    jumps = np.diff((vertical_n > threshold_n).astype(int))
    begins, ends = np.flatnonzero(jumps == 1) + 1, np.flatnonzero(jumps == -1)
    return [(b, e) for b, e in zip(begins, ends, strict=False) if e - b + 1 >= shortest]


def seconds(vertical_n, threshold_n=10.0, shortest=50):
    return np.array(RIGHT.contacts(vertical_n, threshold_n, shortest)) / 1000


def swapped(points, time_s, rate_hz=100.0):
    return {"l": "r", "r": "l", "": ""}[RIGHT.foot(points, time_s, rate_hz)]


def heights(points, time_s, rate_hz=100.0, point="heel", component=2):
    left, right = points[round(time_s * rate_hz), [POINTS.index(f"{side}_{point}") for side in "lr"], component]
    return "l" if left < right else "r"


def in_place(points, touchdown):
    points -= points[touchdown, 0] * ORIGIN
    return points


def turned_in_place(on_plate_n, mass_kg):
    on_plate_n *= -1
    return on_plate_n / (mass_kg * 9.81)


def slid(vertical, acceleration, first, end, rate_hz, *, sign=1, reach_s=0.15):
    reach = round(reach_s * rate_hz)
    fits = [np.corrcoef(vertical[first:end], acceleration[first + k : end + k])[0, 1] for k in range(-reach, reach + 1)]
    return sign * (np.argmax(fits) - reach) / rate_hz


def whole_correlation(vertical, acceleration, first, end, rate_hz):
    """Another right way: SciPy's correlation of the force, zero outside the span, with the whole acceleration."""
    force = np.zeros(len(vertical))
    force[first:end] = vertical[first:end] - vertical[first:end].mean()
    return (np.argmax(correlate(acceleration, force)) - (len(force) - 1)) / rate_hz


WRONG = [
    ("body_weights", lambda force, mass: force / (mass * 9.81), "third law"),
    ("body_weights", lambda force, mass: -force / mass, "9.81 times too large"),
    ("body_weights", lambda force, mass: force / mass, "look at the sign"),
    ("body_weights", lambda force, mass: -force / 9.81, "does not depend on the runner's mass"),
    ("body_weights", lambda force, mass: -force, "still in newtons"),
    ("body_weights", lambda force, mass: -force / mass * 9.81, "brackets"),
    ("body_weights", lambda force, mass: -force / (mass * 10), "g is 10"),
    ("body_weights", lambda force, mass: -force / (mass * 9.7), "1.01 times what it should be"),
    ("body_weights", lambda force, mass: force * [1, 1, -1] / (mass * 9.81), "Only the vertical"),
    ("body_weights", lambda force, mass: np.abs(force) / (mass * 9.81), "lost the sign"),
    ("body_weights", lambda force, mass: -force.T / (mass * 9.81), "transposed"),
    ("body_weights", turned_in_place, "changes the array"),
    ("body_weights", lambda force, mass: None, "gives nothing back"),
    ("body_weights", lambda force, mass: "2.5 BW", "must be numbers"),
    ("contacts", late_by_one, "toe-off comes one frame late"),
    ("contacts", early, "touchdown comes one frame early"),
    ("contacts", unpadded, "still going on"),
    ("contacts", seconds, "to be seconds"),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n, 1), "for a few frames"),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, 10.0, shortest),
        "default of `threshold_n`",
    ),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n, 50),
        "default of `shortest`",
    ),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n, shortest)[:1],
        "comes later in the recording",
    ),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: [(a, b - a + 1) for a, b in RIGHT.contacts(v, threshold_n, shortest)],
        "duration",
    ),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n - 1e-6, shortest),
        "exactly the threshold",
    ),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n, shortest + 1),
        "exactly `shortest` frames",
    ),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: [], "too few contacts"),
    (
        "contacts",
        lambda v, threshold_n=10.0, shortest=50: RIGHT.contacts(v, threshold_n, shortest) or [(0, 1)],
        "no contact",
    ),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: [(61, 280)], "known"),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: 60, "list of pairs"),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: [60, 289], "shape (any number, 2)"),
    ("contacts", lambda v, threshold_n=10.0, shortest=50: [(60, 289), 3], "must be numbers"),
    ("foot", swapped, "swapped"),
    ("foot", heights, "with NaN is false"),
    ("foot", lambda points, t, rate: heights(points, t, rate, component=0), "another component"),
    ("foot", lambda points, t, rate: heights(points, t, rate, point="toe"), "toes"),
    ("foot", lambda points, t, rate: RIGHT.foot(points, t), "wrong at another rate"),
    ("foot", lambda points, t, rate: RIGHT.foot(points, 1000 * t, rate), "IndexError"),
    ("foot", lambda points, t, rate: RIGHT.foot(points, int(t * rate), 1), "not the nearest one"),
    ("foot", lambda points, t, rate: "r", "always the same"),
    ("foot", lambda points, t, rate: "right", "found ['right']"),
    ("foot", lambda points, t, rate: True, "bool"),
    ("touchdown_frame", lambda points, t: points - points[:, :1] * ORIGIN, "frame by frame"),
    ("touchdown_frame", lambda points, t: points - points[t, 0], "You subtract the height of the pelvis too"),
    ("touchdown_frame", lambda points, t: points - points[:, :1], "you subtract the height too. The origin is one"),
    ("touchdown_frame", lambda points, t: points - points[0, 0] * ORIGIN, "first frame"),
    ("touchdown_frame", lambda points, t: points - points[t] * ORIGIN, "one origin for all 11"),
    ("touchdown_frame", lambda points, t: points + points[t, 0] * ORIGIN, "sign is wrong"),
    ("touchdown_frame", lambda points, t: points - points[t, 0] * [1, 0, 0], "only forward"),
    ("touchdown_frame", lambda points, t: points, "have not moved"),
    ("touchdown_frame", in_place, "changes the array"),
    ("at_times", lambda points, rate, t: interp1d(np.arange(len(points)) / rate, points, axis=0)(t), "straight lines"),
    ("at_times", lambda points, rate, t: points[np.rint(t * rate).astype(int)], "nearest camera frame"),
    ("at_times", lambda points, rate, t: CubicSpline(np.arange(len(points)), points)(t), "counts in camera frames"),
    ("at_times", lambda points, rate, t: CubicSpline(np.arange(len(points)) / 100, points)(t), "100 frames a second"),
    (
        "at_times",
        lambda points, rate, t: CubicSpline(np.arange(len(points)) / rate, points, bc_type="natural")(t),
        "natural",
    ),
    ("at_times", lambda points, rate, t: points, "shape"),
    ("lag", lambda *given: -RIGHT.lag(*given), "sign is not"),
    ("lag", lambda *given: RIGHT.lag(*given) * given[4], "in frames"),
    ("lag", lambda *given: 1000 * RIGHT.lag(*given), "milliseconds"),
    ("lag", lambda *given: 0.0, "whatever the signals"),
    ("lag", lambda v, a, first, end, rate: RIGHT.lag(v, a, first, end, rate) * rate / 1000, "not at another rate"),
    ("lag", lambda v, a, first, end, rate: np.arange(3), "one number"),
]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        *(("body_weights", lambda force, mass, g=g: -force / (mass * g)) for g in (9.8, 9.80665, 9.81)),
        ("at_times", lambda points, rate, t: interp1d(np.arange(len(points)) / rate, points, kind="cubic", axis=0)(t)),
        ("touchdown_frame", lambda points, t: points - np.array([points[t, 0, 0], points[t, 0, 1], 0])),
        ("lag", slid),
        ("lag", whole_correlation),
    ],
)
def test_check_passes_another_right_answer(name, answer):
    getattr(course_stance, f"check_{name}")(answer)


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_check_tells_what_is_wrong(name, answer, hint):
    assert hint in refused(getattr(course_stance, f"check_{name}"), answer)


def test_a_stance_of_the_notebooks_answers_equals_the_librarys():
    row = course_data.stances()[1].iloc[5]
    recording, points = course_stance.read(row.file)
    plate = next(
        plate
        for plate in (plates.zeroed(each, 1000) for each in recording.plates)
        if [row.touchdown_s] == [first / 1000 for first, _ in RIGHT.contacts(plate.force[:, 2])]
    )
    ((first, last),) = RIGHT.contacts(plate.force[:, 2])
    frames = np.arange(first - 10, last + 11)
    _, library_points, library_force = course_stance.library_stance(5)
    assert last / 1000 == row.toeoff_s and RIGHT.foot(points, (first + last) / 2000) == row.side
    mine = RIGHT.touchdown_frame(RIGHT.at_times(points, 100.0, frames / 1000), 10)
    np.testing.assert_allclose(mine, library_points, atol=2e-7)  # stored in single precision
    force = RIGHT.body_weights(-plate.force[frames], row.mass_kg)[10:-10]
    np.testing.assert_allclose(force, library_force[10:-10], atol=2e-6)


def test_lag_finds_the_planted_fault_and_no_other():
    shifted = course_stance.shifted_file()
    for file in (shifted, "v01/v01_A_0_1.c3d", "v10/v10_A_0_1.c3d"):
        recording, points = course_stance.read(file)
        found = RIGHT.lag(*course_stance.force_and_acceleration(recording, points), recording.force_hz)
        assert (0.05 < abs(found) < 0.12) == (
            file == shifted
        )  # planted between 60 and 100 ms, and the pelvis' own 10 ms

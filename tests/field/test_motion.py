"""What a motion keeps of the measured points, and that each simulated stance is found once."""

import numpy as np
import pandas as pd
import pytest
from helpers import virtual_run

from grfkit.estimators import samples
from grfkit.field import motion
from grfkit.points import FORCES, INPUTS, mirrored

HZ = 200
CUT = {"cutoff_hz": 25.0, "max_gap_s": 0.04}
PLAIN = CUT | {"cutoff_hz": None}
ORDERS = dict(zip(samples.KINDS, range(3), strict=True))


def cubic(seed=0):
    """Points that are cubics of time, which a cubic spline gives back: function (times, order) -> (T, 11, 3)."""
    held = np.random.default_rng(seed).normal(size=(4, 33)) * [[1.0], [3.0], [2.0], [4.0]]

    def points(times, order=0):
        values = np.polynomial.polynomial.polyval(np.asarray(times), np.polynomial.polynomial.polyder(held, order))
        return np.moveaxis(values, 0, -1).reshape(*np.shape(times), 11, 3)

    return points


def table(*rows):
    return pd.DataFrame(rows, columns=["file", "side", "mid_s", "touchdown_s", "toeoff_s"])


def test_motion_keeps_where_points_were_measured():
    points, _ = virtual_run(0)
    moved, times = motion.from_points(points, HZ, **PLAIN), np.arange(len(points)) / HZ
    np.testing.assert_allclose(moved.spline(times) + times[:, None, None] * moved.way_m_s, points, atol=1e-12)
    assert (moved.first_s, moved.last_s, moved.noise_m, len(moved.gaps)) == (0.0, times[-1], 0.0, 0)
    ways = np.polyfit(times, moved.spline(times)[:, 0, :2], 1)[0]
    np.testing.assert_allclose(ways, 0, atol=1e-12)  # the runner stays where it is
    assert moved.way_m_s[2] == 0


def test_motion_is_the_same_on_a_belt_as_overground():
    """And on any belt, in every frame and derivative: only the way differs."""
    points, _ = virtual_run(1)
    points[40:44, 3] = np.nan
    times = np.arange(len(points)) / HZ
    still = motion.from_points(points, HZ, **CUT)
    for velocity in ([-3.6, 0.0, 0.0], [1.0, -2.0, 0.0]):
        moved = motion.from_points(points + times[:, None, None] * velocity, HZ, **CUT)
        for order in range(3):
            np.testing.assert_allclose(
                moved.spline(times, order), still.spline(times, order), atol=1e-8
            )  # rounding, times rate squared
        np.testing.assert_allclose(moved.way_m_s - still.way_m_s, velocity, atol=1e-10)
        assert moved.noise_m == pytest.approx(still.noise_m, rel=1e-6)


def test_motion_knows_the_gaps_of_each_point():
    points = virtual_run(0)[0]
    points[:5, 1] = points[-3:, 2] = np.nan  # not seen at first, and at last
    points[20:28, 3] = np.nan  # eight frames, 40 ms: may be bridged
    points[60:69, 4] = np.nan  # nine: too long
    points[100:107, 5] = points[107:114, 6] = np.nan  # one after the other, each short
    moved = motion.from_points(points, HZ, **CUT)
    np.testing.assert_allclose(moved.gaps, [[59 / HZ, 69 / HZ]])  # from the last frame that was seen to the next
    assert moved.first_s == 5 / HZ and moved.last_s == (len(points) - 4) / HZ
    first = np.array([0.0, 0.03, 0.2, 0.29, 0.31, 0.34, 0.345, 0.2, 1.0])
    last = np.array([0.2, 0.20, 0.295, 0.30, 0.32, 0.35, 0.400, 0.5, 9.0])
    assert moved.seen(first, last).tolist() == [False, True, True, False, False, False, True, False, False]


def test_motion_bridges_what_is_missing_along_the_points_own_curve():
    curve, times = cubic(), np.arange(60) / HZ
    points = curve(times)
    points[10:16, 2] = points[30, 7] = points[14:18, 9] = np.nan
    moved = motion.from_points(points, HZ, **PLAIN)
    np.testing.assert_allclose(moved.spline(times) + times[:, None, None] * moved.way_m_s, curve(times), atol=1e-10)


def test_motion_refuses_what_is_hardly_seen():
    points = virtual_run(0)[0]
    points[15:, 4] = np.nan
    with pytest.raises(ValueError, match="in at least 16 frames; found 15"):
        motion.from_points(points, HZ, **CUT)
    with pytest.raises(ValueError, match="found 0"):
        motion.from_points(np.full((40, 11, 3), np.nan), HZ, **CUT)


@pytest.mark.parametrize(("rate", "cutoff"), [(200, 25.0), (200, 5.0), (40, 14.0), (40, 50.0)])
def test_motion_says_the_noise_of_points_at_any_rate_and_cutoff(rate, cutoff):
    """White noise on points that stand, some more than others; a few frames that went wrong hardly count."""
    sizes = 0.001 * (1 + np.arange(33).reshape(11, 3) % 4)
    points = np.random.default_rng(0).normal(0, sizes, (4000, 11, 3))
    moved = motion.from_points(points, rate, cutoff_hz=cutoff, max_gap_s=0.04)
    assert moved.noise_m == pytest.approx(np.sqrt(np.mean(sizes**2)), rel=0.02)  # 132,000 numbers, and ends
    points[1000:1020, 5] += 0.3
    assert motion.from_points(points, rate, cutoff_hz=cutoff, max_gap_s=0.04).noise_m == pytest.approx(
        moved.noise_m, rel=0.03
    )


def test_find_finds_each_simulated_stance_once_on_its_side():
    for number in range(8):
        points, contacts = virtual_run(number)
        found = motion.find_footsteps({"a": motion.from_points(points, HZ, **CUT)})
        assert found["side"].tolist() == [side for side, _, _ in contacts]
        assert all(first < mid < last for mid, (_, first, last) in zip(found["mid_s"], contacts, strict=True))


def test_find_sees_the_mirrored_runner_on_the_other_foot_and_stays_in_each_file():
    motions, (points, _) = {}, virtual_run(2)
    for name, run in {"b": points, "a": mirrored(points), "c": points * [1, 1, 0] + [0, 0, 1]}.items():
        motions[name] = motion.from_points(run, HZ, **CUT)
    found = motion.find_footsteps(motions)
    assert found["file"].tolist() == ["b"] * 4 + ["a"] * 4  # who glides makes no step
    one, other = (found[found["file"] == name].reset_index(drop=True) for name in "ba")
    np.testing.assert_allclose(one["mid_s"], other["mid_s"])
    assert all({left, right} == {"l", "r"} for left, right in zip(one["side"], other["side"], strict=True))
    nobody = motion.find_footsteps({"c": motions["c"]})
    assert nobody.empty and nobody.columns.tolist() == ["file", "side", "mid_s"]


def test_over_lays_out_what_curve_inputs_lays_out_of_the_same_contacts():
    """Points that are cubics: the splines of a recording and of a stance are one curve. A left and a right contact."""
    curve, padding = cubic(3), 0.03
    rate, times = 1000, np.arange(1500) / 1000
    moved = motion.from_points(curve(times), rate, **PLAIN)
    contacts = table(("a", "r", 0.3, 0.2, 0.45), ("a", "l", 0.9, 0.8, 1.0))
    ours = motion.over({"a": moved}, contacts, padding_s=padding)
    assert list(ours) == list(samples.KINDS)
    rows, lengths = [], []
    for contact in contacts.itertuples():
        t = (
            np.arange(round(-padding * rate), round((contact.toeoff_s - contact.touchdown_s + padding) * rate) + 1)
            / rate
        )
        seen = curve(t + contact.touchdown_s) - (t + contact.touchdown_s)[:, None, None] * moved.way_m_s
        pelvis = (curve(contact.touchdown_s) - contact.touchdown_s * moved.way_m_s)[0] * [1, 1, 0]
        rows.append(
            pd.DataFrame(np.column_stack([t, (seen - pelvis).reshape(len(t), 33)]), columns=["time_s", *INPUTS])
        )
        lengths.append(len(t))
    frames = pd.concat(rows, ignore_index=True).assign(**dict.fromkeys(FORCES, 0.0))
    points = frames[INPUTS].to_numpy().reshape(-1, 11, 3).copy()
    points[lengths[0] :] = mirrored(points[lengths[0] :])
    ends = np.repeat(contacts["toeoff_s"] - contacts["touchdown_s"], lengths).to_numpy()
    inside = ((frames["time_s"] > -1e-9) & (frames["time_s"] < ends + 1e-9)).to_numpy()
    taken = samples.Samples(
        contacts, frames, points, np.zeros((len(frames), 3)), np.array(lengths), inside, np.array([False, True])
    )
    theirs = samples.curve_inputs(taken, samples.KINDS)
    for kind in samples.KINDS:
        for mine, other in zip(ours[kind], theirs[kind], strict=True):
            assert mine.dtype == other.dtype == np.float32
            # single precision of numbers up to some 20, and a second derivative at 1 kHz of rounded ones
            np.testing.assert_allclose(mine, other, atol=2e-4 if kind == "accelerations" else 1e-5)


def test_about_looks_at_equal_times_before_and_after_from_the_pelvis_at_mid_stance():
    curve, times = cubic(5), np.arange(300) / HZ
    moved = motion.from_points(curve(times), HZ, **PLAIN)
    steps_here = table(("a", "r", 0.5, 0, 0), ("a", "l", 0.9, 0, 0))
    centres = np.array([0.42, 1.0])
    laid = motion.about({"a": moved}, steps_here, centres, reach_s=0.2, nodes=5)
    for number, (mid, centre, side) in enumerate(zip([0.5, 0.9], centres, "rl", strict=True)):
        for kind, order in ORDERS.items():
            window, nothing = laid[kind]
            assert window.shape == (2, 5, 11, 3) and nothing.shape == (2, 0, 11, 3)
            at = centre + np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
            pelvis = (curve(mid)[0] - mid * moved.way_m_s) * [1, 1, 0]
            taken = [at[:, None, None] * moved.way_m_s + pelvis, moved.way_m_s, 0][order]
            expected = curve(at, order) - taken
            np.testing.assert_allclose(window[number], mirrored(expected) if side == "l" else expected, atol=1e-4)


def test_the_left_leg_of_a_mirrored_runner_is_laid_out_as_the_right_one():
    points, _ = virtual_run(3)
    motions = {"a": motion.from_points(points, HZ, **CUT), "b": motion.from_points(mirrored(points), HZ, **CUT)}
    found = motion.find_footsteps(motions)
    found = found.assign(touchdown_s=found["mid_s"] - 0.1, toeoff_s=found["mid_s"] + 0.12).groupby("file").nth([1, 2])
    one, other = (found[found["file"] == name].reset_index(drop=True) for name in "ab")
    assert sorted(one["side"]) == ["l", "r"] and (one["side"] != other["side"]).all()
    for lay in (
        lambda rows: motion.over(motions, rows, padding_s=0.03),
        lambda rows: motion.about(motions, rows, rows["mid_s"].to_numpy(), reach_s=0.2, nodes=9),
    ):
        for mine, theirs in zip(lay(one).values(), lay(other).values(), strict=True):
            for a, b in zip(mine, theirs, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-3)  # single precision of accelerations up to some 1,000 m/s2


def test_laying_out_does_not_depend_on_the_order_of_rows_or_files():
    motions = {name: motion.from_points(virtual_run(number)[0], HZ, **CUT) for number, name in enumerate("ab")}
    found = motion.find_footsteps(motions)
    found = found.assign(touchdown_s=found["mid_s"] - 0.1, toeoff_s=found["mid_s"] + 0.1)
    order = np.random.default_rng(0).permutation(len(found))
    plain, shuffled = (
        motion.over(motions, rows, padding_s=0.02)["velocities"][0] for rows in (found, found.iloc[order])
    )
    np.testing.assert_array_equal(plain[order], shuffled)

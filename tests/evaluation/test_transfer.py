"""The measure of 14: closed forms of lag, error and interval score, and a literal version over whole recordings."""

import numpy as np
import pandas as pd
import pytest
from helpers import force_of_a_step, preprocessing, steps_by_hand
from scipy.signal import butter, filtfilt

from grfkit.evaluation import transfer
from grfkit.evaluation.field.ground_truth import Measured
from grfkit.points import GRAVITY
from grfkit.recordings.read import Recorded

HZ, MASS_KG, TOUCHDOWNS_S = 1000.0, 70.0, np.array([0.3, 0.66, 1.02, 1.38])
CONTACT_S = 0.25
SECTION = preprocessing("virtual", contact_threshold_n=20.0)


@pytest.fixture
def measured():
    """A recording of four steps of both feet on one plate, contacts of .25 s and flights of .11 s."""
    times = np.arange(0, 2, 1 / HZ)
    force = sum(steps_at(times, touchdown) for touchdown in TOUCHDOWNS_S) * MASS_KG * GRAVITY
    recorded = Recorded("a", "x", 3.0, np.zeros((200, 11, 3)), 100.0, force, np.zeros_like(force), HZ)
    footsteps = pd.DataFrame(
        {
            "stance": range(4),
            "file": "a",
            "runner": "x",
            "side": list("lrlr"),
            "speed": "3.0 m/s",
            "mass_kg": MASS_KG,
            "touchdown_s": TOUCHDOWNS_S + 1 / HZ,  # the first frame above 20 N, and the last one
            "toeoff_s": TOUCHDOWNS_S + CONTACT_S - 1 / HZ,
        }
    )
    return Measured([recorded], {}, pd.DataFrame(), pd.DataFrame(), footsteps, None)


def steps_at(times, touchdown):
    """Give the force (T, 3) BW of one step, 0 off the ground."""
    inside = (times >= touchdown) & (times <= touchdown + CONTACT_S)
    return np.where(inside[:, None], force_of_a_step(times - touchdown)[0], 0.0)


def estimates(*, early_s=0.0, more=(0.0, 0.0, 0.0)):
    """Give contacts that are early, and their curves (4, 101, 3): what plates measured, and so much more."""
    contacts = pd.DataFrame(
        {"file": "a", "runner": "x", "speed": "3.0 m/s", "stance": [0.0, 1.0, 2.0, 3.0], "touchdown_s": TOUCHDOWNS_S}
    )
    contacts["touchdown_s"] -= early_s
    contacts["toeoff_s"] = contacts["touchdown_s"] + CONTACT_S
    curve = force_of_a_step(np.linspace(0, CONTACT_S, 101))[0] + more
    return contacts.assign(contact_s=CONTACT_S), np.repeat(curve[None], 4, axis=0)


def scores(measured, *, cutoff_hz=None, **off):
    beside = transfer.lay_beside(measured, *estimates(**off), SECTION, cutoff_hz=cutoff_hz, stance_bw=0.05)
    return transfer.curve_scores(*beside)


@pytest.mark.parametrize("cutoff_hz", [None, 15.0])
@pytest.mark.parametrize("early_s", [0.005, -0.0087, 0.0])
def test_best_lag_is_the_shift_by_which_an_estimate_is_early(measured, early_s, cutoff_hz):
    """Shifted back, hardly an error is left: at 1,000 Hz the step's edges are within a frame, 1 ms."""
    table = scores(measured, early_s=early_s, cutoff_hz=cutoff_hz)
    np.testing.assert_allclose(table["best_lag_ms"], 1000 * early_s, atol=0.3)
    vertical = table[table["direction"] == "V"]
    assert (vertical["shifted_rmse_bw"] < 0.01).all()
    assert ((vertical["rmse_bw"] > 0.05) == (early_s != 0)).all()


def test_curve_scores_are_a_known_error_and_its_share_of_the_measured_range(measured):
    """So much too much throughout stance: that is the RMSE. Half a sine of 2.4 BW from .05 on; AP .3 to both sides."""
    table = scores(measured, more=(0.1, 0.02, -0.2)).groupby("direction")[["rmse_bw", "nrmse_pct", "r"]].mean()
    np.testing.assert_allclose(table.loc[["AP", "ML", "V"], "rmse_bw"], [0.1, 0.02, 0.2], rtol=0.01)
    assert table.loc["V", "nrmse_pct"] == pytest.approx(100 * 0.2 / 2.35, rel=0.02)
    assert table.loc["AP", "nrmse_pct"] == pytest.approx(100 * 0.1 / 0.6, rel=0.02)
    np.testing.assert_allclose(table["r"], 1.0, atol=1e-3)


def test_lay_beside_low_passes_both_sides_as_over_whole_recordings(measured):
    """The literal version: each foot's force of the whole recording, filtered by scipy's coefficients, then cut."""
    contacts, curves = estimates(early_s=0.012, more=(0.0, 0.0, 0.1))
    kept, pairs = transfer.lay_beside(measured, contacts, curves, SECTION, cutoff_hz=15.0, stance_bw=0.05)
    times, coefficients = np.arange(0, 2, 1 / HZ), butter(4, 15.0, fs=HZ)
    for side, rows in {"l": [0, 2], "r": [1, 3]}.items():
        plate, ours = np.zeros((2, len(times), 3))
        for row in rows:
            plate += steps_at(times, TOUCHDOWNS_S[row])
            at = np.linspace(contacts["touchdown_s"][row], contacts["toeoff_s"][row], 101)
            inside = (times >= at[0]) & (times <= at[-1])
            for column in range(3):
                ours[inside, column] += np.interp(times[inside], at, curves[row, :, column])
        plate, ours = (filtfilt(*coefficients, force, axis=0) for force in (plate, ours))
        for row in rows:
            about = np.abs(times - TOUCHDOWNS_S[row] - CONTACT_S / 2) < 0.18
            inside = about & (plate[:, 2] > 0.05)
            expected = np.sqrt(np.mean((ours - plate)[inside] ** 2, axis=0))
            pair = pairs[row]
            found = np.sqrt(np.mean((pair.estimated - pair.measured)[pair.stance] ** 2, axis=0))
            np.testing.assert_allclose(found, expected, atol=2e-3)
            assert abs(pair.stance.sum() - inside.sum()) <= 2 and measured.footsteps["side"][row] == side
    assert len(kept) == 4 and pairs[0].stance.sum() / HZ > CONTACT_S + 0.005  # a low-pass lengthens a contact


def test_lay_beside_keeps_each_foot_apart(measured):
    """Of the other foot's steps before and after, which are within reach, nothing is left."""
    _, pairs = transfer.lay_beside(measured, *estimates(), SECTION, cutoff_hz=None, stance_bw=0.05)
    for pair, touchdown in zip(pairs, TOUCHDOWNS_S, strict=True):
        np.testing.assert_allclose(pair.raw, steps_at(pair.time_s, touchdown), atol=0.02)  # the last frame is rounded
        assert pair.time_s[0] < touchdown - 0.15 and pair.time_s[-1] > touchdown + CONTACT_S + 0.15


def test_body_weights_are_those_of_the_table_of_trials(measured):
    heavier = measured._replace(footsteps=measured.footsteps.assign(mass_kg=1.1 * MASS_KG))
    (pair, *_), (other, *_) = (
        transfer.lay_beside(each, *estimates(), SECTION, cutoff_hz=None, stance_bw=0.05)[1]
        for each in (measured, heavier)
    )
    np.testing.assert_allclose(pair.raw, 1.1 * other.raw)


def test_a_contact_without_a_stance_is_not_scored_nor_a_direction_that_is_not_estimated(measured):
    contacts, curves = estimates()
    contacts.loc[1, "stance"] = np.nan
    curves[..., :2] = np.nan  # half a sine, say, gives the vertical force alone
    for cutoff_hz in (None, 15.0):
        kept, pairs = transfer.lay_beside(measured, contacts, curves, SECTION, cutoff_hz=cutoff_hz, stance_bw=0.05)
        assert list(kept["stance"]) == [0.0, 2.0, 3.0]
        table = transfer.curve_scores(kept, pairs).groupby("direction")["rmse_bw"].mean()
        assert table["V"] < 0.02 and table[["AP", "ML"]].isna().all()


def test_interval_score_by_hand():
    """Bands of width .2: inside they cost .2; .3 outside of a 90 % band costs 20 times .3 more, of an 80 % band 10."""
    off, half = np.array([[0.05, 0.4], [0.1, 0.0]]), np.full((2, 2), 0.1)
    np.testing.assert_allclose(transfer.interval_score(off, half, level=0.9), [0.2, (6.2 + 0.2) / 2])
    np.testing.assert_allclose(transfer.interval_score(off, half, level=0.8), [0.2, (3.2 + 0.2) / 2])


def test_interval_score_is_least_for_the_band_that_holds_its_share():
    """A proper score: of normal errors none is better than 1.645 SD (drawn: 200,000, so that .01 is sure)."""
    off = np.abs(np.random.default_rng(3).normal(size=(200_000, 1)))
    halves = np.linspace(1.2, 2.2, 101)
    costs = [transfer.interval_score(off, np.full_like(off, half), level=0.9)[0] for half in halves]
    assert halves[np.argmin(costs)] == pytest.approx(1.645, abs=0.03)


def test_band_scores_count_samples_of_the_raw_force(measured):
    """An estimate .1 BW too high: a band of .05 holds none of it, one of .15 all but where the step begins and ends."""
    contacts, curves = estimates(more=(0.0, 0.0, 0.1))
    kept, pairs = transfer.lay_beside(measured, contacts, curves, SECTION, cutoff_hz=15.0, stance_bw=0.05)
    half = np.broadcast_to([0.05, 0.05, 0.15], curves.shape)
    off = transfer.off_band(kept, pairs, curves)
    table = transfer.band_scores(kept, off, half, level=0.9).groupby("direction").mean(numeric_only=True)
    assert table.loc["AP", "covered_pct"] > 95 and table.loc["V", "covered_pct"] > 95
    np.testing.assert_allclose(table.loc[["AP", "V"], "width_bw"], [0.1, 0.3])
    narrow = transfer.band_scores(kept, off, half / 3, level=0.9).groupby("direction").mean(numeric_only=True)
    assert narrow.loc["V", "covered_pct"] == 0
    assert narrow.loc["V", "interval_score_bw"] == pytest.approx(0.1 + 20 * 0.05, rel=0.05)


def test_feature_scores_read_each_curve_over_its_own_stance(measured):
    """Half a sine of 2.4 BW: its peak, and its impulse 2 / pi of that times .25 s; 30 ms late it is the same."""
    contacts, curves = estimates(early_s=-0.03)
    beside = transfer.lay_beside(measured, contacts, 1.1 * curves, SECTION, cutoff_hz=None, stance_bw=0.05)
    table = transfer.feature_scores(*beside, vlr="touchdown_to_13")
    means = table.groupby("feature")[["measured", "estimated"]].mean()
    assert means.loc["active_peak_bw", "measured"] == pytest.approx(2.4, rel=1e-3)
    assert means.loc["vertical_impulse_bw_s", "measured"] == pytest.approx(2.4 * 0.25 * 2 / np.pi, rel=0.01)
    errors = transfer.feature_errors(table).set_index(["feature", "speed"])["error_pct"]
    for feature in ("active_peak_bw", "vertical_impulse_bw_s", "braking_peak_bw", "propulsive_impulse_bw_s"):
        assert errors[feature, "all"] == pytest.approx(10, abs=1.5), feature


def test_around_peak_marks_one_run_without_a_break():
    vertical = np.array([0.0, 0.3, 0.0, 0.2, 1.0, 0.2, 0.01, 0.5])
    np.testing.assert_array_equal(np.flatnonzero(transfer.around_peak(vertical, 0.05)), [3, 4, 5])
    assert not transfer.around_peak(vertical, 2.0).any()
    assert transfer.around_peak(np.ones(4), 0.05).all()


def test_alike_hz_is_the_lowest_of_the_studies_that_were_low_passed():
    none, high, low = (preprocessing("virtual", forces_lowpassed_hz=hz) for hz in (None, 20.0, 15.0))
    assert transfer.alike_hz(none, none) is None
    assert transfer.alike_hz(none, high) == transfer.alike_hz(high, none) == 20.0
    assert transfer.alike_hz(low, high) == 15.0
    assert preprocessing("hamner").forces_lowpassed_hz == 15.0 and preprocessing("rbds").forces_lowpassed_hz is None


def test_timing_gives_means_and_deviations_of_what_is_near():
    """By hand: stance 2 has an event 60 ms off and is missed; errors of 3.5 m/s are those of the other one."""
    steps, detected = steps_by_hand()
    table = transfer.timing(detected, steps).set_index("speed")
    assert list(table["steps"]) == [2, 2, 4] and list(table["missed"]) == [0, 1, 1]
    np.testing.assert_allclose(table["touchdown_mean_ms"], [-0.5, 0.0, -1 / 3], atol=1e-9)
    assert table.loc["2.5 m/s", "touchdown_sd_ms"] == pytest.approx(np.std([3, -4], ddof=1))


def test_by_speed_averages_over_stances_and_counts_runners():
    table = pd.DataFrame(
        {"stance": [0, 1, 2], "runner": list("aab"), "speed": ["3", "2", "2"], "direction": "V", "rmse_bw": [1.0, 2, 4]}
    )
    means = transfer.by_speed(table, ["rmse_bw"], by=["direction"]).set_index("speed")
    assert list(means.index) == ["2", "3", "all"]
    np.testing.assert_allclose(means["rmse_bw"], [3, 1, 7 / 3])
    assert list(means["n"]) == [2, 1, 3] and list(means["runners"]) == [2, 1, 2]


def test_overview_lays_means_out_by_pair_and_takes_the_lag_of_the_vertical_force():
    """By hand, of one pair and one laboratory at home."""
    rows = [
        ("a", tested, "physics", "all", name, 10 * value, value, value / 2, value + 1, 15.0, 4, 2)
        for tested, more in (("a", 0), ("b", 5))
        for name, value in (("AP", 1.0 + more), ("ML", 2.0 + more), ("V", 3.0 + more))
    ]
    columns = "trained_on tested_on estimator speed direction nrmse_pct rmse_bw shifted_rmse_bw best_lag_ms lowpass_hz"
    table = transfer.overview(pd.DataFrame(rows, columns=[*columns.split(), "n", "runners"]))
    assert list(table.index) == [("a at home", "physics", "all"), ("a \u2192 b", "physics", "all")]
    away = table.loc["a \u2192 b"].iloc[0]
    assert list(away[["nrmse_pct_ap", "nrmse_pct_ml", "nrmse_pct_v"]]) == [60.0, 70.0, 80.0]
    assert list(away[["rmse_bw_v", "shifted_rmse_bw_v", "best_lag_ms", "lowpass_hz", "n"]]) == [8.0, 4.0, 9.0, 15.0, 4]

"""Judging a model for the field: each figure against a literal version, and that nobody who is judged was trained on."""

import numpy as np
import pandas as pd
import pytest
from helpers import DETECTOR, judge, steps_by_hand

from grfkit.estimators import samples
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, robustness
from grfkit.field import bands as force_bands
from grfkit.field import contacts as field_contacts
from grfkit.points import FORCES


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return judge(tmp_path_factory.mktemp("lab"), seed=5, men=5, women=5)


def test_known_steps_and_samples_are_the_same_stances(lab):
    assert list(lab.known["stance"]) == list(lab.taken.stances["stance"])
    np.testing.assert_allclose(lab.known["contact_s"], lab.taken.stances["stance_s"])
    assert set(lab.known["group"]) == set(lab.taken.stances["group"]) and lab.known["flight_s"].notna().all()


def test_nobody_who_is_judged_was_trained_on(lab):
    """Spoil what plates measured of one runner: that runner's contacts and curves stay, those of others do not."""
    mine = (lab.known["runner"] == lab.known["runner"].iloc[0]).to_numpy()
    spoiled, targets = lab.known.copy(), lab.targets.copy()
    spoiled.loc[mine, ["touchdown_s", "toeoff_s"]] += [0.03, -0.04]
    targets[mine] *= 1.5
    contacts, _ = field_accuracy.detect(lab.motions, lab.found, spoiled, DETECTOR, every=1, seed=1)
    runner, times = lab.known["runner"].iloc[0], ["touchdown_s", "toeoff_s"]
    both = lab.contacts.merge(
        contacts, on=["file", "mid_s"], suffixes=("", "_spoiled")
    )  # of others some end beyond the recording now
    moved = np.abs(both[times].to_numpy() - both[[f"{name}_spoiled" for name in times]].to_numpy())
    theirs = (lab.contacts["runner"] != runner).to_numpy()
    assert (both["runner"] == runner).sum() == (~theirs).sum() > 0
    assert (
        moved[both["runner"] == runner].max() < 1e-6 and moved[both["runner"] != runner].max() > 1e-4
    )  # left out of another inverse
    again = field_training.regression(lab.taken, targets, lab.known, lab.motions, lab.recipe)
    inputs = field_contacts.inputs(lab.motions, lab.contacts, np.full(len(lab.contacts), 0.1), padding_s=0.03)
    one, two = (
        field_accuracy.left_out(each, inputs, lab.contacts["runner"].to_numpy())[0] for each in (lab.curves, again)
    )
    assert np.abs(one - two)[~theirs].max() < 1e-6 and np.abs(one - two)[theirs].max() > 1e-2


def test_detect_draws_one_in_every_so_many_by_its_seed(lab):
    few, again, other = (
        field_accuracy.detect(lab.motions, lab.found, lab.known, DETECTOR, every=3, seed=seed)[1].wide
        for seed in (1, 1, 2)
    )
    assert len(few.groups) == -(-len(lab.known) // 3)
    np.testing.assert_array_equal(few.dual, again.dual)
    assert few.dual.shape != other.dual.shape or not np.array_equal(
        few.inputs["positions"][0], other.inputs["positions"][0]
    )


def test_timing_counts_misses_false_steps_and_errors():
    """By hand: an event 60 ms off is a miss and in no RMSE; a stance without a step, and a step without a stance, count too."""
    steps, detected = steps_by_hand()
    missed, false = pd.DataFrame({"file": ["a"]}), pd.DataFrame({"file": ["b", "b"]})
    table = field_accuracy.timing({"mine": detected}, steps, missed, false).set_index("speed")
    assert list(table.index) == ["2.5 m/s", "3.5 m/s", "all"] and list(table["steps"]) == [3, 2, 5]
    assert list(table["missed"]) == [1, 1, 2] and list(table["false"]) == [0, 2, 2]
    np.testing.assert_allclose(table["right_pct"], [100 * 2 / 3, 100 * (1 - 3 / 2), 20])
    np.testing.assert_allclose(table["touchdown_rmse_ms"], [np.sqrt(12.5), 0, np.sqrt(25 / 3)], atol=1e-9)
    np.testing.assert_allclose(table["contact_mean_ms"], [(-2 + 4) / 2, -2, 0], atol=1e-9)
    assert field_accuracy.timing({"mine": detected}, steps, missed, None)["false"].isna().all()


def test_by_rule_takes_the_mean_error_of_the_others_away(lab):
    plain, moved = field_accuracy.by_rule(lab.motions, lab.known)
    runner = lab.known["runner"].iloc[0]
    mine = (lab.known["runner"] == runner).to_numpy()
    errors = (plain["toeoff_s"] - lab.known["toeoff_s"]).groupby(lab.known["runner"]).mean()
    np.testing.assert_allclose((plain["toeoff_s"] - moved["toeoff_s"])[mine], errors.drop(runner).mean())


def measured_at(lab, stance, times):
    """A stance's measured force at times of the recording, the slow way; as mirrored as it is in the table: not at all."""
    frames = lab.taken.frames[lab.taken.frames["stance"] == stance]
    first = lab.known.set_index("stance").loc[stance, "touchdown_s"]
    return np.stack(
        [np.interp(times, first + frames["time_s"], frames[name], left=0, right=0) for name in FORCES], axis=1
    )


def test_residuals_are_estimated_less_measured_at_the_same_moments(lab):
    rows, errors = lab.off
    assert list(rows) == list(np.flatnonzero(lab.contacts["stance"].notna())) and errors.shape == (len(rows), 101, 3)
    for number in (0, len(rows) // 2, len(rows) - 1):
        contact = lab.contacts.iloc[rows[number]]
        plate = measured_at(lab, contact["stance"], np.linspace(contact["touchdown_s"], contact["toeoff_s"], 101))
        np.testing.assert_allclose(
            lab.estimated[rows[number], :, :3] - errors[number], plate, atol=1e-5
        )  # times of frames are in single precision


def test_forces_scores_what_was_estimated_at_the_plates_own_moments(lab):
    scores, _ = field_accuracy.forces(lab.taken, lab.known, {"detected": (lab.contacts, lab.estimated)})
    stance = lab.known["stance"].iloc[3]
    (contact,) = np.flatnonzero(lab.contacts["stance"] == stance)
    frames = lab.taken.frames[lab.taken.inside & (lab.taken.frames["stance"] == stance).to_numpy()]
    times = lab.known["touchdown_s"].iloc[3] + frames["time_s"].to_numpy(float)
    first, last = lab.contacts[["touchdown_s", "toeoff_s"]].iloc[contact]
    estimated = np.stack(
        [
            np.interp(times, np.linspace(first, last, 101), one, left=0, right=0)
            for one in lab.estimated[contact, :, :3].T
        ],
        axis=1,
    )
    literal = np.sqrt(np.mean((estimated - frames[FORCES].to_numpy(float)) ** 2, axis=0))
    np.testing.assert_allclose(
        scores[scores["stance"] == stance].set_index("direction")["rmse_bw"], literal, rtol=1e-4
    )  # saved in single precision


def test_forces_of_virtual_runners_are_better_than_the_mean_curve(lab):
    mean = np.empty_like(lab.estimated[..., :3])
    runners = lab.contacts["runner"].to_numpy()
    for runner in np.unique(runners):
        others = samples.curve_targets(lab.taken)[(lab.known["runner"] != runner).to_numpy()].mean(axis=0)
        mean[runners == runner] = others
    scores, _ = field_accuracy.forces(
        lab.taken, lab.known, {"mean": (lab.contacts, mean), "ours": (lab.contacts, lab.estimated)}
    )
    table = (
        field_accuracy.summary(scores, lab.known).query("speed == 'all' and direction == 'V'").set_index("estimator")
    )
    assert table.loc["ours", "ratio"] < 0.9 and table.loc["mean", "ratio"] == 1


def test_forces_judges_all_estimators_on_the_stances_that_each_of_them_has(lab):
    """A step that one of them did not find is no reason for the others to be judged on more, or on harder ones."""
    lost = lab.contacts["stance"].dropna().iloc[2]
    kept = (lab.contacts["stance"] != lost).to_numpy()
    every, fewer = (lab.contacts, lab.estimated), (lab.contacts[kept], lab.estimated[kept])
    estimators = {"all": every, "one less": fewer, "all again": every}
    scores, predictions = field_accuracy.forces(lab.taken, lab.known, estimators)
    whole, _ = field_accuracy.forces(lab.taken, lab.known, {"all": every})
    whole = whole[whole["stance"] != lost].reset_index(drop=True)
    assert lost not in set(predictions["stance"]) and set(whole["stance"]) == set(lab.known["stance"]) - {lost}
    for name in estimators:
        pd.testing.assert_frame_equal(
            scores[scores["estimator"] == name].reset_index(drop=True).assign(estimator="all"), whole
        )


def test_summary_averages_over_stances_beside_the_first_estimator():
    """By hand; the first is the one named first, not the first of the alphabet."""
    steps = pd.DataFrame({"stance": [0, 1, 2], "speed": ["2.5 m/s", "2.5 m/s", "3.5 m/s"]})
    rows = [
        (name, stance, "V", 0.9, factor * error / 10, factor * error)
        for name, factor in (("mean", 1), ("kernel", 0.5))
        for stance, error in enumerate([2.0, 4.0, 9.0])
    ]
    scores = pd.DataFrame(rows, columns=["estimator", "stance", "direction", "r", "rmse_bw", "nrmse_pct"])
    table = field_accuracy.summary(scores, steps)
    assert list(table["estimator"].unique()) == ["mean", "kernel"] and list(table["speed"].unique()) == [
        "2.5 m/s",
        "3.5 m/s",
        "all",
    ]
    table = table.set_index(["estimator", "speed"])
    np.testing.assert_allclose(table.loc["mean", "nrmse_pct"], [3, 9, 5])
    np.testing.assert_allclose(table.loc["kernel", "rmse_bw"], [0.15, 0.45, 0.25])
    np.testing.assert_allclose(table.loc["kernel", "ratio"], 0.5)
    assert (
        list(table.loc["mean", "n"]) == list(table.loc["kernel", "n"]) == [2, 1, 3]
        and (table.loc["mean", "ratio"] == 1).all()
    )


def test_coverage_counts_samples_and_the_least_runner():
    steps = pd.DataFrame({"speed": ["a", "a", "b"], "runner": ["x", "y", "y"]})
    inside = np.ones((3, 101, 3), bool)
    inside[0, :, 2], inside[2, :50] = False, False
    table = field_uncertainty.coverage(inside, steps).set_index(["speed", "direction"])
    assert table.loc[("a", "V"), "covered_pct"] == 50 and table.loc[("a", "V"), "least_runner_pct"] == 0
    assert table.loc[("b", "all"), "covered_pct"] == pytest.approx(100 * 51 / 101)
    assert table.loc[("all", "all"), "covered_pct"] == pytest.approx(100 * inside.mean())
    by_runner = field_uncertainty.covered_by_runner(inside, steps).set_index("runner")
    assert by_runner.loc["x", "V"] == 0 and by_runner.loc["y", "AP"] == pytest.approx(100 * (101 + 51) / 202)


def test_asymmetry_errors_judge_groups_with_five_steps_of_a_side():
    rng = np.random.default_rng(1)
    rows = []
    for group, count in (("x at 2", 6), ("y at 2", 4)):
        for side in "lr":
            rows += [
                {
                    "stance": f"{group}{side}{number}",
                    "runner": group[0],
                    "group": group,
                    "side": side,
                    "contact_s": 0.25 + 0.01 * rng.random(),
                    **{name: 2 + rng.random() for name in field_uncertainty.features.FEATURES},
                }
                for number in range(count)
            ]
    table = pd.DataFrame(rows)
    table = table.assign(
        **{
            f"{name}_measured": table[name] * np.where(table["side"] == "l", 1.1, 1.0)
            for name in field_uncertainty.features.FEATURES
        }
    )
    steps = table[["stance"]].assign(touchdown_s=1.0, toeoff_s=1.0 + table["contact_s"])
    errors = field_uncertainty.asymmetry_errors(table, steps)
    assert list(errors.index) == ["x at 2"] and errors["contact_s"].iloc[0] == pytest.approx(0, abs=1e-9)
    left, right = (
        table[(table["group"] == "x at 2") & (table["side"] == side)]["active_peak_bw"].mean() for side in "lr"
    )
    literal = 200 * (left - right) / (left + right) - 200 * (1.1 * left - right) / (1.1 * left + right)
    assert errors["active_peak_bw"].iloc[0] == pytest.approx(literal)
    assert field_uncertainty.asymmetry_errors(table[table["group"] == "y at 2"], steps).empty
    known = field_uncertainty.asymmetry_limits(errors, level=0.9)
    assert known["contact_s"] == pytest.approx(0, abs=1e-9) and known["active_peak_bw"] == pytest.approx(abs(literal))
    assert field_uncertainty.asymmetry_limits(errors[:0], level=0.9) == {}


def test_typical_takes_the_stance_with_the_median_error(lab):
    rows, errors = lab.off
    bands = force_bands.fit(
        errors, lab.contacts["contact_s"].to_numpy()[rows], lab.contacts["runner"].to_numpy()[rows], level=0.9
    )
    measured, estimated, half = field_uncertainty.typical(
        lab.off, lab.contacts, lab.estimated, type("Model", (), {"bands": bands})
    )
    sizes = np.sort((errors**2).mean(axis=(1, 2)))
    assert ((estimated - measured) ** 2).mean() == pytest.approx(sizes[len(sizes) // 2]) and half.shape == (101, 3)


def test_worse_recordings_err_more_and_what_is_not_seen_is_not_estimated(lab):
    cases = {"noise": [0.004], "rate": [200.0], "missing": [0.01, 0.9]}
    table = robustness.degraded(
        lab.recorded, lab.known, lab.taken, lab.detector, lab.curves, cases, seconds=5.0, seed=1, settings=lab.settings
    )
    assert list(table["way"]) == ["none", "noise", "rate", "missing", "missing"] and set(table["steps"]) == {
        len(lab.known)
    }
    plain, noise, rate, few, none = (row for _, row in table.iterrows())
    scores, _ = field_accuracy.forces(lab.taken, lab.known, {"as they are": (lab.contacts, lab.estimated)})
    assert plain["rmse_bw_v"] == pytest.approx(scores[scores["direction"] == "V"]["rmse_bw"].mean())
    assert plain["estimated_pct"] == rate["estimated_pct"] == 100 and noise["rmse_bw_v"] > 1.1 * plain["rmse_bw_v"]
    assert rate["touchdown_rmse_ms"] == pytest.approx(
        plain["touchdown_rmse_ms"], abs=1.0
    )  # more frames of the same motion
    assert few["estimated_pct"] < 100 and none["estimated_pct"] == 0 and np.isnan(none["rmse_bw_v"])

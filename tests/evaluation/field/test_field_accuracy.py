"""Errors of contacts and forces against literal versions, and that nobody who is evaluated was trained on."""

import numpy as np
import pandas as pd
import pytest
from helpers import DETECTOR, leave_each_out, steps_by_hand

from grfkit.estimators import samples
from grfkit.evaluation.field import field_accuracy, field_training
from grfkit.field.contacts import contact_inputs
from grfkit.points import FORCES, InputError


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return leave_each_out(tmp_path_factory.mktemp("lab"), seed=5, men=5, women=5)


def test_measured_footsteps_and_samples_are_the_same_stances(lab):
    footsteps, stances = lab.measured.footsteps, lab.measured.samples.stances
    assert list(footsteps["stance"]) == list(stances["stance"])
    np.testing.assert_allclose(footsteps["contact_s"], stances["stance_s"])
    assert set(footsteps["group"]) == set(stances["group"]) and footsteps["flight_s"].notna().all()


def test_nobody_who_is_evaluated_was_trained_on(lab):
    """Spoil what plates measured of one runner: that runner's contacts and curves stay, those of others do not."""
    measured, runner, times = lab.measured, lab.measured.footsteps["runner"].iloc[0], ["touchdown_s", "toeoff_s"]
    mine = (measured.footsteps["runner"] == runner).to_numpy()
    spoiled, targets = measured.footsteps.copy(), lab.targets.copy()
    spoiled.loc[mine, times] += [0.03, -0.04]
    targets[mine] *= 1.5
    detector = field_accuracy.fit_detector(measured._replace(footsteps=spoiled), DETECTOR, every=1, seed=1)
    contacts = field_accuracy.detect_left_out(detector, measured.motions, measured.found, spoiled, spoiled)
    both = lab.contacts.merge(
        contacts, on=["file", "mid_s"], suffixes=("", "_spoiled")
    )  # some now end beyond the recording
    moved = np.abs(both[times].to_numpy() - both[[f"{name}_spoiled" for name in times]].to_numpy())
    theirs = (lab.contacts["runner"] != runner).to_numpy()
    assert (both["runner"] == runner).sum() == (~theirs).sum() > 0
    assert moved[both["runner"] == runner].max() < 1e-6  # left out of another inverse
    assert moved[both["runner"] != runner].max() > 1e-4
    again = field_training.regression(measured, targets, lab.recipe)
    inputs = contact_inputs(measured.motions, lab.contacts, np.full(len(lab.contacts), 0.1), padding_s=0.03)
    plain, other = (
        field_accuracy.curves_left_out(each, inputs, lab.contacts["runner"].to_numpy())[0]
        for each in (lab.model.curves, again)
    )
    assert np.abs(plain - other)[~theirs].max() < 1e-6 and np.abs(plain - other)[theirs].max() > 1e-2


def test_fit_detector_draws_one_in_every_so_many_by_its_seed(lab):
    few, again, other = (
        field_accuracy.fit_detector(lab.measured, DETECTOR, every=3, seed=seed).wide for seed in (1, 1, 2)
    )
    assert len(few.groups) == -(-len(lab.measured.footsteps) // 3)
    np.testing.assert_array_equal(few.duals[0], again.duals[0])
    assert few.duals[0].shape != other.duals[0].shape or not np.array_equal(
        few.inputs["positions"][0], other.inputs["positions"][0]
    )


def test_timing_counts_misses_false_steps_and_errors():
    """By hand: an event 60 ms off is a miss and in no RMSE; stances without footsteps, and the reverse, count too."""
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
    plain, moved = field_accuracy.by_rule(lab.measured)
    runner = lab.measured.footsteps["runner"].iloc[0]
    mine = (lab.measured.footsteps["runner"] == runner).to_numpy()
    errors = (plain["toeoff_s"] - lab.measured.footsteps["toeoff_s"]).groupby(lab.measured.footsteps["runner"]).mean()
    np.testing.assert_allclose((plain["toeoff_s"] - moved["toeoff_s"])[mine], errors.drop(runner).mean())


def test_score_forces_compares_what_was_estimated_at_the_plates_own_moments(lab):
    scores, _ = field_accuracy.score_forces(lab.measured, {"detected": (lab.contacts, lab.estimated)})
    stance = lab.measured.footsteps["stance"].iloc[3]
    (contact,) = np.flatnonzero(lab.contacts["stance"] == stance)
    frames = lab.measured.samples.frames[
        lab.measured.samples.inside & (lab.measured.samples.frames["stance"] == stance).to_numpy()
    ]
    times = lab.measured.footsteps["touchdown_s"].iloc[3] + frames["time_s"].to_numpy(float)
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
        others = samples.curve_targets(lab.measured.samples)[
            (lab.measured.footsteps["runner"] != runner).to_numpy()
        ].mean(axis=0)
        mean[runners == runner] = others
    scores, _ = field_accuracy.score_forces(
        lab.measured, {"mean": (lab.contacts, mean), "ours": (lab.contacts, lab.estimated)}
    )
    table = (
        field_accuracy.mean_scores(scores, lab.measured.footsteps)
        .query("speed == 'all' and direction == 'V'")
        .set_index("estimator")
    )
    assert table.loc["ours", "ratio"] < 0.9 and table.loc["mean", "ratio"] == 1


def test_forces_are_scored_of_all_estimators_on_the_stances_that_each_of_them_has(lab):
    """A step that one of them did not find is no reason to score the others on more, or on harder ones."""
    lost = lab.contacts["stance"].dropna().iloc[2]
    kept = (lab.contacts["stance"] != lost).to_numpy()
    every, fewer = (lab.contacts, lab.estimated), (lab.contacts[kept], lab.estimated[kept])
    estimators = {"all": every, "one less": fewer, "all again": every}
    scores, predictions = field_accuracy.score_forces(lab.measured, estimators)
    whole, _ = field_accuracy.score_forces(lab.measured, {"all": every})
    whole = whole[whole["stance"] != lost].reset_index(drop=True)
    assert lost not in set(predictions["stance"]) and set(whole["stance"]) == set(lab.measured.footsteps["stance"]) - {
        lost
    }
    for name in estimators:
        pd.testing.assert_frame_equal(
            scores[scores["estimator"] == name].reset_index(drop=True).assign(estimator="all"), whole
        )


def test_mean_scores_of_no_stance_are_no_rows():
    """Those of the test runners of a study that has none."""
    steps, _ = steps_by_hand()
    scores = pd.DataFrame(columns=["stance", "estimator", "direction", "r", "rmse_bw", "nrmse_pct"])
    table = field_accuracy.mean_scores(scores, steps)
    assert table[table["speed"] == field_accuracy.ALL].pivot(index="estimator", columns="direction", values="r").empty


def test_detect_left_out_asks_for_a_second_runner():
    steps, _ = steps_by_hand()
    steps = steps.assign(runner="x", group="x at 3.5 m/s")
    with pytest.raises(InputError, match="found 1 runner"):
        field_accuracy.detect_left_out(None, None, steps, steps, steps)


def test_mean_scores_average_over_stances_beside_the_first_estimator():
    """By hand; the first is the one named first, not the first of the alphabet."""
    steps = pd.DataFrame({"stance": [0, 1, 2], "speed": ["2.5 m/s", "2.5 m/s", "3.5 m/s"]})
    rows = [
        (name, stance, "V", 0.9, factor * error / 10, factor * error)
        for name, factor in (("mean", 1), ("kernel", 0.5))
        for stance, error in enumerate([2.0, 4.0, 9.0])
    ]
    scores = pd.DataFrame(rows, columns=["estimator", "stance", "direction", "r", "rmse_bw", "nrmse_pct"])
    table = field_accuracy.mean_scores(scores, steps)
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

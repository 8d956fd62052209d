"""Disjoint sets of test runners, each held out wholly."""

import numpy as np
import pandas as pd
import pytest

from grfkit import generalise

SETTINGS = {"seed": 1, "trials": 1, "folds": 2, "frames_per_step": 10, "epochs": 1, "train_epochs": 1, "layers": [1, 1], "units": [4, 4],
            "dropout": [0.0, 0.1], "learning_rate": [1e-3, 1e-2], "batch_size": [4]}


def test_draw_test_sets_are_disjoint_and_follow_the_seed():
    runners = [f"{n:03d}" for n in range(22)]
    sets = generalise.draw_test_sets(runners * 2, test_sets=5, runners_per_set=4, seed=3)
    assert len(set(sum(sets, []))) == 20 and sets == generalise.draw_test_sets(runners[::-1], test_sets=5, runners_per_set=4, seed=3)
    with pytest.raises(ValueError, match="5 x 4 of 20 runners do not"):
        generalise.draw_test_sets(runners[:20], test_sets=5, runners_per_set=4, seed=3)


def test_evaluate_scores_the_held_out_runners_and_does_not_learn_from_them(tidy, tmp_path):
    stances, frames = tidy(12, runners=3)
    scores = generalise.evaluate(stances, frames, ["v01"], folder=tmp_path / "a", **SETTINGS)
    held = set(stances["stance"][stances["runner"] == "v01"])
    assert set(scores["stance"]) == held and set(scores["estimator"]) == {"lstm", "mean_curve"}
    spoiled = frames.copy()
    rows = spoiled["stance"].isin(held - {min(held)})
    spoiled.loc[rows, "grf_v"] = spoiled.loc[rows, "grf_v"] * 3
    again = generalise.evaluate(stances, spoiled, ["v01"], folder=tmp_path / "b", **SETTINGS)
    pd.testing.assert_frame_equal(again[again["stance"] == min(held)], scores[scores["stance"] == min(held)])


def test_wins_counts_sets():
    table = pd.DataFrame({"set": np.repeat([1, 2, 3], 2), "direction": "V", "estimator": ["lstm", "mean_curve"] * 3,
                          "rmse_bw": [1, 2, 3, 2, 1, 4]})
    assert generalise.wins(table, of="lstm", over="mean_curve").loc["V"].tolist() == [2, 3]

"""Sources of estimates: no estimate knows the runner it is shown for."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit.evaluation import explore
from grfkit.points import ESTIMATES, FORCES
from grfkit.study import recipes, store


def record_runs(results, *notebooks):
    """Record that notebooks ran, the one after the other, whatever the times of files say."""
    for number, notebook in enumerate(notebooks):
        store.write_text(results.parent / f"{notebook}.json", json.dumps({"started": f"T{number}"}))
        for path in (results / notebook).glob("*"):
            os.utime(path, (1_000_000_000 - number, 1_000_000_000 - number))


NAMES = ["physics", "ridge", "mean_curve"]


def test_a_training_runner_of_03_is_never_offered_even_if_estimated(results, stances_and_frames):
    store.save(
        results,
        "03_train/model.json",
        {"provenance": {"recipe": "paper", "training_runners": ["v00", "v01", "v02", "v03"]}},
    )
    stances, frames = stances_and_frames
    assert explore.sources(results, frames, stances, {})["paper, saved by 03"].stances == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_runners_own_forces_change_no_estimate_of_that_runner(stances_and_frames, quick_recipes, name):
    stances, frames = stances_and_frames
    changed = frames.copy()
    mine = stances["stance"][stances["runner"] == "v02"]
    changed.loc[changed["stance"].isin(mine), FORCES] *= np.array([3.0, -2.0, 1.7], np.float32)
    one, two = (explore.source_without_runner(table, stances, quick_recipes[name]) for table in (frames, changed))
    for stance in mine:
        np.testing.assert_allclose(two.predict(stance)[ESTIMATES], one.predict(stance)[ESTIMATES], atol=1e-6)
    other = stances["stance"][stances["runner"] == "v00"].iloc[
        0
    ]  # of the same side, which is what a mean curve averages
    assert (
        np.abs(two.predict(other)[ESTIMATES].to_numpy() - one.predict(other)[ESTIMATES].to_numpy()).max() > 1e-3
    )  # but it went into the others'


def test_estimates_saved_by_08_are_offered_while_they_are_of_these_stances(results, stances_and_frames):
    stances, frames = stances_and_frames
    name = "08_generalisation/predictions.parquet"
    table = frames[["stance", "frame", "time_s", *FORCES]].assign(estimator="network", **dict.fromkeys(ESTIMATES, 0.5))
    store.save(results, name, table)
    source = explore.sources(results, frames, stances, {})["network, saved by 08"]
    assert source.stances == set(stances["stance"]) and "the 3 other runners" in source.about
    pd.testing.assert_frame_equal(
        source.predict(5).reset_index(drop=True),
        table[table["stance"] == 5].reset_index(drop=True)[list(source.predict(5).columns)],
    )
    record_runs(results, "01_preprocess", "08_generalisation")
    assert "network, saved by 08" in explore.sources(results, frames, stances, {})
    record_runs(results, "08_generalisation", "01_preprocess")
    assert "network, saved by 08" not in explore.sources(results, frames, stances, {})


def test_estimates_saved_by_03_are_offered_while_they_are_of_these_stances(results, stances_and_frames):
    """After another 01 the same number is another stance, perhaps of a runner whom 03 has seen."""
    stances, frames = stances_and_frames
    assert list(explore.sources(results, frames, stances, {})) == ["paper, saved by 03"]
    record_runs(results, "03_train", "01_preprocess")
    assert explore.sources(results, frames, stances, {}) == {}


def test_without_results_one_error_says_what_to_run(tmp_path, stances_and_frames):
    stances, frames = stances_and_frames
    with pytest.raises(ValueError, match="03_train first, or `make reproduce`"):
        explore.sources(tmp_path, frames, stances, {})


def test_a_recipe_that_takes_long_is_refused(stances_and_frames):
    stances, frames = stances_and_frames
    with pytest.raises(ValueError, match="paper is of the kind lstm"):
        explore.source_without_runner(frames, stances, recipes.load(ROOT / "params" / "recipes" / "paper.yaml"))

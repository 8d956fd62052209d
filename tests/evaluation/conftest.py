"""Shared by the tests of explore: recipes that are fitted at once, results of 01 and 03, and simulated runners."""

import pandas as pd
import pytest
from helpers import ROOT

from grfkit.evaluation import explore
from grfkit.points import ESTIMATES, FORCES
from grfkit.study import recipes, store
from grfkit.virtual import one_runner


@pytest.fixture(scope="module")
def quick_recipes():
    return recipes.load_all(ROOT / "params" / "recipes", ["physics", "ridge", "mean_curve"])


@pytest.fixture
def stances_and_frames(tidy):
    """Four runners of six stances, as 01 saves them, with legs that say something of the force."""
    return tidy(24, runners=4)


@pytest.fixture
def results(tmp_path, stances_and_frames):
    """Results of 01 and 03: two stances of the test runner v03, estimated at nine tenths of the force."""
    stances, frames = stances_and_frames
    stances.loc[stances["runner"] == "v03", "split"] = "test"
    tested = frames[frames["stance"].isin([3, 7])]
    table = tested[["stance", "frame", "time_s", *FORCES]].assign(
        estimator="lstm", **dict(zip(ESTIMATES, 0.9 * tested[FORCES].to_numpy().T, strict=True))
    )
    folder = tmp_path / "results"
    store.save(folder, "01_preprocess/stances.csv", stances)
    store.save(folder, "01_preprocess/stances.parquet", frames)
    store.save(folder, "03_train/predictions.parquet", pd.concat([table, table.assign(estimator="mean_curve")]))
    store.save(
        folder, "03_train/model.json", {"provenance": {"recipe": "paper", "training_runners": ["v00", "v01", "v02"]}}
    )
    return folder


@pytest.fixture(scope="module")
def simulated_sources(quick_recipes):
    """Sources of estimates that are trained on simulated runners of other speeds and strikes."""
    usual = {name: knob.value for name, knob in one_runner.KNOBS.items()}
    runs = [
        one_runner.run(**{**usual, "speed_m_s": speed, "strike_deg": strike})
        for speed in (3.2, 3.4, 3.8, 4.0)
        for strike in (8, 18)
    ]
    stances = pd.concat(
        [run.stances.assign(stance=i, runner=f"t{i}", split="train") for i, run in enumerate(runs)], ignore_index=True
    )
    frames = pd.concat([run.frames.assign(stance=i) for i, run in enumerate(runs)], ignore_index=True)
    return {name: explore.source_of_strangers(frames, stances, recipe) for name, recipe in quick_recipes.items()}

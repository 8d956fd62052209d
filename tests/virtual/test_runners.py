"""The cohort runs as the published one: its features, its bodies, and each runner independent of the others."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit.points import GRAVITY
from grfkit.study import file as study_file
from grfkit.virtual.laboratory import plan_trials
from grfkit.virtual.motion import foot_forces, time_steps
from grfkit.virtual.runners import draw_style, sources

RATE = 1000
PARAMS = ROOT / "params"
PUBLISHED = study_file.published(PARAMS / "published.yaml")["table2"]  # Zhou 2025, force plate
LABORATORY = study_file.load(PARAMS / "virtual.yaml").laboratory


def measure(force, weight):
    """Read the features of one stance (T, 3) N off by the definitions of the paper, literally."""
    force = force[force[:, 2] > 10]
    seconds, position = len(force) / RATE, 0.13 * (len(force) - 1)
    impact = np.interp(position, np.arange(len(force)), force[:, 2]) / weight
    return {
        "propulsive_peak_bw": force[:, 0].max() / weight,
        "braking_peak_bw": -force[:, 0].min() / weight,
        "impact_peak_bw": impact,
        "active_peak_bw": force[:, 2].max() / weight,
        "vlr_bw_s": impact / (0.13 * seconds),
        "stance": seconds,
    }


@pytest.fixture(scope="module")
def cohort():
    """Features of all stances of the published cohort, without noise."""
    design = {"men": 24, "women": 35, "shoes": 2, "laps": 3, "trials": 1}
    table, runners = plan_trials(LABORATORY.model_copy(update=design), seed=2025)
    rows = []
    for row in table.itertuples():
        pair, rng = sources(2025, int(row.runner[1:]), ord(row.shoe) - ord("A"), row.lap, 0)
        style = draw_style(runners[row.runner], pair, rng, lap=row.lap)
        steps = time_steps(runners[row.runner], style, int(rng.integers(2)), RATE)
        force = foot_forces(runners[row.runner], steps)
        for step in (2, 3):
            contact = force[steps.side[step], steps.touchdown[step] : steps.touchdown[step] + steps.frames[step] + 1]
            rate = 60 * RATE / np.diff(steps.touchdown).mean()
            inward = contact[:, 1] * (1 if steps.side[step] else -1) / row.mass_kg / GRAVITY
            rows.append(
                measure(contact, row.mass_kg * GRAVITY) | {"speed": row.speed_m_s, "rate": rate, "inward": inward.max()}
            )
    return table, pd.DataFrame(rows)


@pytest.mark.parametrize("feature", PUBLISHED)
def test_draw_style_has_the_published_features(cohort, feature):
    mean, spread = PUBLISHED[feature]["measured_mean"], PUBLISHED[feature]["measured_sd"]
    found = cohort[1][feature]
    assert abs(found.mean() - mean) < spread / 4
    assert spread / 2 < found.std() < spread * 2


def test_plan_trials_has_the_published_cohort(cohort):
    table, stances = cohort
    runners = table.drop_duplicates("runner")
    assert len(runners) == 59 and (runners["sex"] == "m").sum() == 24 and len(stances) == 708
    # three standard errors of 59 draws: .03 m, 4.1 kg (paper section 1.1: 1.70 +- .078 m, 63.7 +- 10.5 kg)
    assert abs(runners["height_m"].mean() - 1.70) < 0.03 and abs(runners["mass_kg"].mean() - 63.7) < 4.1
    assert stances["speed"].between(12.35 / 3.6 - 1e-3, 13.65 / 3.6 + 1e-3).all()
    assert 0.21 < stances["stance"].mean() < 0.25 and 0.006 < stances["stance"].std() < 0.024
    assert stances["rate"].between(145, 205).all() and 160 < stances["rate"].mean() < 190
    assert 0.10 < stances["inward"].mean() < 0.16  # 0.18 in rbds


def test_draw_runner_does_not_depend_on_the_others():
    _, few = plan_trials(LABORATORY.model_copy(update={"laps": 1, "shoes": 1}), seed=5)
    _, many = plan_trials(LABORATORY.model_copy(update={"laps": 3, "shoes": 2}), seed=5)
    assert [astuple(runner) for runner in few.values()] == [astuple(runner) for runner in many.values()]

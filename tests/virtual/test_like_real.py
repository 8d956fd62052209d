"""The virtual laboratory beside real recordings (rbds, 3.5 m/s): how far forces and pelvis vary."""

import numpy as np
import pandas as pd
import pytest
from helpers import REAL, ROOT
from scipy.interpolate import CubicSpline

from grfkit import transform
from grfkit.points import FORCES, INPUTS
from grfkit.recordings.trials import read_trials
from grfkit.stances import cohort
from grfkit.study import file as study_file
from grfkit.virtual import laboratory

NODES = 101


def cut(folder, results, study, **changes):
    """Cut recordings into stances; returns their table and frames."""
    settings = study_file.preprocessing(ROOT / "params" / f"{study}.yaml").model_copy(update=changes)
    trials = read_trials(folder, table=settings.table)
    if study == "rbds":
        trials = trials[trials["speed_m_s"].between(3.4, 3.6)]
    stances = cohort.collect(trials, folder, results, settings, engine="threads")[0]
    return stances, pd.read_parquet(results / cohort.FRAMES)


def curves(stances, frames):
    """Give force (S, 101, 3) BW and acceleration of the pelvis (S, 101, 3) g over stance, left legs mirrored."""
    forces, accelerations = [], []
    seconds = stances["toeoff_s"] - stances["touchdown_s"]
    for (_, rows), end in zip(frames.groupby("stance"), seconds, strict=True):
        time, nodes = rows["time_s"].to_numpy(float), np.linspace(0, end, NODES)
        rate_hz = (len(time) - 1) / (time[-1] - time[0])
        force = rows[FORCES].to_numpy(float)
        if rate_hz > 500:
            force = transform.lowpass(force, cutoff_hz=50.0, rate_hz=rate_hz)  # as the study rbds does
        forces.append(np.stack([np.interp(nodes, time, column) for column in force.T], axis=1))
        accelerations.append(CubicSpline(time, rows[INPUTS[:3]].to_numpy(float))(nodes, 2) / 9.81)
    mirror = np.where((stances["side"] == "l").to_numpy()[:, None, None], [1, -1, 1], 1)
    return np.array(forces) * mirror, np.array(accelerations) * mirror


def spread(values, runners):
    """Give SD within and between runners, root mean square over nodes: (3,) each."""
    names = np.unique(runners)
    means = np.stack([values[runners == name].mean(axis=0) for name in names])
    within = values - means[np.searchsorted(names, runners)]
    variance = (within**2).sum(axis=0) / (len(values) - len(names))
    return np.sqrt(variance.mean(axis=0)), np.sqrt(means.var(axis=0, ddof=1).mean(axis=0))


@pytest.fixture(scope="module")
def spreads(tmp_path_factory):
    """SD of virtual forces and pelvis accelerations over those of rbds."""
    if not (REAL / "rbds").is_dir():
        pytest.skip(f"the public recordings are not at {REAL / 'rbds'}; GRFKIT_DATA=DIR names another place")
    folder, found = tmp_path_factory.mktemp("spreads"), []
    design = {"men": 9, "women": 13, "laps": 3} | dict.fromkeys(laboratory.FAULTS.values(), 0)
    settings = study_file.load(ROOT / "params" / "virtual.yaml").laboratory.model_copy(update=design)
    laboratory.record(folder / "recordings", settings, seed=2025)
    for study, recordings, changes in (
        ("virtual", folder / "recordings", {}),
        ("rbds", REAL / "rbds", {"points_cutoff_hz": 20.0}),
    ):
        stances, frames = cut(recordings, folder / study, study, **changes)
        kinds = zip(("force", "pelvis"), curves(stances, frames), strict=True)
        found.append({name: spread(values, stances["runner"].to_numpy()) for name, values in kinds})
    virtual, real = found
    return {name: [a / b for a, b in zip(virtual[name], real[name], strict=True)] for name in virtual}


def test_forces_vary_within_a_runner_as_in_rbds(spreads):
    print("within a runner, virtual over rbds, AP ML V:", spreads["force"][0].round(2))
    assert (spreads["force"][0] > 0.8).all() and (spreads["force"][0] < 1.25).all()


def test_forces_vary_between_runners_as_in_rbds(spreads):
    print("between runners, virtual over rbds, AP ML V:", spreads["force"][1].round(2))
    assert (spreads["force"][1] > 0.7).all() and (spreads["force"][1] < 1.35).all()


def test_accelerations_of_the_pelvis_vary_as_in_rbds(spreads):
    print("pelvis within a runner, virtual over rbds, AP ML V:", spreads["pelvis"][0].round(2))
    assert (spreads["pelvis"][0] > 0.5).all() and (spreads["pelvis"][0] < 1.5).all()

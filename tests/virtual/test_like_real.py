"""The virtual laboratory beside real recordings (rbds, 3.5 m/s): how far forces vary, how far points follow them."""

import numpy as np
import pandas as pd
import pytest
from helpers import REAL, ROOT
from scipy.interpolate import CubicSpline

from grfkit import transform
from grfkit.points import FORCES, INPUTS, MIRROR, POINTS, mirrored
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
    """Give force (S, 101, 3) BW and acceleration of the points (S, 101, 11, 3) g over stance, left legs mirrored."""
    forces, accelerations = [], []
    seconds = stances["toeoff_s"] - stances["touchdown_s"]
    for (_, rows), end in zip(frames.groupby("stance"), seconds, strict=True):
        time, nodes = rows["time_s"].to_numpy(float), np.linspace(0, end, NODES)
        rate_hz = (len(time) - 1) / (time[-1] - time[0])
        force = rows[FORCES].to_numpy(float)
        if rate_hz > 500:
            force = transform.lowpass(force, cutoff_hz=50.0, rate_hz=rate_hz)  # as the study rbds does
        forces.append(np.stack([np.interp(nodes, time, column) for column in force.T], axis=1))
        points = rows[INPUTS].to_numpy(float).reshape(-1, len(POINTS), 3)
        accelerations.append(CubicSpline(time, points)(nodes, 2) / 9.81)
    forces, accelerations = np.array(forces), np.array(accelerations)
    left = (stances["side"] == "l").to_numpy()
    forces[left], accelerations[left] = forces[left] * MIRROR, mirrored(accelerations[left])
    return forces, accelerations


def deviations(values, runners):
    """Give what differs from the mean of each runner, (S, 101, ...), and these means (R, 101, ...)."""
    names = np.unique(runners)
    means = np.stack([values[runners == name].mean(axis=0) for name in names])
    return values - means[np.searchsorted(names, runners)], means


def spread(values, runners):
    """Give SD within and between runners, root mean square over nodes: (3,) each."""
    within, means = deviations(values, runners)
    variance = (within**2).sum(axis=0) / (len(values) - len(means))
    return np.sqrt(variance.mean(axis=0)), np.sqrt(means.var(axis=0, ddof=1).mean(axis=0))


def followed(forces, accelerations, runners):
    """Give the share (3,) of the variance of a runner's forces that follows the points' accelerations at that moment.

    They are those of the 11 points in the same direction, from 10 to 90 % of stance: ordinary least squares.
    """
    force, acceleration = (deviations(values, runners)[0][:, 10:91] for values in (forces, accelerations))
    shares = []
    for axis in range(3):
        target, inputs = force[..., axis].ravel(), acceleration[..., axis].reshape(-1, len(POINTS))
        rest = target - inputs @ np.linalg.lstsq(inputs, target, rcond=None)[0]
        shares.append(1 - (rest**2).sum() / (target**2).sum())
    return np.array(shares)


@pytest.fixture(scope="module")
def spreads(tmp_path_factory):
    """Virtual over real: SD of force within and between runners, of pelvis acceleration, and what followed gives."""
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
        runners, (forces, accelerations) = stances["runner"].to_numpy(), curves(stances, frames)
        found.append((*spread(forces, runners), spread(accelerations[:, :, 0], runners)[0]))
        found[-1] += (followed(forces, accelerations, runners),)
    ratios = {name: a / b for name, a, b in zip(("within", "between", "pelvis", "followed"), *found, strict=True)}
    print("virtual over rbds, AP ML V:", {name: ratio.round(2).tolist() for name, ratio in ratios.items()})
    return ratios


@pytest.mark.parametrize(
    "name, low, high",
    [("within", 0.8, 1.25), ("between", 0.7, 1.35), ("pelvis", 0.5, 1.5), ("followed", 0.6, 2.2)],
)
def test_virtual_runners_vary_as_real_ones(spreads, name, low, high):
    assert (spreads[name] > low).all() and (spreads[name] < high).all()

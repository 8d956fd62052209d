"""What several tests share: where the real recordings lie, a copy of the project with a whole run in it, stances made
by hand."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers import REAL, ROOT, make

from grfkit import metrics
from grfkit.points import FORCES, INPUTS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """With two test processes (-n 2 --dist loadgroup --no-loadscope-reorder) a file's tests share one, and so those
    that share a whole run: they take the longest and come first. test_bad_input needs the recordings alone."""
    items.sort(key=lambda item: item.path.parent.name != "whole")
    for item in items:
        shares = item.path.parent.name == "whole" and item.path.stem != "test_bad_input"
        item.add_marker(pytest.mark.xdist_group("whole" if shares else str(item.path)))


@pytest.fixture
def rbds():
    """The public set of 22 runners, read in place."""
    folder = REAL / "rbds"
    if not folder.is_dir():
        pytest.skip(f"the public recordings are not at {folder}; GRFKIT_DATA=DIR names another place")
    return folder


@pytest.fixture
def hamner():
    """Five runners of another laboratory as OpenSim's files, read in place."""
    folder = REAL / "hamner"
    if not folder.is_dir():
        pytest.skip(f"the recordings of Hamner & Delp are not at {folder}; GRFKIT_DATA=DIR names another place")
    return folder


@pytest.fixture
def plates():
    """Real C3D files with force plates of several types, read in place."""
    folder = REAL / "plates"
    if not folder.is_dir():
        pytest.skip(f"the recordings of force plates are not at {folder}; GRFKIT_DATA=DIR names another place")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project's files that uses this environment in place of a .venv of its own."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path_factory.mktemp("project")
    for name in ("grfkit", "notebooks", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    shutil.copy(ROOT / "Makefile", folder)
    return folder


@pytest.fixture(scope="session")
def smoke(project):
    """The reports of an undisturbed run of the study smoke in the copy of the project."""
    done = make(project, "reproduce", "STUDY=smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("reports/smoke/index.html")
    return project / "reports" / "smoke"


@pytest.fixture(scope="session")
def beyond(project, smoke):
    """The same reports with those that `make beyond` adds."""
    done = make(project, "beyond", "STUDY=smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    return smoke


@pytest.fixture
def theia_export():
    """A real Theia3D export of 2020, read in place."""
    file = REAL / "theia" / "C3DRotationExample.c3d"
    if not file.is_file():
        pytest.skip(f"the Theia3D export is not at {file}; GRFKIT_DATA=DIR names another place")
    return file


@pytest.fixture
def tidy():
    """Make stances and frames as 01_preprocess saves them: `n` half-sine stances of different lengths at 1 kHz."""

    def make(n=6, runners=3, seed=0):
        rng = np.random.default_rng(seed)
        stances, frames = [], []
        for number in range(n):
            length = int(rng.integers(200, 260))
            time = (np.arange(length + 20) - 10) / 1000
            inside = (time > -1e-9) & (time < (length - 0.5) / 1000)
            share = np.clip(time / ((length - 1) / 1000), 0, 1)
            force = np.stack(
                [-0.3 * np.sin(2 * np.pi * share), 0.1 * np.sin(np.pi * share), 2.5 * np.sin(np.pi * share) + 0.02]
            )
            force = force.T * inside[:, None] * rng.uniform(0.9, 1.1)
            points = (
                rng.normal(size=33) + 0.1 * np.outer(share, rng.normal(size=33)) + force.mean(axis=1, keepdims=True)
            )
            stances.append(
                {
                    "stance": number,
                    "file": f"{number}.c3d",
                    "runner": f"v{number % runners:02d}",
                    "side": "lr"[number % 2],
                    "speed_m_s": 3.6,
                    "shoe": "A",
                    "lap": str(number // 2 % 3),
                    "trial": "1",
                    "mass_kg": 60.0,
                    "touchdown_s": 0.5,
                    "toeoff_s": 0.5 + (length - 1) / 1000,
                    "flight_s": 0.1,
                    "split": "train",
                    "weighed_kg": 57.0,
                    "unit_kg": 60.0,
                }
            )
            table = pd.DataFrame(
                np.column_stack([time, points, force]).astype(np.float32), columns=["time_s", *INPUTS, *FORCES]
            )
            table.insert(0, "frame", np.arange(len(table)))
            table.insert(0, "stance", number)
            frames.append(table)
        return pd.DataFrame(stances), pd.concat(frames, ignore_index=True)

    return make


@pytest.fixture
def predictions(tidy):
    """Six stances, frames of stance alone, and three estimators: one errs by noise, one by a known constant, one by 10
    %."""
    stances, frames = tidy()
    force = frames[FORCES].to_numpy()
    noisy = force + 0.05 * np.random.default_rng(6).normal(size=force.shape) * (force[:, 2:] > 0)
    table = metrics.predictions(frames, {"lstm": noisy, "shifted": force + 0.1, "larger": 1.1 * force})
    return stances, table[metrics.in_stance(table, stances)]


@pytest.fixture
def vertical_only(predictions):
    """Add to `predictions` an estimator that gives the vertical force of `lstm` and nothing else."""
    stances, table = predictions
    ours = table[table["estimator"] == "lstm"].assign(estimator="vertical_only", est_ap=np.nan, est_ml=np.nan)
    return stances, pd.concat([table, ours], ignore_index=True)


@pytest.fixture
def made_up():
    """One made-up stance of 60 frames: times s, points m, force BW and centre of pressure m."""
    time_s, share = (np.arange(60) - 5) / 250, np.clip((np.arange(60) - 5) / 50, 0, 1)
    force = np.stack([-0.3 * np.sin(2 * np.pi * share), 0 * share, 2.5 * np.sin(np.pi * share)], axis=1)
    points = np.random.default_rng(4).uniform(0, 1, (11, 3)) + 0.5 * share[:, None, None]
    cop = np.where(force[:, 2:] > 0.01, np.stack([0.3 + 0.2 * share, 0 * share, 0 * share], axis=1), np.nan)
    return time_s, points, force, cop

"""What several tests share: where the real recordings lie, and stances made by hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from grfkit import FORCES, INPUTS

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("GRFKIT_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def rbds():
    """The public set of 22 runners, read in place."""
    folder = REAL / "rbds"
    if not folder.is_dir():
        pytest.skip(f"the public recordings are not at {folder}; GRFKIT_DATA=DIR names another place")
    return folder


@pytest.fixture
def plates():
    """Real C3D files with force plates of several types, read in place."""
    folder = REAL / "plates"
    if not folder.is_dir():
        pytest.skip(f"the recordings of force plates are not at {folder}; GRFKIT_DATA=DIR names another place")
    return folder


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
            force = np.stack([-0.3 * np.sin(2 * np.pi * share), 0.1 * np.sin(np.pi * share), 2.5 * np.sin(np.pi * share) + 0.02])
            force = force.T * inside[:, None] * rng.uniform(0.9, 1.1)
            points = rng.normal(size=33) + 0.1 * np.outer(share, rng.normal(size=33)) + force.mean(axis=1, keepdims=True)
            stances.append({"stance": number, "file": f"{number}.c3d", "runner": f"v{number % runners:02d}", "side": "lr"[number % 2],
                            "speed_m_s": 3.6, "shoe": "A", "lap": str(number // 2 % 3), "trial": "1", "mass_kg": 60.0,
                            "touchdown_s": 0.5, "toeoff_s": 0.5 + (length - 1) / 1000, "flight_s": 0.1, "split": "train"})
            table = pd.DataFrame(np.column_stack([time, points, force]).astype(np.float32), columns=["time_s", *INPUTS, *FORCES])
            table.insert(0, "frame", np.arange(len(table)))
            table.insert(0, "stance", number)
            frames.append(table)
        return pd.DataFrame(stances), pd.concat(frames, ignore_index=True)
    return make

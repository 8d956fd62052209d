"""Recordings are read with their plates as one, on plates made by hand."""

import numpy as np
import pandas as pd
from helpers import preprocessing

from grfkit.recordings import c3d, read, trials


def felt(cop, vertical, offset, moments):
    """Make a plate that reads an offset of force (3,) N and moments (3,) N m; and its true force and moments."""
    force = vertical[:, None] * [0.1, -0.05, 1.0]
    true = np.where(vertical[:, None] > 0, cop, 0.0)
    read = (vertical[:, None] * true + moments) / (vertical + offset[2])[:, None]
    return (
        c3d.Plate(force + offset, read, np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])),
        force,
        vertical[:, None] * true,
    )


def test_read_sums_zeroed_plates_and_finds_the_centre_of_them_all(monkeypatch, tmp_path):
    """Of a foot on two plates at once the centre is that of their summed moments, where the force is large."""
    time = np.arange(3000) / 1000
    arch = 700 * np.maximum(np.sin(2 * np.pi * time / 0.6), 0)
    share = np.clip(np.sin(2 * np.pi * time / 1.7), 0, 1)  # on the first plate
    plates, forces, moments = zip(
        felt([0.2, 0.1, 0.0], share * arch, [3.0, -2.0, 20.0], [4.0, -3.0, 0.0]),
        felt([1.3, 0.4, 0.0], (1 - share) * arch, [0.0, 1.0, -12.0], [1.0, 2.0, 0.0]),
        strict=True,
    )
    points = np.random.default_rng(0).normal(size=(300, 11, 3))
    asked = []

    def load(trial, folder, statics, settings):
        asked.append((trial.file, folder, settings))
        return c3d.Recording({}, 100.0, list(plates), 1000.0), points

    monkeypatch.setattr(read, "load_trial", load)
    rows = [
        ("1.c3d", "one", 70.0, 1.7, "f", 2.5, "A", "1", "1", ""),
        ("2.c3d", "two", 70.0, 1.7, "m", 3.5, "A", "1", "1", ""),
    ]
    pd.DataFrame(rows, columns=trials.TRIAL_COLUMNS).to_csv(tmp_path / "trials.csv", index=False)
    for name in ("1.c3d", "2.c3d"):
        (tmp_path / name).touch()
    section = preprocessing(contact_threshold_n=50.0)
    (one,) = read.read_recorded(pd.DataFrame({"file": ["2.c3d", "2.c3d"]}), tmp_path, section)
    assert asked == [("2.c3d", tmp_path, section)]
    assert (one.file, one.runner, one.speed_m_s, one.point_hz, one.force_hz) == (
        "2.c3d",
        "two",
        3.5,
        100.0,
        1000.0,
    ) and one.points is points
    np.testing.assert_allclose(one.force, sum(forces), atol=1e-9)
    loaded = arch > 50
    assert (share[loaded] == 0).any() and ((share > 0) & (share < 1) & loaded).any()
    np.testing.assert_allclose(one.cop[loaded], sum(moments)[loaded] / arch[loaded, None], atol=1e-9)
    assert np.isnan(one.cop[~loaded]).all()

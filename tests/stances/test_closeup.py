"""Signals of one stance, on virtual and on real recordings: what collect has cut."""

import numpy as np
import pandas as pd
import pytest
from helpers import preprocessing, record_virtual

from grfkit.points import FEET, FORCES, GRAVITY, INPUTS, POINTS
from grfkit.recordings import trials as trials_table
from grfkit.stances import closeup, cut


def test_signals_are_those_that_collect_has_cut(tmp_path):
    """The raw force in body weights and the points are those of collect; the centre of pressure is under the foot."""
    trials, settings = record_virtual(tmp_path, seed=5), preprocessing()
    stances, frames, *_ = cut.collect(trials, tmp_path, settings)
    assert len(stances) == 4
    for _, row in stances.iterrows():
        recorded = closeup.read(row, trials, tmp_path, settings)
        kept = frames[frames["stance"] == row["stance"]]
        force, inside = kept[FORCES].to_numpy(), (kept["grf_v"] > 0).to_numpy()
        np.testing.assert_allclose(recorded.raw[inside] / (row["mass_kg"] * GRAVITY), force[inside], atol=1e-6)
        np.testing.assert_allclose(recorded.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
        np.testing.assert_allclose(recorded.time_s, kept["time_s"], atol=1e-6)
        assert 0 < np.abs(recorded.filtered - recorded.raw).max() < 0.1 * recorded.raw.max()
        at = np.interp(recorded.camera_s, recorded.time_s, recorded.points[:, 0, 2])
        np.testing.assert_allclose(recorded.seen[:, 0, 2], at, atol=1e-5)  # the spline goes through the camera's frames
        middle = len(kept) // 2
        heel, toe = recorded.points[middle][FEET[row["side"]]]
        assert heel[0] - 0.05 < recorded.cop[middle, 0] < toe[0] + 0.05


def test_signals_of_real_running_are_filtered_as_collect_filters(rbds):
    trials, settings = trials_table.read_trials(rbds, table="rbds"), preprocessing("rbds")
    trials = trials[(trials["runner"] == "002") & (trials["speed_m_s"] == 3.5)]
    stances, frames, *_ = cut.collect(trials, rbds, settings)
    row, kept = stances.iloc[3], frames[frames["stance"] == 3]
    recorded = closeup.read(row, trials, rbds, settings)
    inside = (kept["grf_v"] > 0).to_numpy()
    np.testing.assert_allclose(recorded.filtered[inside] / (row["mass_kg"] * GRAVITY), kept[FORCES][inside], atol=1e-6)
    np.testing.assert_allclose(recorded.points.reshape(len(kept), -1), kept[INPUTS], atol=1e-6)
    assert np.abs(recorded.seen - recorded.points[0]).max() > 0.05 and len(recorded.seen) == pytest.approx(
        len(kept) / 2, abs=1
    )


def test_leg_lengths_are_of_each_runner_and_the_most_unequal_come_first():
    """Made by hand: straight legs of one length, but for one runner whose left shank is a tenth longer."""
    points = np.zeros((4, len(POINTS), 3))
    for side in "lr":
        points[:, [POINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")], 2] = [0.9, 0.5, 0.1]
    points[2:, POINTS.index("l_ankle"), 2] = 0.06
    frames = pd.DataFrame(points.reshape(4, -1), columns=INPUTS).assign(stance=[0, 0, 1, 2])
    stances = pd.DataFrame({"stance": [0, 1, 2], "runner": ["even", "uneven", "uneven"]})
    table = closeup.leg_lengths(frames, stances)
    assert table.index.tolist() == ["uneven", "even"] and table.index.name == "runner"
    expected = [[40, 40, 0, 44, 40, 10], [40, 40, 0, 40, 40, 0]]
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-9)
    assert list(table)[3:] == ["shank left (cm)", "shank right (cm)", "shank left longer (%)"]

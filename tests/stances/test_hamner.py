"""Runners of another laboratory, from OpenSim's files: what they weigh, and which foot stands on which plate."""

import numpy as np
import pytest
from helpers import ROOT, preprocessing

from grfkit.points import GRAVITY
from grfkit.recordings import files, read, trials
from grfkit.stances import cut


@pytest.fixture
def table(hamner):
    return trials.read_trials(hamner, table=str(ROOT / "params" / "hamner_trials.csv"))


def test_forces_weigh_what_the_models_of_the_runners_do(hamner, table):
    """Mean vertical force over a run is .96 to 1.05 of the listed mass, as its README found by other means."""
    assert table["runner"].nunique() == 5 and len(table) == 20
    for trial in table.itertuples():
        plates = files.read(hamner / trial.forces, forward="+x", up="+y").plates
        vertical = sum(plate.force[:, 2] for plate in plates)
        assert 0.96 <= vertical.mean() / GRAVITY / trial.mass_kg <= 1.05, trial.file


def test_stances_are_of_the_foot_whose_columns_hold_the_force(hamner, table):
    """The side is that of the lower heel; the columns R_ and L_ were named by the laboratory."""
    settings, found = preprocessing("hamner"), 0
    for trial in table[table["speed_m_s"] == 3.0].itertuples():
        recording, points = read.load_trial(trial, hamner, {}, settings)
        assert recording.force_hz == settings.force_hz == 300.0
        right, left = (plate.force[:, 2] for plate in recording.plates)
        outcomes = cut.cut(recording, points, settings, mass_kg=trial.mass_kg, speed_m_s=trial.speed_m_s)
        kept = [outcome for outcome in outcomes if isinstance(outcome[2], cut.Stance)]
        for side, at, stance in kept:
            middle = round((at + stance.toeoff_s) / 2 * recording.force_hz)
            assert (left[middle] > right[middle]) == (side == "l")
            assert 1.3 < stance.force[:, 2].max() < 3.5
        assert len(kept) >= len(outcomes) - 2  # but for those that the ends of the recording cut
        found += len(kept)
    assert found >= 65


def test_the_rate_of_the_study_changes_no_force(hamner, table):
    """Forces that were low-passed at some 15 Hz lose nothing at 300 Hz: 5 N at the steepest, of some 2,000 N."""
    trial = next(table[table["file"] == "subject03/Run_3.trc"].itertuples())
    as_published, _ = read.load_trial(trial, hamner, {}, preprocessing("hamner", force_hz=None))
    slow, _ = read.load_trial(trial, hamner, {}, preprocessing("hamner"))
    assert as_published.force_hz == 2000.0
    for fast, resampled in zip(as_published.plates, slow.plates, strict=True):
        at = np.arange(len(resampled.force)) / 300.0
        expected = np.interp(at, np.arange(len(fast.force)) / 2000.0, fast.force[:, 2])
        assert np.abs(resampled.force[:, 2] - expected).max() < 10.0
        assert np.sqrt(np.mean((resampled.force[:, 2] - expected) ** 2)) < 0.5

"""Small recordings with a fault of their plates, each beside the right value; their READMEs say how they were made."""

from types import SimpleNamespace

import pytest
from helpers import ROOT, preprocessing

from grfkit.recordings import read
from grfkit.stances import cut

CASES = ROOT / "tests" / "cases"
RUNNER = {"mass_kg": 56.5, "speed_m_s": 3.646}


def outcomes(file):
    settings = preprocessing("smoke", points_cutoff_hz=None)
    record, points = read.load_trial(SimpleNamespace(file=file, static=""), CASES, {}, settings)
    return [(side, outcome) for side, _, outcome in cut.cut(record, points, settings, **RUNNER)]


def test_cut_reads_the_reference_without_a_fault():
    (_, left), (_, right) = outcomes("00_reference/reference.c3d")
    assert left.force[:, 2].max() == pytest.approx(2.600, abs=0.001)
    assert right.force[:, 2].max() == pytest.approx(2.544, abs=0.001)


def test_cut_leaves_out_what_a_saturated_plate_measured():
    assert [(side, str(reason)) for side, reason in outcomes("06_saturated_plate/run.c3d")] == [
        ("l", "plate 1 saturated: a raw channel at the end of its range"),
        ("r", "plate 2 saturated: a raw channel at the end of its range"),
    ]

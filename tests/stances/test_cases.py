"""Small recordings with a fault of their plates, each beside the right value; their READMEs say how they were made."""

from types import SimpleNamespace

import ezc3d
import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, preprocessing

from grfkit.recordings import read
from grfkit.recordings.trials import TRIAL_COLUMNS
from grfkit.stances import cohort, cut

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


@pytest.mark.parametrize(
    "name",
    ["07_moments_in_Nm", "08_forces_in_kN", "09_unsigned_16_bit", "10_saved_again_by_ezc3d", "11_group_twice"]
    + ["12_used_1x1", "25_last_parameter_runs_into_the_data"],
)
def test_cut_gives_the_stances_of_the_reference(name):
    """To the resolution of a file of integers: 0.1 mm, 0.2 N of 554 N, in points that were continued and filtered."""
    for (side, found), (other, right) in zip(
        outcomes(f"{name}/run.c3d"), outcomes("00_reference/reference.c3d"), strict=True
    ):
        assert side == other
        np.testing.assert_allclose(found.force, right.force, atol=4e-4)
        np.testing.assert_allclose(found.points, right.points, atol=2e-4)


def test_cut_leaves_out_what_a_saturated_plate_measured():
    assert [(side, str(reason)) for side, reason in outcomes("06_saturated_plate/run.c3d")] == [
        ("l", "plate 1 saturated: a raw channel at the end of its range"),
        ("r", "plate 2 saturated: a raw channel at the end of its range"),
    ]


def collected(file, results):
    """Take a folder with one recording as a study of its own."""
    rows = [(file, "v03", 56.5, 1.7, "f", 3.646, "A", 0, 1, "")]
    return cohort.collect(
        pd.DataFrame(rows, columns=TRIAL_COLUMNS), CASES, results, preprocessing("smoke"), engine="here"
    )


def test_collect_leaves_out_what_a_reversed_plate_measured(tmp_path):
    stances, excluded, _ = collected("04_one_plate_reversed/run.c3d", tmp_path)
    assert stances["side"].tolist() == ["l"]
    assert excluded[["side", "reason"]].to_numpy().tolist() == [["r", "plate 2: anterior-posterior force reversed"]]


def test_collect_stops_at_left_handed_plates(tmp_path):
    advice = "Correct the order of the plate's corners"
    with pytest.raises(ValueError, match=f"found force plate 1, 2: medial-lateral force reversed. {advice}"):
        collected("05_left_handed_plates/run.c3d", tmp_path)
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("how", ["held", "straight"])
def test_cut_leaves_out_a_stance_in_which_a_point_was_filled_in(tmp_path, how):
    """As with (0, 0, 0): the left stance lacks the ankle for .15 s, and the right one stays bit for bit."""
    content = ezc3d.c3d(str(CASES / "00_reference" / "reference.c3d"))
    ankle, points = content["parameters"]["POINT"]["LABELS"]["value"].index("l_ankle"), content["data"]["points"]
    first, last = points[:3, ankle, 35].copy(), points[:3, ankle, 51].copy()
    share = np.linspace(0, 1, 17)[1:-1] * (how == "straight")
    found = {}
    for name, places in (("filled", first[:, None] + (last - first)[:, None] * share), ("zero", np.zeros((3, 15)))):
        points[:3, ankle, 36:51] = places
        content.write(str(tmp_path / f"{name}.c3d"))
        found[name] = outcomes(tmp_path / f"{name}.c3d")
    for (_, reason), (_, right) in found.values():
        assert str(reason) == "points missing for more than 40 ms"
        np.testing.assert_array_equal(right.points, found["zero"][1][1].points)

"""Stances of real recordings: the public set, and overground running over plates of several makers."""

from types import SimpleNamespace

import pytest
from helpers import ROOT, ja1_clusters, preprocessing

from grfkit import metrics
from grfkit.features import measured
from grfkit.points import GRAVITY, Excluded
from grfkit.recordings import plates as force_plates
from grfkit.recordings import read
from grfkit.recordings import trials as trials_table
from grfkit.stances import cut


def from_points(files, file, points, *, checks=None, **runner):
    """Cut a real overground recording without a table, its direction found: returns the recording and the outcomes."""
    source = {"points": points, "clusters": None} if "pelvis" in points else {"points": None, "clusters": points}
    settings = preprocessing(**source, forward="found", points_cutoff_hz=20.0, checks=checks)
    trial = SimpleNamespace(file=file, static="JA1Static05.c3d")
    record, tracked = read.load_trial(trial, files, {}, settings)
    return record, cut.cut(record, tracked, settings, **runner)


def sided(names):
    return {f"{side.lower()}_{point}": name.format(side) for side in "LR" for point, name in names.items()}


def test_cut_reads_overground_running_over_eight_plates(plates):
    """Dorn 2012: 3.53 m/s along +y, five steps, 755 N in the static trial. Peaks of running are 2.5, .39, .31 BW."""
    _, found = from_points(plates, "JA1Gait21.c3d", ja1_clusters("bell1990"), mass_kg=755 / GRAVITY, speed_m_s=3.53)
    assert [side for side, _, _ in found] == ["l", "r", "l", "r", "l"]
    assert not [reason for _, _, reason in found if isinstance(reason, Excluded)]
    for _, _, stance in found:
        ap, _, vertical = stance.force[stance.force[:, 2] > 0].T
        assert 2.4 < vertical.max() < 2.9 and 0.2 < -ap.min() < 0.5 and 0.2 < ap.max() < 0.5
        assert ap[: len(ap) // 2].mean() < -0.1 and ap[len(ap) // 2 :].mean() > 0.1  # brakes, then propels
    first = found[0][2]
    assert force_plates.mass(first.impulse_n_s, first.weighed_s) == pytest.approx(
        755 / GRAVITY, rel=0.03
    )  # four steps, two strides


def test_the_study_of_one_overground_runner_gives_its_five_stances(plates):
    """params/ja1.yaml: as cut by hand above; the plates weigh the runner within 2 % of the static trial's 755 N."""
    trials = trials_table.read_trials(plates, table=str(ROOT / "params" / "ja1_trials.csv"))
    stances, frames, excluded, weights, _ = cut.collect(trials, plates, preprocessing("ja1"))
    assert list(stances["side"]) == ["l", "r", "l", "r", "l"] and excluded.empty and len(trials) == 1
    assert trials["mass_kg"][0] == pytest.approx(755 / GRAVITY, abs=0.05)
    assert abs(weights["difference_pct"][0]) < 2
    assert (stances["toeoff_s"] - stances["touchdown_s"]).between(0.22, 0.26).all()
    assert frames.groupby("stance")["grf_v"].max().between(2.4, 2.9).all()


def test_cut_reads_overground_running_on_a_kistler_plate(plates):
    """Running_0002: one right stance along -x at 3.1 m/s, markers on the skin for joints.

    Its body mass is not known; with a mass of 1 / g forces are in newtons.
    """
    names = sided({"hip": "{}ASIS", "knee": "{}KneeLat", "ankle": "{}AnkleLat", "heel": "{}Heel", "toe": "{}PHAL2"}) | {
        "pelvis": "LBackAsis"
    }
    record, found = from_points(
        plates, "Running_0002.c3d", names, mass_kg=1 / GRAVITY, speed_m_s=3.1, checks={"segment_change": 0.5}
    )
    (side, _, stance), (other, _, reason) = found
    assert (side, other, str(reason)) == ("r", "l", "no contact of this foot on a plate")
    ap, _, vertical = stance.force[stance.force[:, 2] > 0].T
    assert 1300 < vertical.max() < 1500 and ap[: len(ap) // 2].mean() < -50 and ap[len(ap) // 2 :].mean() > 50
    assert -250 < ap.min() < -150 and 150 < ap.max() < 250


def test_collect_reads_real_running(rbds):
    """Two real runners at 3.5 m/s are within the ranges of all 22. The static trial of 001 has no force."""
    trials = trials_table.read_trials(rbds, table="rbds")
    trials = trials[trials["runner"].isin(["001", "010"])]
    stances, frames, excluded, weights, _ = cut.collect(trials, rbds, preprocessing("rbds"))
    other = stances["split"] == "other_speed"  # the belt's two other speeds, read because the study file names them
    assert (stances["speed_m_s"][~other] == 3.5).all() and set(stances["speed_m_s"][other]) == {2.5, 4.5}
    assert not excluded["reason"].str.startswith("speed outside").any() and 300 < other.sum() < 400
    stances = stances[~other]
    frames = frames[frames["stance"].isin(stances["stance"])]
    assert 150 < len(stances) < 190 and set(stances["side"]) == {"l", "r"}
    assert abs(stances["side"].eq("l").sum() - stances["side"].eq("r").sum()) <= 4  # steps alternate
    features = measured(frames[metrics.in_stance(frames, stances)], vlr="touchdown_to_13")
    assert features["active_peak_bw"].between(2.0, 3.2).all() and features["braking_peak_bw"].mean() == pytest.approx(
        0.38, abs=0.12
    )
    assert (stances["toeoff_s"] - stances["touchdown_s"]).between(0.19, 0.28).all()
    weights = weights.set_index("runner")["difference_pct"]
    assert weights.between(-7, 1).all() and len(weights) == 2  # -6.3 to +0.4 % over the 22 runners (data's README)

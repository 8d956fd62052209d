"""A static trial that does not fit: real recordings with left and right swapped, or with another runner's trial."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ja1_clusters, preprocessing

from grfkit.points import POINTS, InputError
from grfkit.recordings import c3d, landmarks, read
from grfkit.recordings.faults import static_trial

FRAMES = 300  # of a recording: two seconds


def swapped(markers):
    """Give each marker the label of the other side, as a marker set that was mirrored does."""
    other = {"L": "R", "R": "L"}
    names = {name: other[name[0]] + name[1:] if name[:1] in other else name for name in markers}
    return {name: markers[twin] if (twin := names[name]) in markers else xyz for name, xyz in markers.items()}


@pytest.fixture
def load(monkeypatch):
    """Load a recording by its markers and those of its static trial, as the study of `clusters` says."""

    def load(running, static, settings):
        files = {"run": running, "static": static}
        with monkeypatch.context() as patch:
            patch.setattr(c3d, "read", lambda path, **_: c3d.Recording(files[path.name], 150.0, [], 300.0))
            return read.load_trial(SimpleNamespace(file="run", static="static"), Path(), {}, settings)[1]

    return load


def markers(path, settings, frames=slice(FRAMES)):
    found = c3d.read(path, forward=settings.forward, up=settings.up, plates=[]).points
    return {name: xyz[frames] for name, xyz in found.items()}


def of_rbds(rbds, running, static, settings):
    return (
        markers(rbds / running / f"{running}runT35.c3d", settings),
        markers(rbds / static / f"{static}static.c3d", settings),
    )


def test_swapped_labels_are_refused_in_the_running_trial_in_the_static_trial_and_in_both(rbds, load):
    settings = preprocessing("rbds")
    running, static = of_rbds(rbds, "RBDS011", "RBDS011", settings)
    sides = load(running, static, settings)
    assert np.nanmedian(sides[:, POINTS.index("l_hip"), 1] - sides[:, POINTS.index("r_hip"), 1]) > 0.1
    for pair in ((swapped(running), static), (running, swapped(static))):
        with pytest.raises(InputError, match="pelvis fit upside down: left and right are swapped in the labels of one"):
            load(*pair, settings)
    with pytest.raises(
        ValueError, match="Left points must be on the left; here they are on the right of the right ones"
    ):
        load(swapped(running), swapped(static), settings)


def test_swapped_labels_are_refused_with_one_marker_on_the_sacrum(plates, load):
    """Three markers of a pelvis lie in a plane, so that a mirror image fits them without any residual."""
    section = ja1_clusters("harrington2007")
    settings = preprocessing(points=None, clusters=section, forward="found")
    running, static = (markers(plates / f"JA1{name}.c3d", settings, slice(None)) for name in ("Gait21", "Static05"))
    load(running, static, settings)
    for pair in ((swapped(running), static), (running, swapped(static)), (swapped(running), swapped(static))):
        with pytest.raises(ValueError, match="upside down|on the right of the right ones"):
            load(*pair, settings)


@pytest.mark.parametrize(
    ("running", "static"), [("RBDS011", "RBDS018"), ("RBDS002", "RBDS013"), ("RBDS018", "RBDS002")]
)
def test_the_static_trial_of_another_runner_is_refused(rbds, load, running, static):
    settings = preprocessing("rbds")
    load(*of_rbds(rbds, running, running, settings), settings)
    with pytest.raises(InputError, match=r"places are apart: .* knee, as with the static trial of another person"):
        load(*of_rbds(rbds, running, static, settings), settings)


def fit(*, gap_m, carriers=("pelvis", "thigh", "shank", "foot")):
    """A leg, straight down, whose shank carries everything a little lower than its thigh does."""
    hip, knee, ankle, foot = carriers
    still = np.tile([0.0, 0.0, 0.0], (5, 1))
    shifts = {"pelvis": 0.3, "thigh": 0.0, "shank": -gap_m, "foot": 0.4}
    poses = {name: (np.tile(np.eye(3), (5, 1, 1)), still, still + [0, 0, down]) for name, down in shifts.items()}
    on = {"pelvis": "pelvis", "hip": hip, "knee": knee, "ankle": ankle, "heel": foot, "toe": foot}
    carried = {point: on[point.rpartition("_")[2]] for point in POINTS}
    return landmarks.Fit(poses, {point: np.zeros(3) for point in POINTS}, carried, [])


def test_knee_gap_is_between_the_two_segments_that_meet_there():
    for carriers in (("pelvis", "thigh", "shank", "foot"), ("thigh", "shank", "foot", "foot")):
        found = static_trial.knee_gap(fit(gap_m=0.025, carriers=carriers), "l")
        np.testing.assert_allclose(found, 0.025)
    static_trial.check_knees(fit(gap_m=0.025))
    with pytest.raises(InputError, match="apart: 35 mm at the left knee and 35 mm at the right knee"):
        static_trial.check_knees(fit(gap_m=0.035))


def test_knee_gap_is_unknown_where_one_segment_carries_all():
    one = fit(gap_m=0.0)._replace(carriers=dict.fromkeys(POINTS, "thigh"))
    assert np.isnan(static_trial.knee_gap(one._replace(poses={"thigh": one.poses["thigh"]}), "l"))


def test_a_segment_upside_down_is_named_and_a_foot_in_swing_is_not():
    upright = fit(gap_m=0.0)
    down = np.tile(np.diag([1.0, -1.0, -1.0]), (5, 1, 1))
    static_trial.check_upright(upright._replace(poses=upright.poses | {"foot": (down, *upright.poses["foot"][1:])}))
    with pytest.raises(InputError, match="the markers of shank fit upside down"):
        static_trial.check_upright(
            upright._replace(poses=upright.poses | {"shank": (down, *upright.poses["shank"][1:])})
        )

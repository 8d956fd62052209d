"""The 11 points: clusters must undo any rigid motion, survive occlusions and swapped labels."""

import itertools

import numpy as np
import pytest
from helpers import preprocessing
from scipy.spatial.transform import Rotation

from grfkit.points import POINTS
from grfkit.recordings import landmarks, read
from grfkit.recordings.trials import read_trials

RNG = np.random.default_rng(3)


def motion(frames):
    """Random rigid motions: rotations (F, 3, 3) and shifts (F, 3)."""
    return Rotation.random(frames, rng=1).as_matrix(), RNG.normal(size=(frames, 3))


def test_rigid_fit_recovers_a_planted_motion():
    rotations, shifts = motion(20)
    still = RNG.normal(size=(5, 3))
    moving = np.einsum("fij,mj->fmi", rotations, still) + shifts[:, None]
    fitted, mean_still, mean_moving = landmarks.rigid_fit(still, moving)
    np.testing.assert_allclose(fitted, rotations, atol=1e-12)
    np.testing.assert_allclose(mean_moving - np.einsum("fij,fj->fi", fitted, mean_still), shifts, atol=1e-12)


def test_rigid_fit_agrees_with_scipy_on_noisy_markers():
    still = RNG.normal(size=(6, 3))
    moving = still @ Rotation.random(rng=2).as_matrix().T + 0.05 * RNG.normal(size=(6, 3))
    fitted, mean_still, mean_moving = landmarks.rigid_fit(still, moving[None])
    reference, _ = Rotation.align_vectors(moving - moving.mean(axis=0), still - still.mean(axis=0))
    np.testing.assert_allclose(fitted[0], reference.as_matrix(), atol=1e-9)


@pytest.mark.parametrize("kind", ["solid", "flat", "mirrored", "any"])
def test_nearest_rotation_agrees_with_the_singular_value_decomposition(kind):
    """For noisy and flat clusters, swapped labels and any matrix, the slow way frame by frame gives the same."""
    still = RNG.normal(size=(4, 3)) * [0.10, 0.05, 0.0 if kind == "flat" else 0.03]
    moving = np.einsum("fij,mj->fmi", motion(300)[0], still) + 0.003 * RNG.normal(size=(300, 4, 3))
    products = np.einsum("fmi,mj->fij", moving * [1, 1, -1 if kind == "mirrored" else 1], still)
    if kind == "any":
        products = RNG.normal(size=(300, 3, 3))
    for matrix, fitted in zip(products, landmarks._nearest_rotation(products), strict=True):
        u, _, vt = np.linalg.svd(matrix)
        np.testing.assert_allclose(fitted, u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt, atol=1e-9)
        assert np.linalg.det(fitted) == pytest.approx(1)


def test_rigid_fit_of_markers_on_a_line_is_unknown():
    still = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0]])
    assert np.isnan(landmarks.rigid_fit(still, np.stack([still, still + 1.0]))[0]).all()


def test_rigid_fit_needs_three_markers_and_bridges_an_occlusion():
    rotations, shifts = motion(3)
    still = RNG.normal(size=(4, 3))
    moving = np.einsum("fij,mj->fmi", rotations, still) + shifts[:, None]
    moving[1, 0] = np.nan  # one hidden: three are left
    moving[2, :2] = np.nan  # two hidden: too few
    fitted, _, _ = landmarks.rigid_fit(still, moving)
    np.testing.assert_allclose(fitted[:2], rotations[:2], atol=1e-12)
    assert np.isnan(fitted[2]).all()


def body():
    """A static trial of named markers, clusters and landmarks, and where the 11 points truly are."""
    segments = {name: [f"{name}{i}" for i in range(4)] for name in ("pelvis", "limb")}
    places = {name: RNG.normal(size=3) for markers in segments.values() for name in markers}
    places |= {f"on_{point}": RNG.normal(size=3) for point in POINTS}
    spines = {"l_asis": "pelvis0", "r_asis": "pelvis1", "l_psis": "pelvis2", "r_psis": "pelvis3"}
    marks = {
        point: {"segment": "pelvis" if point == "pelvis" else "limb", "markers": [f"on_{point}"], "regression": None}
        for point in POINTS
    }
    settings = {"segments": segments, "pelvis_markers": spines, "landmarks": marks, "max_residual_m": 0.02}
    return {name: np.tile(xyz, (5, 1)) for name, xyz in places.items()}, settings


def moved(static, rotation, shift):
    return {
        name: np.tile(rotation @ xyz[0] + shift, (7, 1)) for name, xyz in static.items() if not name.startswith("on_")
    }


def test_from_clusters_carries_every_point():
    static, settings = body()
    (rotation,), (shift,) = motion(1)
    points = landmarks.from_clusters(moved(static, rotation, shift), static, **settings)
    expected = np.stack([rotation @ static[f"on_{point}"][0] + shift for point in POINTS])
    np.testing.assert_allclose(points, np.tile(expected, (7, 1, 1)), atol=1e-12)


def test_from_clusters_knows_markers_without_the_subject_and_says_which_trial_lacks_one():
    static, settings = body()
    running = {f"P 1:{name}": xyz for name, xyz in moved(static, np.eye(3), np.zeros(3)).items()}
    with_subject = {f"Cal:{name}": xyz for name, xyz in static.items()}
    points = landmarks.from_clusters(running, with_subject, **settings)
    expected = landmarks.from_clusters(moved(static, np.eye(3), np.zeros(3)), static, **settings)
    np.testing.assert_array_equal(points, expected)
    del with_subject["Cal:on_l_knee"]
    with pytest.raises(ValueError, match="'on_l_knee' is not in the static trial"):
        landmarks.from_clusters(running, with_subject, **settings)


def test_from_clusters_leaves_a_mislabelled_marker_out():
    static, settings = body()
    settings["segments"]["limb"].append("limb4")
    static["limb4"] = np.tile(RNG.normal(size=3), (5, 1))
    (rotation,), (shift,) = motion(1)
    running = moved(static, rotation, shift)
    running["limb4"] = running["limb4"] + 0.2  # the label sits on another marker
    points = landmarks.from_clusters(running, static, **settings)
    np.testing.assert_allclose(points[0, 3], rotation @ static["on_l_ankle"][0] + shift, atol=1e-9)


# m, AP ML V: a right foot's three markers on the heel, and the heads of the first and the fifth metatarsal
FOOT = {
    "top": np.array([0.00, 0.000, 0.07]),
    "bottom": np.array([0.00, 0.005, 0.03]),
    "lateral": np.array([0.04, -0.035, 0.03]),
    "mt1": np.array([0.18, 0.050, 0.03]),
    "mt5": np.array([0.15, -0.050, 0.02]),
}
TOE = np.array([0.19, 0.020, 0.03])


def running_foot(labels):
    """A foot that runs: its toe (F, 3) m, markers with other `labels` {label: marker}, and what a fit of it makes."""
    static, settings = body()
    turns = Rotation.from_euler("yx", RNG.uniform([-20, -10], [60, 10], (50, 2)), degrees=True).as_matrix()
    at = RNG.normal(size=(50, 3))
    markers = {name: np.einsum("fij,j->fi", turns, place) + at for name, place in FOOT.items()}
    markers["knee"] = at + [0.1, 0.0, 0.45]
    settings["segments"]["foot"] = list(FOOT)
    settings["landmarks"]["r_toe"] = {"segment": "foot", "markers": ["toe"], "regression": None}
    still = static | {name: place[None] for name, place in (FOOT | {"toe": TOE}).items()}
    settings["max_residual_m"] = 0.03
    others = {name: static[name][:1] for name in static if not name.startswith("on_")}
    running = {name: np.tile(xyz, (50, 1)) for name, xyz in others.items()}
    running |= {label: markers[name] + 0.001 * RNG.normal(size=(50, 3)) for label, name in labels.items()}
    fit = landmarks.fit_clusters(running, still, **settings)
    return np.einsum("fij,j->fi", turns, TOE) + at, fit


def labelled(**other):
    """Each marker's own label, but for those named: label=marker, or None where no marker has the label."""
    return {label: name for label, name in ({name: name for name in FOOT} | other).items() if name}


@pytest.mark.parametrize("one, other", [*itertools.combinations(FOOT, 2)])
@pytest.mark.parametrize("lost", [False, True])
def test_fit_clusters_exchanges_two_labels_that_are_swapped(one, other, lost):
    """As in RBDS001 (r_toe was 37 mm off, the foot upside down); or one of the two is lost, as in RBDS03 (118 mm)."""
    toe, fit = running_foot(labelled(**{one: other, other: None if lost else one}))
    assert np.median(np.linalg.norm(fit.points()[:, 10] - toe, axis=1)) < 0.006  # of noise, 1 mm at each marker
    assert [note.text for note in fit.notes] == [
        f"foot: the labels {one} and {other} were swapped, and have been exchanged"
    ]


@pytest.mark.parametrize("wrong", FOOT)
def test_fit_clusters_leaves_out_the_label_without_which_the_others_fit(wrong):
    """On the knee it draws the whole foot, so that the marker that is furthest off may be a right one."""
    toe, fit = running_foot(labelled(**{wrong: "knee"}))
    assert np.median(np.linalg.norm(fit.points()[:, 10] - toe, axis=1)) < 0.006
    assert [note.text for note in fit.notes] == [f"foot: left out, because not where the label says: {wrong}"]


def test_fit_clusters_leaves_the_labels_of_a_foot_that_bends():
    """The metatarsals 55 mm lower than in the static trial: markers are some 10 mm off, and all labels are right."""
    bent = {name: place - [0, 0, 0.055 * name.startswith("mt")] for name, place in FOOT.items()}
    pose, said = landmarks._pose("foot", {name: place[None] for name, place in bent.items()}, FOOT, [*FOOT], 0.03)
    still, moving = np.stack([*FOOT.values()]), np.stack([*bent.values()])
    rotation, (shift_still,), (shift_moving,) = landmarks.rigid_fit(still, moving[None])
    np.testing.assert_array_equal(pose[0], rotation)
    off = np.linalg.norm((still - shift_still) @ rotation[0].T + shift_moving - moving, axis=1)
    assert 0.010 < off.max() < 0.020 and not said


@pytest.mark.parametrize("file", ["RBDS001/RBDS001runT25", "RBDS001/RBDS001runT35", "RBDS03/RBDS03runT25"])
def test_load_trial_finds_the_toe_of_a_real_foot_whose_labels_are_swapped(rbds, file):
    """The marker that is called R.MT5 is R.MT1: it lies beside the toe, R.MT2, as far as in the static trial."""
    trials, statics = read_trials(rbds, table="rbds"), {}
    (trial,) = trials[trials["file"] == f"{file}.c3d"].itertuples()
    recording, points = read.load_trial(trial, rbds, statics, preprocessing("rbds"))
    first, second = (np.nanmean(statics[trial.static][name], axis=0) for name in ("R.MT1", "R.MT2"))
    apart = np.linalg.norm(points[:, POINTS.index("r_toe")] - recording.points["R.MT5"], axis=1)
    assert np.nanmedian(apart) == pytest.approx(np.linalg.norm(second - first), abs=0.004)  # skin moves, a foot bends
    assert "r_foot: the labels R.MT1 and R.MT5 were swapped, and have been exchanged" in [
        each.text for each in recording.notes
    ]


def test_from_clusters_says_which_segment_has_too_few_markers():
    static, settings = body()
    running = moved(static, np.eye(3), np.zeros(3))
    del running["limb0"], running["limb1"]
    with pytest.raises(ValueError, match=r"segment limb has \['limb2', 'limb3'\]"):
        landmarks.from_clusters(running, static, **settings)


def test_from_clusters_of_hidden_markers_are_missing_points():
    static, settings = body()
    running = moved(static, np.eye(3), np.zeros(3))
    for i in range(4):
        running[f"limb{i}"][:] = np.nan
    points = landmarks.from_clusters(running, static, **settings)
    assert np.isnan(points[:, 1:]).all() and np.isfinite(points[:, 0]).all()  # the limb's, the pelvis'


def test_from_markers_orders_points_and_names_an_absent_one():
    markers = {name: np.full((2, 3), i) for i, name in enumerate(reversed(POINTS))}
    points = landmarks.from_markers(markers, {name: name for name in POINTS})
    assert points[0, :, 0].tolist() == list(range(10, -1, -1))
    markers["l.heel"] = markers.pop("l_heel")
    with pytest.raises(ValueError, match=r"'l_heel' is not in the file\. Its markers are .*l\.heel"):
        landmarks.from_markers(markers, {name: name for name in POINTS})


def test_hip_harrington2007_matches_its_formula_in_pelvis_axes():
    """Width 240 mm, depth 160 mm, level pelvis facing forward: 48.3 mm back, 82.9 mm down, 86.5 mm to the side."""
    spines = [
        np.array([0.16, 0.12, 1.0]),
        np.array([0.16, -0.12, 1.0]),
        np.array([0.0, 0.05, 1.0]),
        np.array([0.0, -0.05, 1.0]),
    ]
    left, right = (landmarks.hip_harrington2007(*spines, side=side) for side in "lr")
    np.testing.assert_allclose(left, [0.16 - 0.0483, 0.0865, 1.0 - 0.0829], atol=1e-12)
    np.testing.assert_allclose(right, left * [1, -1, 1], atol=1e-12)  # mirrored


def test_hip_harrington2007_turns_with_the_pelvis():
    spines = RNG.normal(size=(4, 3))
    rotation = Rotation.random(rng=5).as_matrix()
    hip = landmarks.hip_harrington2007(*spines, side="l")
    turned = landmarks.hip_harrington2007(*(spines @ rotation.T), side="l")
    np.testing.assert_allclose(turned, rotation @ hip, atol=1e-12)


def test_hip_bell1990_matches_its_formula_in_pelvis_axes():
    """Width 240 mm: 19 % of it back, 30 % down, 36 % to the side of the middle of the anterior spines."""
    spines = [
        np.array([0.16, 0.12, 1.0]),
        np.array([0.16, -0.12, 1.0]),
        np.array([0.0, 0.05, 1.0]),
        np.array([0.0, -0.05, 1.0]),
    ]
    left, right = (landmarks.hip_bell1990(*spines, side=side) for side in "lr")
    np.testing.assert_allclose(left, [0.16 - 0.0456, 0.0864, 1.0 - 0.072], atol=1e-12)
    np.testing.assert_allclose(right, left * [1, -1, 1], atol=1e-12)


def test_from_clusters_takes_the_hip_by_the_regression_that_is_named():
    static, settings = body()
    settings["landmarks"]["l_hip"] = {"segment": "pelvis", "markers": None, "regression": "bell1990"}
    points = landmarks.from_clusters(moved(static, np.eye(3), np.zeros(3)), static, **settings)
    expected = landmarks.hip_bell1990(*(static[f"pelvis{i}"][0] for i in range(4)), side="l")
    np.testing.assert_allclose(points[0, POINTS.index("l_hip")], expected, atol=1e-12)


def poses(frames=5):
    names = ["pelvis", *(f"{side}_{segment}" for side in "lr" for segment in ("thigh", "shank", "foot", "toes"))]
    return {
        f"{name}_4X4": np.concatenate(
            [Rotation.random(frames, rng=i).as_matrix(), RNG.normal(size=(frames, 3, 1))], axis=2
        )
        for i, name in enumerate(names)
    }


@pytest.mark.parametrize("names", [("l_heel", "r_heel"), ("lheel_pos", "rheel_pos")])
def test_from_theia_takes_origins_and_the_heel_in_the_axes_of_its_foot(names):
    segments, offsets = poses(), dict(zip(names, ([0.0, -0.04, -0.05], [0.01, -0.04, -0.06]), strict=True))
    points = landmarks.from_theia(segments, {name: np.array(offset) for name, offset in offsets.items()})
    for point, segment in (
        ("pelvis", "pelvis"),
        ("l_hip", "l_thigh"),
        ("r_knee", "r_shank"),
        ("l_ankle", "l_foot"),
        ("r_toe", "r_toes"),
    ):
        np.testing.assert_array_equal(points[:, POINTS.index(point)], segments[f"{segment}_4X4"][..., 3])
    for frame in range(5):
        pose = np.vstack(
            [segments["r_foot_4X4"][frame], [0, 0, 0, 1]]
        )  # a 4x4 matrix takes a place in the foot to one in the laboratory
        np.testing.assert_allclose(
            points[frame, POINTS.index("r_heel")], (pose @ [*offsets[names[1]], 1])[:3], atol=1e-12
        )


def test_from_theia_says_what_the_export_lacks():
    segments, heels = poses(), {"l_heel": np.zeros(3), "r_heel": np.zeros(3)}
    with pytest.raises(ValueError, match="THEIA3D has neither r_heel nor rheel_pos"):
        landmarks.from_theia(segments, {"l_heel": np.zeros(3)})
    del segments["l_toes_4X4"]
    with pytest.raises(ValueError, match="the file lacks l_toes"):
        landmarks.from_theia(segments, heels)
    with pytest.raises(ValueError, match="It has none"):
        landmarks.from_theia({}, heels)


def test_from_markers_takes_means_and_leaves_a_subjects_name_out():
    markers = {f"P01:{name}": RNG.normal(size=(3, 3)) for name in POINTS} | {"P01:beside": RNG.normal(size=(3, 3))}
    names = {point: point for point in POINTS} | {"l_knee": ["l_knee", "P01:beside"]}
    points = landmarks.from_markers(markers, names)
    np.testing.assert_allclose(points[:, 2], (markers["P01:l_knee"] + markers["P01:beside"]) / 2)
    np.testing.assert_array_equal(points[:, 0], markers["P01:pelvis"])
    with pytest.raises(
        ValueError, match="'r_toe' is of several subjects in the file. Its markers are P01:r_toe, P02:r_toe"
    ):
        landmarks.from_markers(markers | {"P02:r_toe": markers["P01:r_toe"]}, names)

"""A study cut into stances: virtual recordings with planted faults, turned, and as Theia3D exports them."""

import ezc3d
import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, preprocessing
from scipy.spatial.transform import Rotation

from grfkit.points import POINTS
from grfkit.recordings import trials as trials_table
from grfkit.stances import cut
from grfkit.study import file as study_file


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("virtual"), each=3, men=2, women=2, laps=4)


def plant(folder, *, each, **design):
    """Record a virtual study with `each` faults of every kind."""
    from grfkit.virtual import laboratory

    design |= dict.fromkeys(laboratory.FAULTS.values(), each)
    settings = study_file.load(ROOT / "params" / "virtual.yaml").laboratory
    laboratory.record(folder, settings.model_copy(update=design), seed=5)
    return folder


def test_collect_catches_every_planted_fault_and_loses_no_good_stance(virtual):
    assert check_faults(virtual) == 2 * 32 - 3 * 11  # four faults spoil both stances of a trial, three one


@pytest.mark.slow
def test_collect_catches_every_planted_fault_among_two_thousand_stances(tmp_path):
    assert check_faults(plant(tmp_path, each=11, men=24, women=35, laps=3, trials=3)) == 2 * 1062 - 11 * 11


def check_faults(virtual):
    """Check stances kept and the reasons of the others against what was planted; count those kept."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    stances, frames, excluded, *_ = cut.collect(trials, virtual, preprocessing())
    planted = pd.read_csv(virtual / "planted.csv").set_index("file")["side"]
    expected = {(file, side) for file in trials["file"] for side in "lr"}
    expected -= {
        (file, side) for file, sides in planted.items() for side in (("l", "r") if sides == "both" else (sides,))
    }
    assert set(zip(stances["file"], stances["side"], strict=True)) == expected
    assert len(excluded) + len(stances) == 2 * len(trials)  # nothing is dropped without a row
    reason = (
        excluded.groupby("file")["reason"]
        .first()
        .str.cat(pd.read_csv(virtual / "planted.csv").set_index("file")["fault"], sep=" <- ")
    )
    known = {
        "wrong_person": "wrong person",
        "missed_plate": "missed plate|vertical peak|no contact|not wholly",
        "lost_frames": "points missing",
        "stuck_force": "does not return to zero",
        "unsynchronised": "not synchronised",
        "wrong_mass": "the plates weigh .* kg, the listed mass is",
        "wrong_speed": "speed more than",
    }
    for text in reason:
        assert pd.Series([text.split(" <- ")[0]]).str.contains(known[text.split(" <- ")[1]]).all(), text
    return len(stances)


def test_collect_does_not_depend_on_the_order_of_files(virtual):
    trials = trials_table.read_trials(virtual, table="trials.csv").head(4)
    one, frames, *_ = cut.collect(trials, virtual, preprocessing())
    two, others, *_ = cut.collect(trials[::-1], virtual, preprocessing())
    for row in one.itertuples():
        twin = two[(two["file"] == row.file) & (two["side"] == row.side)]["stance"].item()
        np.testing.assert_array_equal(
            frames[frames["stance"] == row.stance].iloc[:, 2:].to_numpy(),
            others[others["stance"] == twin].iloc[:, 2:].to_numpy(),
        )


def test_collect_names_the_file_of_an_absent_marker(virtual):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    named = preprocessing(points=preprocessing().points | {"l_heel": "LHEE"})
    stances, _, excluded, *_ = cut.collect(trials, virtual, named)
    assert stances.empty and len(cut.unread(excluded)) + excluded["reason"].str.startswith("speed").sum() == len(trials)
    with pytest.raises(
        ValueError, match=r"v01/.*\.c3d: Each of the 11 points needs its marker; 'LHEE' is not in the file"
    ):
        cut.check_files(excluded, trials)
    cut.check_files(excluded[1:], trials)  # a file that could be read: the fault is no more that of the settings


def test_collect_leaves_out_a_file_whose_left_and_right_are_swapped_and_stops_where_all_are(virtual, tmp_path):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(3)
    swap = str.maketrans("lr", "rl")
    names = {point: point[0].translate(swap) + point[1:] if point[1] == "_" else point for point in POINTS}
    for number, file in enumerate(trials["file"]):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        content = ezc3d.c3d(str(virtual / file))
        labels = content["parameters"]["POINT"]["LABELS"]
        labels["value"] = [names[label] if number == 1 else label for label in labels["value"]]
        content.write(str(tmp_path / file))
    stances, _, excluded, *_ = cut.collect(trials, tmp_path, preprocessing())
    assert set(stances["file"]) == set(trials["file"].iloc[[0, 2]])
    assert cut.unread(excluded)["file"].tolist() == [trials["file"].iloc[1]]
    assert cut.unread(excluded)["reason"].str.startswith("Left points must be on the left").all()
    stances, _, excluded, *_ = cut.collect(trials, virtual, preprocessing(points=names))
    assert stances.empty
    with pytest.raises(ValueError, match="Left points must be on the left; (.|\n)*All 3 files that were read have"):
        cut.check_files(excluded, trials)


def test_collect_finds_any_direction_of_running(virtual, tmp_path):
    """The same file with the runner going +x, found, and turned by 90 and by 205 degrees about the vertical."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    plain, frames, *_ = cut.collect(trials, virtual, preprocessing())
    for degrees in (0, 90, 205):
        folder = tmp_path / str(degrees)
        for file in trials["file"]:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            turned(virtual / file, folder / file, degrees)
        found, others, *_ = cut.collect(trials, folder, preprocessing(forward="found"))
        # some hundredths of a degree for 205 degrees, where no axis is near; single precision for the others
        atol = 2e-5 if degrees < 205 else 0.02
        np.testing.assert_allclose(others.to_numpy(), frames.to_numpy(), atol=atol)
        assert found["side"].tolist() == plain["side"].tolist()


def test_collect_excludes_a_trial_without_a_running_direction_and_goes_on(virtual, tmp_path):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    for number, file in enumerate(trials["file"]):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        content = ezc3d.c3d(str(virtual / file))
        if number:
            points = content["data"]["points"].copy()
            points[:3] = points[:3, :, :1]  # somebody who stands by
            content["data"]["points"] = points
        content.write(str(tmp_path / file))
    stances, _, excluded, *_ = cut.collect(trials, tmp_path, preprocessing(forward="found"))
    assert set(stances["file"]) == {trials["file"].iloc[0]}
    assert excluded[["file", "reason"]].to_numpy().tolist() == [
        [
            trials["file"].iloc[1],
            "no running direction: the pelvis does not travel (a treadmill, or another person)",
        ]
    ]


def turned(source, path, degrees):
    """Write a virtual recording as a laboratory would whose axes are turned: points and the corners of the plates."""
    rotation = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    file = ezc3d.c3d(str(source))
    points = file["data"]["points"].copy()
    points[:3] = np.einsum("ij,jpf->ipf", rotation, points[:3])
    file["data"]["points"] = points
    corners = file["parameters"]["FORCE_PLATFORM"]["CORNERS"]["value"]
    file["parameters"]["FORCE_PLATFORM"]["CORNERS"]["value"] = np.einsum("ij,jkp->ikp", rotation, corners)
    file.write(str(path))


def theia(source, template, path):
    """Write a virtual recording as a Theia3D export: segments begin at the joints, heels lie in the feet's axes."""
    file, export = ezc3d.c3d(str(source)), ezc3d.c3d(str(template))
    at = dict(zip(POINTS, file["data"]["points"][:3].transpose(1, 2, 0), strict=True))
    labels, frames = export["parameters"]["ROTATION"]["LABELS"]["value"], file["data"]["points"].shape[2]
    poses = np.tile(np.eye(4)[:, :, None, None], (1, 1, len(labels), frames))
    for i, label in enumerate(labels):
        segment = label.removesuffix("_4X4")
        place = {"pelvis": "pelvis"} | {
            f"{side}_{a}": f"{side}_{b}"
            for side in "lr"
            for a, b in (("thigh", "hip"), ("shank", "knee"), ("foot", "ankle"), ("toes", "toe"))
        }
        poses[:3, 3, i] = at[place.get(segment, "pelvis")].T
    for side in "lr":  # upright feet, with a heel that stays where it was in the mean
        export["parameters"]["THEIA3D"][f"{side}_heel"]["value"] = (
            np.nanmean(at[f"{side}_heel"] - at[f"{side}_ankle"], axis=0)[:, None] / 1000
        )
    export["data"]["points"] = np.zeros((4, 0, frames))
    export["data"]["meta_points"]["residuals"] = np.zeros((1, 0, frames))
    export["data"]["meta_points"]["camera_masks"] = np.zeros((7, 0, frames), bool)
    export["data"]["rotations"] = poses
    for group, names in (
        ("POINT", ["RATE"]),
        ("ANALOG", ["RATE", "LABELS", "UNITS"]),
        ("FORCE_PLATFORM", ["USED", "TYPE", "ZERO", "CORNERS", "ORIGIN", "CHANNEL", "CAL_MATRIX"]),
    ):
        for name in names:
            export["parameters"][group][name]["value"] = file["parameters"][group][name]["value"]
    export["parameters"]["ROTATION"]["RATE"]["value"] = file["parameters"]["POINT"]["RATE"]["value"]
    export["data"]["analogs"] = file["data"]["analogs"]
    export.write(str(path))


def test_collect_reads_a_theia_export_as_it_reads_points(virtual, theia_export, tmp_path):
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(2)
    for file in trials["file"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        theia(virtual / file, theia_export, tmp_path / file)
    plain, frames, *_ = cut.collect(trials, virtual, preprocessing())
    # the upright foot's heel is not where the real one is: its place is not checked here
    limits = {"foot_distance_m": 0.5, "beyond_plate_m": 0.5}
    found, others, *_ = cut.collect(trials, tmp_path, preprocessing(points=None, theia=True, checks=limits))
    assert found["side"].tolist() == plain["side"].tolist()
    same = [column for column in frames if "heel" not in column]
    np.testing.assert_allclose(others[same].to_numpy(), frames[same].to_numpy(), atol=1e-6)


def test_collect_weighs_and_divides_by_the_weighed_mass(virtual):
    """Virtual runners weigh what is listed; a listed mass 8 % off changes `listed` forces and not `weighed` ones."""
    trials = trials_table.read_trials(virtual, table="trials.csv")
    trials = trials[~trials["file"].isin(pd.read_csv(virtual / "planted.csv")["file"])].head(3)
    stances, frames, *_ = cut.collect(trials, virtual, preprocessing())
    np.testing.assert_allclose(stances["weighed_kg"], stances["mass_kg"], rtol=0.01)
    lighter = trials.assign(mass_kg=0.92 * trials["mass_kg"])
    listed, weighed = (
        cut.collect(lighter, virtual, preprocessing(body_weight=kind))[1] for kind in ("listed", "weighed")
    )
    np.testing.assert_allclose(listed["grf_v"], frames["grf_v"] / 0.92, rtol=1e-5)
    ratio = stances["mass_kg"].iloc[0] / stances["weighed_kg"].iloc[0]
    np.testing.assert_allclose(weighed["grf_v"], frames["grf_v"] * ratio, rtol=1e-5)
    wrong = trials.assign(mass_kg=0.85 * trials["mass_kg"])
    stances, frames, excluded, weights, _ = cut.collect(wrong, virtual, preprocessing())
    assert (
        len(stances) == len(frames) == 0
        and len(weights) == 1
        and excluded["reason"].str.startswith("mass: the plates weigh").all()
    )


def test_a_runner_without_any_stance_is_named_with_the_most_frequent_reason(capsys):
    trials = pd.DataFrame({"file": ["a", "b", "c"], "runner": ["one", "two", "two"]})
    excluded = pd.DataFrame({"file": ["b", "c", "c", "a"], "reason": ["file: torn. Copy it.", "far", "far", "cut off"]})
    cut.say_left_out(pd.DataFrame({"runner": ["one", "two"]}), excluded, trials)
    assert capsys.readouterr().out == ""
    cut.say_left_out(pd.DataFrame({"runner": ["one"]}), excluded, trials)
    said = capsys.readouterr().out
    assert said.startswith(
        "No stance is left of 1 of 2 runners. Runner two: far. See 'What was left out' in 01_preprocess.html"
    )
    cut.say_left_out(pd.DataFrame({"runner": ["one"]}), excluded.iloc[[0, 3]], trials)
    assert "two: torn. Copy it." in capsys.readouterr().out


def test_a_wrong_axis_forward_is_not_taken_for_swapped_sides(virtual):
    trials = trials_table.read_trials(virtual, table="trials.csv").head(2)
    for forward, reason in (
        ("-x", "runs against the axis"),
        ("+y", "speed more than|runs against|not wholly|far from"),
    ):
        stances, _, excluded, *_ = cut.collect(trials, virtual, preprocessing(forward=forward))
        assert stances.empty and excluded["reason"].str.contains(reason).any()
        assert not excluded["reason"].str.contains("Left points").any()

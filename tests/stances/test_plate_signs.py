"""Plates whose axes are wrong, planted one by one in virtual recordings of runs there and back; and real ones."""

import ezc3d
import numpy as np
import pandas as pd
import pytest
from helpers import preprocessing, record_virtual
from scipy.spatial.transform import Rotation

from grfkit.recordings import trials as trials_table
from grfkit.stances import cohort, cut, plate_signs
from grfkit.stances.checks import FAR

SETTINGS = preprocessing("smoke", forward="found")
AP, ML = "anterior-posterior force reversed", "medial-lateral force reversed"
CROSSED = "anterior-posterior and medial-lateral force interchanged"
MIRRORED_AP, MIRRORED_ML = "centre of pressure mirrored front to back", "centre of pressure mirrored left to right"
ALONG, ACROSS = [2, 3], [0, 1]  # the raw channels of a plate's horizontal forces, as cameras_plates writes them
X_DOWN, Y_DOWN = [5, 4, 7, 6], [7, 6, 5, 4]  # its vertical channels, for a plate whose x or y points the other way


def negated(*rows):
    def change(channels, corners):
        channels[list(rows)] *= -1

    return change


def left_handed(rows, verticals):
    def change(channels, corners):
        channels[rows] *= -1
        channels[4:] = channels[verticals]

    return change


def renumbered(*order):
    def change(channels, corners):
        corners[:] = corners[:, list(order)]

    return change


FAULTS = {  # what is done to one plate, and what follows by hand from the plate's axes: x to the left, y forward
    "along": (negated(*ALONG), {AP}),
    "across": (negated(*ACROSS), {ML}),
    "both": (negated(*ALONG, *ACROSS), {AP, ML}),
    "left-handed across": (left_handed(ACROSS, X_DOWN), {ML, MIRRORED_ML}),
    "left-handed along": (left_handed(ALONG, Y_DOWN), {AP, MIRRORED_AP}),
    "a quarter turn": (renumbered(1, 2, 3, 0), {CROSSED}),
    "half a turn": (renumbered(2, 3, 0, 1), {AP, ML, MIRRORED_AP, MIRRORED_ML}),
    "three quarters": (renumbered(3, 0, 1, 2), {CROSSED}),
    # the other way round z points up: the vertical force is turned round, and with it the axis that was right
    "the other way round": (renumbered(3, 2, 1, 0), {ML, MIRRORED_AP}),
    "the other way round, from the second": (renumbered(1, 0, 3, 2), {AP, MIRRORED_ML}),
    "the other way round, from the first": (renumbered(0, 3, 2, 1), {CROSSED}),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return record_virtual(folder, seed=5, men=2, women=2, trials=4), folder


@pytest.fixture
def spoilt(recorded, tmp_path):
    """Write the recordings with some plates changed by a function of channels and corners; every other run is back."""

    def write(change, plates):
        trials, folder = recorded
        for number, file in enumerate(trials["file"]):
            content = ezc3d.c3d(str(folder / file))
            channels, group = content["data"]["analogs"], content["parameters"]["FORCE_PLATFORM"]
            corners, points = group["CORNERS"]["value"], content["data"]["points"].copy()
            for plate in plates:
                change(channels[0, 8 * plate - 8 : 8 * plate], corners[:, :, plate - 1])
            if number % 2:
                back = Rotation.from_euler("z", 180, degrees=True).as_matrix()
                points[:3], corners = np.tensordot(back, points[:3], 1), np.tensordot(back, corners, 1)
            content["data"]["analogs"], content["data"]["points"] = channels, points
            group["CORNERS"]["value"] = corners
            (tmp_path / file).parent.mkdir(exist_ok=True)
            content.write(str(tmp_path / file))
        return trials, tmp_path, tmp_path / "results", SETTINGS

    return write


@pytest.mark.parametrize(("number", "fault"), list(zip([1, 2, 3] * 4, FAULTS, strict=False)))
def test_collect_names_the_one_plate_that_is_wrong_and_how(spoilt, number, fault):
    change, kinds = FAULTS[fault]
    with pytest.raises(ValueError, match="A runner brakes before propelling") as error:
        cohort.collect(*spoilt(change, [number]), engine="here")
    plate, said = str(error.value).split("found force plate ")[1].split(". Correct the order")[0].split(": ")
    assert plate == str(number)
    assert kinds - {MIRRORED_ML} <= set(said.split(", ")) <= kinds  # a few steps near the middle line do not show that


def test_collect_names_all_plates_that_are_wrong(spoilt):
    with pytest.raises(ValueError, match="found force plate 1, 2, 3: medial-lateral force reversed. Correct"):
        cohort.collect(*spoilt(negated(*ACROSS), [1, 2, 3]), engine="here")


def test_collect_says_nothing_of_plates_that_are_right(spoilt):
    stances, excluded, _ = cohort.collect(*spoilt(negated(), []), engine="here")
    assert len(stances) == 32 and excluded.empty


def test_collect_names_plates_that_changed_places(spoilt):
    def moved(channels, corners):
        corners += np.array([[1800.0 if corners[0].min() < 0.5 else -1800.0], [0], [0]])

    stances, excluded, _ = cohort.collect(*spoilt(moved, [1, 3]), engine="here")
    assert set(excluded["reason"]) == {
        f"plate {number}: centre of pressure far from nearly every foot: check its corners" for number in (1, 3)
    }
    assert len(stances) + len(excluded) == 32 and len(stances) > 5


def made_up(rng, *, runners, stances, plates, **fits):
    """Make rows of a study by chance: real runners' fits have means about .46 (SD .2), and stances an SD of .28."""
    count = runners * stances
    own = np.repeat(np.clip(rng.normal(0.46, 0.2, runners), 0.15, None), stances)
    rows = {
        "runner": np.repeat(np.arange(runners), stances),
        "file": "a",
        "touchdown_s": np.arange(count),
        "reason": "",
        "plate": rng.integers(1, plates + 1, count),
        "braking": rng.uniform(0.75, 1, count),
        "crossed": rng.uniform(-0.73, 0.73, count),
        "inward": np.clip(own + rng.normal(0, 0.28, count), -1, 1),
        "foot_ap": rng.uniform(-0.2, 0.2, count),
        "foot_ml": rng.uniform(-0.2, 0.2, count),
    }
    rows = pd.DataFrame(rows | {"inward_foot": rows["inward"]} | fits)
    near = rng.normal(0, 0.03, (2, count))
    return rows.assign(cop_ap=rows["foot_ap"] + near[0], cop_ml=rows["foot_ml"] + near[1])[plate_signs.COLUMNS]


def test_check_study_accuses_no_plate_by_chance():
    """Laboratories with eight plates and few steps, made up a hundred times."""
    rng = np.random.default_rng(3)
    for _ in range(100):
        runners, stances = rng.integers(1, 9), rng.integers(1, 7)
        plate_signs.check_study(made_up(rng, runners=runners, stances=stances, plates=8))
    plate_signs.check_study(made_up(rng, runners=1, stances=0, plates=8))


def test_check_study_does_not_accuse_a_plate_of_one_runner_or_one_stance():
    rng = np.random.default_rng(4)
    lateral = made_up(rng, runners=20, stances=10, plates=1)
    lateral.loc[lateral["runner"] < 3, "inward"] *= -1  # three of twenty push outwards
    plate_signs.check_study(lateral)
    one = made_up(rng, runners=1, stances=1, plates=1, braking=-0.9, inward=-0.9)
    plate_signs.check_study(one)  # it is left out already
    with pytest.raises(ValueError, match="force plate 1: anterior-posterior force reversed, medial-lateral"):
        plate_signs.check_study(pd.concat([one, one]))


def test_name_far_leaves_single_steps_beside_a_plate_as_they_are():
    rows = made_up(np.random.default_rng(5), runners=2, stances=10, plates=1)
    rows.loc[:9, "reason"] = FAR
    excluded = pd.DataFrame({"file": "a", "side": "l", "touchdown_s": rows["touchdown_s"][:10], "reason": FAR})
    pd.testing.assert_frame_equal(plate_signs.name_far(excluded, rows), excluded)
    assert plate_signs.name_far(excluded, rows[:12])["reason"].str.startswith("plate 1: centre of pressure far").all()


def test_check_study_does_not_accuse_the_plate_of_a_real_runner_whose_own_force_is_lateral(rbds):
    """RBDS001: the mean sideways force is lateral, yet it points to the body."""
    trials = trials_table.read_trials(rbds, table="rbds")
    _, frames, excluded, _, felt = cut.collect(trials[trials["runner"] == "001"], rbds, preprocessing("rbds"))
    assert not excluded["reason"].str.startswith("plate").any()
    plate_signs.check_study(felt)
    assert felt["braking"].min() > 0.7 and felt["inward"].mean() > 0.15


def test_check_study_accuses_no_plate_of_a_few_real_steps_near_its_middle(rbds):
    """The centre of pressure is ahead of the middle of the foot: a runner a little behind the middle of the plate."""
    trials = trials_table.read_trials(rbds, table="rbds")
    trials = trials[trials["file"].isin(["RBDS002/RBDS002runT25.c3d", "RBDS022/RBDS022runT35.c3d"])]
    felt = cut.collect(trials, rbds, preprocessing("rbds"))[4]
    for _, steps in felt.groupby("file"):
        for first in range(len(steps) - 4):
            for count in (4, 6, 8, 13, 16):
                plate_signs.check_study(steps[first : first + count])


def test_check_study_finds_real_runners_reversed_plate(rbds):
    trials = trials_table.read_trials(rbds, table="rbds")
    trials = trials[trials["runner"].isin(["001", "011", "017", "022"]) & (trials["speed_m_s"] == 3.5)]
    felt = cut.collect(trials, rbds, preprocessing("rbds"))[4]
    plate_signs.check_study(felt)
    with pytest.raises(ValueError, match="force plate 1: medial-lateral force reversed"):
        plate_signs.check_study(felt.assign(inward=-felt["inward"], inward_foot=-felt["inward_foot"]))

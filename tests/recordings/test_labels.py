"""Labels of laboratories, and names of static trials."""

import pytest

from grfkit.points import POINTS
from grfkit.recordings import labels


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (POINTS, dict(zip(POINTS, POINTS, strict=True))),
        (
            ["PELO", "LHJC", "LKJC", "LAJC", "LHEE", "LTOE", "RHEE", "LKNE"],
            {
                "pelvis": "PELO",
                "l_hip": "LHJC",
                "l_knee": "LKJC",
                "l_ankle": "LAJC",
                "l_heel": "LHEE",
                "l_toe": "LTOE",
                "r_heel": "RHEE",
            },
        ),
        (["P01:LHEE", "P01:LKNE"], {"l_heel": "P01:LHEE", "l_knee": "P01:LKNE"}),
        (["L.Heel", "R.Heel", "L.Heel.Top"], {"l_heel": "L.Heel", "r_heel": "R.Heel"}),
        (
            ["L_HEEL", "Right Knee Joint Center", "hip_l", "AnkleLeft", "RAnkleLat"],
            {
                "l_heel": "L_HEEL",
                "r_knee": "Right Knee Joint Center",
                "l_hip": "hip_l",
                "l_ankle": "AnkleLeft",
                "r_ankle": "RAnkleLat",
            },
        ),
        (["P1:LHEE", "P2:LHEE", "heel", "Lateral", "LASI", "SACR", "*52"], {}),  # two people; no side; no such point
    ],
)
def test_match_knows_the_labels_of_laboratories(names, expected):
    assert {point: label for point, (label, _) in labels.match(names).items()} == expected


VIDEO = [f"{side}{joint}" for side in "RL" for joint in ("Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel")]
AUGMENTED = """r.ASIS L.ASIS r.PSIS L.PSIS C7 r_knee L_knee r_mknee L_mknee r_ankle L_ankle r_mankle L_mankle
r_calc L_calc r_toe L_toe r_5meta L_5meta r_thigh1 r_sh1 L_thigh1 L_sh1 RHJC LHJC r_shoulder L_shoulder""".split()


@pytest.mark.parametrize("middle", ["Hip", "midHip", "CHip", ""])
@pytest.mark.parametrize("prefix", ["", "runner:"])
def test_match_set_knows_the_key_points_of_video(middle, prefix):
    """HALPE_26 as Pose2Sim writes it, BODY_25, and BODY_25B without the middle of the hips, which has no side."""
    there = [middle] if middle else []
    names = [prefix + name for name in [*there, *VIDEO, "Neck", "Head", "Nose", "RShoulder", "LShoulder"]]
    found = labels.match_set(names)
    assert found["pelvis"] == [prefix + name for name in there or ["LHip", "RHip"]]
    assert found["l_toe"] == [prefix + "LBigToe"]
    assert {*found} == {*POINTS}
    assert labels.match(names) == {point: (each[0] if len(each) == 1 else each, True) for point, each in found.items()}


def test_match_set_takes_opencaps_markers_before_the_key_points_beside_them():
    names = ["Neck", "midHip", *VIDEO, *(f"{name}_study" for name in AUGMENTED)]
    found = labels.match_set(names)
    assert found["r_knee"] == ["r_knee_study", "r_mknee_study"] and found["l_hip"] == ["LHJC_study"]
    assert found["pelvis"] == ["r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study"]
    assert found["l_heel"] == ["L_calc_study"] and {*found} == {*POINTS}
    sides = {"l": ("L_", "LH", "L."), "r": ("r_", "RH", "r.")}
    assert all(name.startswith(sides[point[0]]) for point, each in found.items() if point != "pelvis" for name in each)
    del names[names.index("r_calc_study")]
    assert labels.match_set(names)["r_heel"] == ["RHeel"]  # the set is not whole
    assert labels.match_set(POINTS) == {}


def test_plain_leaves_out_the_subject_where_nobody_else_is_meant():
    assert labels.plain(["P01:LHEE", "P01:RHEE", "C7"]) == ["LHEE", "RHEE", "C7"]
    assert labels.plain(["P01:LHEE", "P02:LHEE", "P02:C7"]) == ["P01:LHEE", "P02:LHEE", "C7"]


def test_match_says_what_lies_beside_a_joint_and_near_what_resembles():
    both = labels.match(["LASI", "RASI", "LPSI", "RPSI", "LLEPI", "LMEPI", "RKNE"])
    assert both == {
        "pelvis": (["LASI", "RASI", "LPSI", "RPSI"], True),
        "l_knee": (["LLEPI", "LMEPI"], True),
        "r_knee": ("RKNE", False),
    }
    assert labels.match(["LKNE", "LAJC"]) == {"l_knee": ("LKNE", False), "l_ankle": ("LAJC", True)}
    assert labels.near("l_heel", ["L.Heel.Top", "C7"]) == ["L.Heel.Top"]
    assert labels.match(["L.Knee", "L.Knee.Medial"]) == {"l_knee": (["L.Knee", "L.Knee.Medial"], True)}
    assert labels.match(["LKJC", "LKNE", "LKNM"]) == {"l_knee": ("LKJC", True)}  # the centre itself


@pytest.mark.parametrize(
    ("name", "static"),
    [
        ("P1_static", True),
        ("CAL01", True),
        ("P1_cal_2", True),
        ("Calibration", True),
        ("Pascal_run", False),
        ("vertical", False),
        ("Calum_1", False),
    ],
)
def test_static_trials_are_known_by_a_whole_word(name, static):
    assert bool(labels.STATIC.search(name)) == static


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("LTIAP", ("l", "shank")),
        ("R.Heel.Bottom", ("r", "heel")),
        ("P01:RTHI", ("r", "thigh")),
        ("L_GTR", ("l", "hip")),
        ("SACR", ("", "pelvis")),
        ("RP5MT", ("r", "toe")),
        ("l_ankle_med", ("l", "ankle")),
        *((label, ("", "")) for label in ("LTHUMB", "LFOREARM", "LELB", "LTIO", "C7", "*52", "P1")),
    ],
)
def test_part_reads_side_and_part_of_the_body(label, expected):
    assert labels.part(label) == expected


@pytest.mark.parametrize("point", POINTS)
def test_near_never_offers_a_marker_of_another_part_or_side(point):
    """All that a laboratory has, joint by joint: LTIAP resembles l_hip by its letters."""
    parts = {"pelvis": ["SACR"], "hip": ["GTR"], "knee": ["LEPI", "PAT"], "ankle": ["LMAL"], "heel": ["HEEL"]}
    parts |= {"toe": ["TOE", "P1MT"], "shank": ["TIAP", "TIAD"], "thigh": ["THAP"], "foot": ["MFS"]}
    sided = {(side, name): [side.upper() + each for each in parts[name]] for side in "lr" for name in parts}
    side, _, joint = point.rpartition("_")
    offered = labels.near(point, ["C7", *(label for each in sided.values() for label in each)])
    assert offered and set(offered) <= set(sided[side, joint] if side else ["LSACR", "RSACR"])

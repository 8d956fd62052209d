"""`clusters` that `make new-study` proposes: beside those written by hand, and for the labels of many laboratories."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import ezc3d
import numpy as np
import pytest
import yaml
from helpers import ROOT, ja1_clusters
from scipy.spatial.transform import Rotation

from grfkit import cli
from grfkit.points import POINTS
from grfkit.recordings import c3d, landmarks
from grfkit.recordings.faults import gaps
from grfkit.recordings.labels import plain
from grfkit.recordings.new_study import clusters, rigid
from grfkit.study import file as study_file
from grfkit.study import schema
from grfkit.study.schema import StudyError

LAST_M = 0.005  # between a proposed point and the one written by hand: the bar


@pytest.fixture
def params(tmp_path):
    (tmp_path / "params").mkdir()
    shutil.copy(ROOT / "params" / "virtual.yaml", tmp_path / "params")
    return tmp_path / "params"


def new_study(params, folder, capsys):
    """Run the command: what it says (in one line), the study file's text and its section 01_preprocess."""
    assert cli.main(["new-study", "--name", "mine", "--data", str(folder), "--params", str(params)]) == 0
    text = (params / "mine.yaml").read_text(encoding="utf-8")
    return " ".join(capsys.readouterr().out.split()), text, yaml.safe_load(text)["01_preprocess"]


def carried(running, static, section):
    """The 11 points (F, 11, 3) m of a running trial by a section `clusters`."""
    marks = {name: {"markers": None, "regression": None} | mark for name, mark in section["landmarks"].items()}
    markers = gaps.in_markers(running.points, running.point_hz)
    return landmarks.from_clusters(markers, static.points, **(section | {"landmarks": marks}))


def assert_near(running, static, proposed, by_hand):
    here, there = (carried(running, static, section) for section in (proposed, by_hand))
    apart = np.linalg.norm(here - there, axis=2)
    np.testing.assert_array_equal(np.isfinite(here), np.isfinite(there))
    assert np.isfinite(apart).any(axis=0).all() and np.nanmax(apart) < LAST_M


def read(path, up):
    return c3d.read(path, forward="found", up=up, plates=[])


def test_the_clusters_of_the_public_set_are_those_written_by_hand(rbds, params, tmp_path, capsys):
    """010 has no MT1 on one foot, of 03 two labels are swapped at the source."""
    runners = ["RBDS002", "RBDS010", "RBDS03"]
    for runner in runners:
        (tmp_path / "set" / runner).mkdir(parents=True)
        for path in (rbds / runner).glob("*.c3d"):
            (tmp_path / "set" / runner / path.name).symlink_to(path)
    _, text, section = new_study(params, tmp_path / "set", capsys)
    assert section["points"] is None and "?" not in text.split("  speed_m_s")[0].split("01_preprocess:")[1]
    by_hand = yaml.safe_load((ROOT / "params" / "rbds.yaml").read_text(encoding="utf-8"))["01_preprocess"]["clusters"]
    for runner in runners:
        static = read(rbds / runner / f"{runner}static.c3d", "+y")
        for path in sorted((rbds / runner).glob("*runT*.c3d")):
            assert_near(read(path, "+y"), static, section["clusters"], by_hand)


def relabelled(plates, folder, rename):
    """Write JA1's two recordings with other labels."""
    folder.mkdir()
    for name in ("JA1Gait21.c3d", "JA1Static05.c3d"):
        content = ezc3d.c3d(str(plates / name))
        labels = content["parameters"]["POINT"]["LABELS"]
        labels["value"] = [rename(label) for label in labels["value"]]
        del content["data"]["meta_points"]
        content.write(str(folder / name))
    return folder


OTHERS = {  # JA1's labels as other laboratories write them
    "EPI": ("knee_lat", "knee_med"),
    "MAL": ("ankle_lat", "ankle_med"),
}


def long_names(label):
    """LLEPI -> L_knee_lat, and so on."""
    found = re.fullmatch(r"([LR])([LM])(EPI|MAL)", label)
    return f"{found[1]}_{OTHERS[found[3]]['LM'.index(found[2])]}" if found else label


@pytest.mark.parametrize(
    "rename", [str, lambda label: f"JA 1:{label}", str.lower, long_names], ids=["own", "subject", "lower", "long"]
)
def test_the_clusters_of_another_laboratory_are_those_written_by_hand(plates, params, tmp_path, capsys, rename):
    """Overground, one marker on the sacrum. A subject's prefix, case and words of the labels change nothing."""
    folder = relabelled(plates, tmp_path / "ja", rename)
    said, text, section = new_study(params, folder, capsys)
    assert re.search(r"(?i)SACR on the sacrum stands for both posterior spines", said)
    assert re.search(r"(?i)pelvis_markers: .*SACR.* # check: SACR on the sacrum stands for both", text)
    assert "similar" not in text and "one runner only" in said
    running, static = (read(folder / name, "+z") for name in ("JA1Gait21.c3d", "JA1Static05.c3d"))
    here = carried(running, static, section["clusters"])
    plain_names = [read(plates / name, "+z") for name in ("JA1Gait21.c3d", "JA1Static05.c3d")]
    there = carried(*plain_names, ja1_clusters("harrington2007"))
    apart = np.linalg.norm(here - there, axis=2)
    assert np.isfinite(apart).all() and apart.max() < LAST_M
    lines = text.split("    segments:")[1].split("    # Markers")[0].splitlines()
    guessed = [line for line in lines if ":" in line and line.strip() != "landmarks:"]
    assert len(guessed) == 7 + 1 + 11 + 1 and all("# check: " in line for line in guessed)


def test_a_static_trial_of_another_name_is_known_since_nobody_moves(plates, params, tmp_path, capsys):
    folder = relabelled(plates, tmp_path / "ja", str)
    (folder / "JA1Static05.c3d").rename(folder / "JA1Stand.c3d")
    said, _, section = new_study(params, folder, capsys)
    assert "JA1Stand.c3d: nobody moves, so it is used as a static trial" in said
    assert section["clusters"]["landmarks"]["l_knee"]["markers"] == ["LLEPI", "LMEPI"]
    assert "JA1Gait21.c3d,JA1,75.9,,,3.56,own,0,1,JA1Stand.c3d" in (params / "mine_trials.csv").read_text("utf-8-sig")


def test_a_running_trial_whose_cluster_has_too_few_markers_is_told():
    moving, still = bodies()
    other = {label: place for label, place in moving.items() if label != "LTHI2"}
    files = {Path(f"run{number}.c3d"): look(markers) for number, markers in enumerate((moving, moving, other))}
    found = clusters.propose(files, {Path("static.c3d"): look(still)}, [])
    assert "cluster l_thigh has fewer than 3 markers in 1 file(s), such as run2.c3d" in found.check


def test_a_static_trial_that_is_not_there_is_said(plates, params, tmp_path, capsys):
    folder = relabelled(plates, tmp_path / "ja", str)
    (folder / "JA1Static05.c3d").unlink()
    said, text, section = new_study(params, folder, capsys)
    assert section["clusters"] is None and section["points"]["l_hip"] == "?"
    assert "no static trial (a file named static or cal)" in said and "similar" not in text


def test_a_medial_marker_that_is_not_there_is_a_blank(plates, params, tmp_path, capsys):
    folder = relabelled(plates, tmp_path / "ja", lambda label: "X" if label == "LMEPI" else label)
    said, text, section = new_study(params, folder, capsys)
    marks = section["clusters"]["landmarks"]
    assert marks["l_knee"]["markers"] == ["LLEPI", "?"] and marks["r_knee"]["markers"] == ["RLEPI", "RMEPI"]
    assert "01_preprocess.clusters.landmarks.l_knee: the static trials show no medial marker of the knee" in said
    with pytest.raises(StudyError, match=r"has 1: 01_preprocess\.clusters\.landmarks\.l_knee\.markers\.1"):
        study_file.load(params / "mine.yaml")


RNG = np.random.default_rng(5)
# a standing body of the left side, (3,) m; the right side is its mirror image
SPINES = {"ASI": [0.10, 0.12, 1.00], "PSI": [-0.08, 0.05, 1.02]}
JOINTS = {"KNE": [0, 0.15, 0.50], "KNM": [0, 0.05, 0.50], "ANK": [0, 0.14, 0.10], "MED": [0, 0.06, 0.10]}
ON = {
    "thigh": {"THI1": [0.05, 0.12, 0.75], "THI2": [0.00, 0.16, 0.70], "THI3": [0.04, 0.15, 0.62]},
    "shank": {"TIB1": [0.04, 0.12, 0.35], "TIB2": [0.00, 0.15, 0.30], "TIB3": [0.03, 0.14, 0.22]},
    "foot": {"HEE": [-0.06, 0.10, 0.04], "TOE": [0.14, 0.10, 0.04], "MT5": [0.10, 0.15, 0.03]},
}


def bodies(rename=lambda label: label, without=(), on=ON):
    """A static trial and a running one of an invented body, whose segments turn and travel each by itself."""
    parts = {"pelvis": {side + name: place for name, place in SPINES.items() for side in "LR"}}
    parts |= {f"{side}_{part}": {side + name: place for name, place in markers.items()}
              for part, markers in on.items() for side in "LR"}  # fmt: skip
    still, moving = {}, {}
    for markers in parts.values():
        turns = Rotation.from_rotvec(RNG.normal(scale=0.5, size=(80, 3))).as_matrix()
        shift = RNG.normal(scale=0.3, size=(80, 3))
        for label, place in markers.items():
            there = np.array(place) * [1, 1 if label[0] == "L" else -1, 1]
            still[label] = np.tile(there, (5, 1))
            moving[label] = turns @ there + shift
    for label, place in JOINTS.items():
        for side in "LR":
            still[side + label] = np.tile(np.array(place) * [1, 1 if side == "L" else -1, 1], (5, 1))
    return [
        {rename(label): place for label, place in markers.items() if label not in without}
        for markers in (moving, still)
    ]


def test_a_shape_holds_the_percentiles_of_distances_marker_by_marker():
    """Beside numpy's, pair by pair, with frames and a whole marker missing."""
    points = {label: RNG.normal(size=(70, 3)) for label in "abcd"}
    points["b"][5:30] = np.nan
    points["d"][:] = np.nan
    shape = rigid.measure(points, [*"abcd"])
    for row, one in enumerate("abc"):
        np.testing.assert_allclose(shape.places[row], np.nanmedian(points[one], axis=0), atol=1e-12)
        for column, other in enumerate("abc"):
            if one != other:
                apart = np.linalg.norm(points[one] - points[other], axis=1)
                low, middle, high = np.nanpercentile(apart, (10, 50, 90))
                assert shape.distances[row, column] == pytest.approx(middle)
                assert shape.spread[row, column] == pytest.approx((high - low) / 2)
    assert np.isnan(shape.places[3]).all() and np.isnan(shape.spread[3]).all()


def look(markers):
    labels = plain([*markers])
    return SimpleNamespace(labels=labels, shape=rigid.measure(markers, labels))


def proposed(moving, still):
    """Propose the section of two trials: a Proposal, and what is in it."""
    rows = [{"file": "run.c3d", "static": "static.c3d" if still else ""}]
    static = {Path("static.c3d"): look(still)} if still else {}
    found = clusters.propose({Path("run.c3d"): look(moving)}, static, rows)
    return found, yaml.safe_load("\n".join(found.lines))


def words(knee, ankle):
    """Rename the joints' markers: their lateral and medial names, with {} for the side."""
    names = dict(zip(("KNE", "KNM", "ANK", "MED"), (*knee, *ankle), strict=True))
    return lambda label: names[label[1:]].format(label[0]) if label[1:] in names else label


@pytest.mark.parametrize(
    ("knee", "ankle"),
    [
        (("{}.Knee", "{}.Knee.Medial"), ("{}.Ankle", "{}.Ankle.Medial")),
        (("{}KNE", "{}KNEM"), ("{}ANK", "{}ANKM")),
        (("{}LFC", "{}MFC"), ("{}LMAL", "{}MMAL")),
        (("{}_knee_lat", "{}_knee_med"), ("{}_ankle_lat", "{}_ankle_med")),
        (("{}KNE", "{}KNM"), ("{}ANK", "{}MED")),  # CGM2
        (("{}_FLE", "{}_FME"), ("{}_FAL", "{}_TAM")),  # QTM, CAST
        (("{}.Knee.Lat", "{}.Knee.Med"), ("{}.Ankle.Lat", "{}.Ankle.Med")),  # Gait2392
        (("Lateral knee {}", "Medial knee {}"), ("Lateral malleolus {}", "Medial malleolus {}")),
    ],
)
def test_joint_centres_are_found_by_the_names_of_many_laboratories(knee, ankle):
    found, section = proposed(*bodies(words(knee, ankle)))
    assert not found.blank
    for side in "LR":
        for joint, names in (("knee", knee), ("ankle", ankle)):
            mark = section["landmarks"][f"{side.lower()}_{joint}"]
            assert mark["markers"] == [name.format(side) for name in names]
    assert section["pelvis_markers"] == {"l_asis": "LASI", "r_asis": "RASI", "l_psis": "LPSI", "r_psis": "RPSI"}


def test_a_heel_is_found_where_the_medial_marker_of_a_knee_is_missing(rbds, params, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "RBDS002runT35.c3d").symlink_to(rbds / "RBDS002" / "RBDS002runT35.c3d")
    content = ezc3d.c3d(str(rbds / "RBDS002" / "RBDS002static.c3d"))
    labels = content["parameters"]["POINT"]["LABELS"]
    labels["value"] = ["*99" if label == "L.Knee.Medial" else label for label in labels["value"]]
    del content["data"]["meta_points"]
    content.write(str(tmp_path / "set" / "RBDS002static.c3d"))
    said, _, section = new_study(params, tmp_path / "set", capsys)
    assert section["clusters"]["landmarks"]["l_heel"]["markers"] == ["L.Heel.Bottom"]
    assert "landmarks.l_knee:" in said and "landmarks.l_heel:" not in said


def test_without_any_medial_marker_no_clusters_are_offered_but_it_is_said():
    """Plug-in Gait."""
    found, section = proposed(*bodies(without=[side + name for side in "LR" for name in ("KNM", "MED")]))
    assert section is None and "no knee or ankle with a medial and a lateral marker" in found.check[0]


def test_markers_without_a_name_are_put_where_they_lie_and_keep_their_distances():
    on = ON | {"thigh": {"A1": ON["thigh"]["THI1"], "A2": ON["thigh"]["THI2"], "A3": ON["thigh"]["THI3"]}}
    moving, still = bodies(lambda label: {"LA1": "u7", "LA2": "v3", "LA3": "w9"}.get(label, label), on=on)
    found, section = proposed(moving, still)
    assert set(section["segments"]["l_thigh"]) == {"u7", "v3", "w9"} and not found.blank
    line = next(line for line in found.lines if "l_thigh: [" in line)
    assert "# check: " in line and "by place and distances, not by label" in line


def test_a_marker_that_moves_with_another_segment_is_left_out_and_named():
    moving, still = bodies(on=ON | {"shank": ON["shank"] | {"TIB4": [0.03, 0.13, 0.40]}})
    moving["LTIB4"], moving["LTHI1"] = moving["LTHI1"], moving["LTIB4"]  # labels swapped throughout
    found, section = proposed(moving, still)
    assert section["segments"]["l_shank"] == ["LTIB1", "LTIB2", "LTIB3"]
    assert "LTIB4 is not in the cluster l_shank: it moves with l_thigh" in " ".join(found.check)
    assert section["segments"]["r_shank"] == ["RTIB1", "RTIB2", "RTIB3", "RTIB4"]


def test_a_marker_that_is_loose_or_was_put_elsewhere_is_left_out_and_named():
    four = {part: ON[part] | {f"{name}4": place} for part, name, place in (
        ("thigh", "THI", [0.03, 0.13, 0.68]), ("shank", "TIB", [0.03, 0.13, 0.28]))}  # fmt: skip
    moving, still = bodies(on=ON | four)
    moving["LTHI4"] = moving["LTHI4"] + RNG.normal(scale=0.03, size=(80, 3))  # wobbles
    still["LTIB4"] = still["LTIB4"] + [0, 0, 0.08]  # fell off after the static trial
    found, section = proposed(moving, still)
    assert section["segments"]["l_thigh"] == ["LTHI1", "LTHI2", "LTHI3"]
    assert section["segments"]["l_shank"] == ["LTIB1", "LTIB2", "LTIB3"]
    said = " ".join(found.check)
    assert "LTHI4 is not in the cluster l_thigh: its distances to l_thigh vary by" in said
    assert re.search(r"LTIB4 is not in the cluster l_shank: its distances differ by \d+ mm from the static trial", said)


def test_markers_without_a_name_are_not_needed_where_labels_name_three_but_are_told():
    found, section = proposed(*bodies(lambda label: label.replace("LTHI4", "u7"),
                                      on=ON | {"thigh": ON["thigh"] | {"THI4": [0.03, 0.13, 0.68]}}))  # fmt: skip
    assert section["segments"]["l_thigh"] == ["LTHI1", "LTHI2", "LTHI3"] and not found.blank
    assert any("l_thigh: [" in line and "; u7 would fit too" in line for line in found.lines)


def test_a_cluster_of_two_markers_is_a_blank():
    found, section = proposed(*bodies(without=["RTHI2"]))
    assert section["segments"]["r_thigh"] == ["RTHI1", "RTHI3", "?"] and "?" not in section["segments"]["l_thigh"]
    assert found.blank == [
        "segments.r_thigh: a cluster needs 3 markers that running and static trials have; 2 were found"
    ]


def test_a_joint_that_no_joint_is_as_wide_is_a_blank():
    moving, still = bodies()
    still["RMED"] = still["RMED"] + [0, 0.5, 0]
    found, section = proposed(moving, still)
    assert section["landmarks"]["r_ankle"]["markers"] == ["?"]
    assert any("the width of a joint is 30 to 200 mm, but" in text for text in found.blank)


@pytest.mark.parametrize(
    ("without", "blank"),
    [
        (["LPSI"], "pelvis_markers.l_psis"),
        (["LPSI"], "landmarks.pelvis: one spine is blank"),
        (["LTOE", "LMT5"], "landmarks.l_toe"),
        (["RHEE"], "landmarks.r_heel"),
    ],
)
def test_what_no_label_names_is_a_blank_with_its_reason(without, blank):
    found, _ = proposed(*bodies(without=without))
    assert any(text.startswith(blank) for text in found.blank)
    assert any('"?"' in line and "blank" in line for line in found.lines)


def test_the_section_is_one_that_a_study_file_may_hold():
    _, section = proposed(*bodies())
    assert list(schema.Clusters.model_validate(section).landmarks) == POINTS

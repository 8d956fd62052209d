"""Pairs of OpenSim's files become rows of a new study: points and forces by their names."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import CASES, ROOT, write_mot, write_trc

from grfkit.recordings import c3d
from grfkit.recordings.new_study import pairs, write
from grfkit.recordings.trials import read_trials
from grfkit.study import file as study_file
from grfkit.study.schema import StudyError

TURN = c3d.axes("+x", "+y")  # rows of AP, ML, V in a file with X forward, Y up, Z right
ANGLES = "Coordinates\nnRows=1\nendheader\ntime\tpelvis_tx\tpelvis_ty\n0.0\t1.0\t1.0\n"


@pytest.fixture(scope="module")
def reference():
    return c3d.read(CASES / "00_reference" / "reference.c3d", forward="+x", up="+z")


def pair(folder, recording, points="P1_run.trc", forces="P1_run_grf.mot", **options):
    for name in (points, forces):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    markers = {name: xyz @ TURN for name, xyz in recording.points.items()}
    write_trc(folder / points, markers, recording.point_hz, unit="m")
    felt = [(plate.force @ TURN, plate.cop @ TURN) for plate in recording.plates]
    write_mot(folder / forces, felt, recording.force_hz, **options)


def params(folder):
    made = folder / "params"
    made.mkdir()
    (made / "virtual.yaml").write_bytes((ROOT / "params" / "virtual.yaml").read_bytes())
    return made


@pytest.mark.parametrize(
    ("points", "forces", "fits"),
    [
        ("Run_2.trc", "Run_2_grf.mot", True),
        ("Run_2.trc", "Run_2.mot", True),
        ("run 2 markers.trc", "Run 2 Forces.sto", True),
        ("MarkerData/walk.trc", "ForceData/walk_forces.mot", True),
        ("a/run.trc", "b/grf_run.mot", True),
        ("Run_2.trc", "Run_20_grf.mot", False),
        ("Run_2.trc", "Run_2_ik.mot", False),
    ],
)
def test_find_pairs_files_by_their_names(reference, tmp_path, points, forces, fits):
    pair(tmp_path, reference, points, forces)
    found, alone = pairs.find(tmp_path, [Path(points)])
    assert found == ({Path(points): Path(forces)} if fits else {})
    assert alone == ([] if fits else [f"{forces}: forces, but no TRC file has that name"])


def test_find_prefers_the_folder_of_the_points_and_knows_angles(reference, tmp_path):
    for folder in ("P1", "P2"):
        pair(tmp_path, reference, f"{folder}/run.trc", f"{folder}/run_grf.mot")
        (tmp_path / folder / "run.mot").write_text(ANGLES)
    files = [Path(f"P{number}/run.trc") for number in (1, 2)]
    assert pairs.find(tmp_path, files) == ({file: file.with_name("run_grf.mot") for file in files}, [])


def test_a_new_study_of_pairs_names_the_forces_and_what_the_files_show(reference, tmp_path):
    data = tmp_path / "data"
    pair(data, reference)
    said = " ".join(write.scaffold("mine", data, params=(made := params(tmp_path))).split())
    assert "1 recording(s) and 0 static trial(s)" in said and "up +y, forward found" in said
    assert "3 of OpenSim's forces, 1000 Hz" in said
    (row,) = pd.read_csv(made / "mine_trials.csv", encoding="utf-8-sig").itertuples()
    assert (row.file, row.forces) == ("P1_run.trc", "P1_run_grf.mot")
    assert row.speed_m_s == pytest.approx(3.646, abs=0.1)  # of its README; over two steps, not a stride
    table = pd.read_csv(made / "mine_trials.csv", encoding="utf-8-sig", dtype=str)
    table.assign(runner="P1", mass_kg="56.5", height_m="1.7").to_csv(made / "mine_trials.csv", index=False)
    section = study_file.load(made / "mine.yaml").sections["01_preprocess"]
    assert section["up"] == "+y" and section["points"]["l_knee"] == "l_knee"
    (trial,) = read_trials(data, table=str(made / "mine_trials.csv")).itertuples()
    assert trial.forces == "P1_run_grf.mot" and np.isnan(trial.forces_start_s)


def test_a_pair_that_does_not_belong_together_is_named(reference, tmp_path):
    pair(tmp_path / "data", reference, start_s=7.0)
    with pytest.raises(
        StudyError, match="P1_run.trc: Points and forces must be on one clock; .* begin at 0.000 and 7.000 s"
    ):
        write.scaffold("mine", tmp_path / "data", params=params(tmp_path))

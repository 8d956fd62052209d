"""MOT and ExternalLoads: read back by our reader, by the letter, and by OpenSim itself."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from exported import CONTACTS, MASS_KG, OFFSET, PEAK_BW, SPAN_S, WEIGHT_N, curve, places, tables
from helpers import CASES

from grfkit.recordings import discover
from grfkit.recordings.formats import mot as reader
from grfkit.reports.exports import mot

GROUND = {  # from the axes of each file to OpenSim's ground, by hand
    "z up": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "z up, to the back": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "y up": np.eye(3),
    "y up, to the left": np.eye(3),
    "x up": [[0, 0, -1], [1, 0, 0], [0, -1, 0]],  # X is forward (-z of the file), Y up (+x), Z to the right (-y)
}
NEAR_M = 0.004  # the ankle is low-passed at 20 Hz before it carries the centre of pressure


def literal(path):
    """Read a MOT file by its letter -> {column: (T,)}."""
    lines = path.read_text(encoding="utf-8").split("\n")
    first = lines.index("endheader") + 1
    values = np.array([[float(cell) for cell in line.split("\t")] for line in lines[first + 1 :] if line])
    assert f"nRows={len(values)}" in lines[:first] and f"nColumns={values.shape[1]}" in lines[:first]
    return dict(zip(lines[first].split("\t"), values.T, strict=True))


def written(run):
    path, loads = mot.write(run.path.with_suffix(".mot"), run.found, run.steps, run.curves, MASS_KG)
    return path, loads, np.array(GROUND[run.axes], float)


def test_write_puts_each_force_where_and_when_the_foot_pushes(run):
    path, _, ground = written(run)
    table = literal(path)
    times = table["time"] - 1.25  # the clock of the recording, whose first frame is at 1.25 s
    np.testing.assert_allclose(np.diff(table["time"]), 0.001, atol=2e-7)
    assert times[0] == pytest.approx(0, abs=1e-9) and len(times) == 1250
    for side in "lr":
        force, cop, torque = (
            np.stack([table[f"ground_{kind}{axis}"] for axis in "xyz"], axis=1)
            for kind in (f"force_{side}_v", f"force_{side}_p", f"torque_{side}_")
        )
        starts = [start for foot, start in CONTACTS if foot == side]
        expected = sum(curve((times - start) / SPAN_S) for start in starts) @ run.rotation @ ground.T
        np.testing.assert_allclose(force, expected, atol=0.001 * PEAK_BW * WEIGHT_N)  # 101 nodes, a line between
        assert force[:, 1].sum() / 1000 == pytest.approx(
            len(starts) * PEAK_BW * WEIGHT_N * SPAN_S * 2 / np.pi, rel=1e-3
        )
        assert not torque.any()
        middles = np.array(starts) + SPAN_S / 2
        rows = np.round(middles * 1000).astype(int)
        np.testing.assert_allclose(cop[rows], places(run, side, middles) @ ground.T, atol=NEAR_M)
        assert np.ptp(cop[:, 1]) == 0.0  # the ground is level
        loaded = np.flatnonzero(force[:, 1] > 0)
        assert times[loaded[0]] == pytest.approx(starts[0], abs=0.0011)
        assert times[loaded[-1]] == pytest.approx(starts[-1] + SPAN_S, abs=0.0011)


def test_our_reader_reads_what_was_written(run):
    path, *_ = written(run)
    found = reader.read(path, forward="found", up="+y")
    table = literal(path)
    assert found.start_s == pytest.approx(1.25, abs=1e-6) and found.force_hz == pytest.approx(1000.0)
    for plate, side in zip(found.plates, "rl", strict=True):  # in the order of OpenSim's files
        np.testing.assert_allclose(plate.force[:, 2], table[f"ground_force_{side}_vy"], atol=1e-9)
        assert np.isnan(plate.cop[plate.force[:, 2] == 0]).all() and plate.estimated


def test_in_the_air_the_force_is_0_and_the_centre_of_pressure_goes_straight_on(run):
    table = literal(written(run)[0])
    force = table["ground_force_l_vy"]
    gap = slice(int(np.flatnonzero(force)[0]), None)
    air = np.flatnonzero(force[gap] == 0)[:-1] + gap.start
    air = air[(air > 441) & (air < 899)]  # between both contacts of the left foot
    assert len(air) > 400
    for axis in "xz":
        path = table[f"ground_force_l_p{axis}"]
        assert np.abs(np.diff(path[air], 2)).max() < 3e-6  # a line, in cells of 1 um
        assert np.abs(np.diff(path[150:1200])).max() < 0.02  # and no jump at touchdown, which a filter would ring at


def test_external_loads_name_the_feet_and_columns_that_are_there(run):
    path, loads, _ = written(run)
    document = ElementTree.parse(loads).getroot()
    columns = set(literal(path))
    assert loads.name == "run_ExternalLoads.xml" and document.findtext(".//datafile") == "run.mot"
    forces = document.findall(".//ExternalForce")
    assert [force.findtext("applied_to_body") for force in forces] == ["calcn_r", "calcn_l"]
    for force, side in zip(forces, "rl", strict=True):
        for kind in ("force", "point", "torque"):
            name = force.findtext(f"{kind}_identifier")
            assert f"_{side}_" in name and {name + axis for axis in "xyz"} <= columns


def test_a_foot_that_never_pushes_has_columns_of_zeros(run):
    only = run.steps[run.steps["side"] == "l"]
    path, *_ = mot.write(run.path.with_suffix(".mot"), run.found, only, run.curves, MASS_KG)
    table = literal(path)
    assert not any(table[f"ground_force_r_{kind}{axis}"].any() for kind in "vp" for axis in "xz")
    assert reader.read(path, forward="found", up="+y").plates[1].force[:, 2].max() > 1000


def test_the_header_says_what_a_reader_must_know(run):
    steps = run.steps.assign(step_s=[0.35, np.nan, np.nan])  # a contact is missing between the last two
    found = replace(run.found, points=run.found.points + [0, 0, 0.5], file=Path("a=1\nb\udce4.c3d"))
    path, *_ = mot.write(run.path.with_suffix(".mot"), found, steps, run.curves, MASS_KG)
    head = path.read_text(encoding="utf-8").partition("endheader")[0]
    for text in ("not measured", "in N", "in m", "free moment is not estimated", "0.200 to 0.790 s, 0.900 to 1.140 s"):
        assert text in head, text
    assert "the ground is not at 0" in head and "at 1.2500 s" in head
    assert head.count("=") == 4  # of a value each: version, rows, columns, degrees
    assert literal(path)["ground_force_l_py"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.slow
def test_opensim_reads_both_files_and_pushes_the_feet(run, monkeypatch):
    """OpenSim's own package: storage, table, and a model whose feet are pushed as the file says."""
    monkeypatch.chdir(run.path.parent)  # it writes a log where it is imported
    opensim = pytest.importorskip("opensim", reason="OpenSim's own package is not installed: pip install opensim")
    path, loads, _ = written(run)
    table, storage = opensim.TimeSeriesTable(str(path)), opensim.Storage(str(path))
    ours = literal(path)
    assert list(table.getColumnLabels()) == [*ours][1:] and storage.getSize() == len(ours["time"])
    for name in table.getColumnLabels():
        np.testing.assert_allclose(table.getDependentColumn(name).to_numpy(), ours[name], atol=1e-9)
    model = opensim.Model()
    for foot in ("calcn_l", "calcn_r"):
        body = opensim.Body(foot, 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1))
        model.addBody(body)
        model.addJoint(opensim.FreeJoint(f"free_{foot}", model.getGround(), body))
    model.finalizeConnections()
    external = opensim.ExternalLoads(str(loads), True)
    model.addModelComponent(external)
    model.initSystem()
    for number, side in enumerate("rl"):
        push = opensim.ExternalForce.safeDownCast(external.get(number))
        start = next(start for foot, start in CONTACTS if foot == side)
        row = round(1000 * (start + SPAN_S / 2))
        at = float(ours["time"][row])
        assert push.get_applied_to_body() == f"calcn_{side}"
        for read, kind in ((push.getForceAtTime(at), "v"), (push.getPointAtTime(at), "p")):
            expected = [ours[f"ground_force_{side}_{kind}{axis}"][row] for axis in "xyz"]
            np.testing.assert_allclose([read[axis] for axis in range(3)], expected, atol=0.01 if kind == "v" else 1e-5)


def test_forces_of_a_trc_file_lie_under_its_own_markers_on_its_own_clock(tmp_path):
    """A part that was cut out of a recording with Y up: as its lines say, with no reader of ours."""
    lines = (CASES / "18_trc" / "run.trc").read_text().splitlines()
    file = tmp_path / "run.trc"
    file.write_text("\n".join(lines[:5] + lines[20:]) + "\n")
    rows = np.array([[float(cell) for cell in line.split("\t")] for line in lines[20:] if line.strip()])
    markers = [name for name in lines[3].split("\t")[2:] if name]
    found = discover.read(file)
    path, _ = mot.write(tmp_path / "grf.mot", found, *tables(CONTACTS), MASS_KG)
    table = literal(path)
    assert table["time"][0] == pytest.approx(rows[0, 1], abs=1e-6) and rows[0, 1] > 0.1
    for side, start in CONTACTS:
        middle = rows[0, 1] + start + SPAN_S / 2
        ankle = 2 + 3 * markers.index(f"{side}_ankle")
        x, _, z = (np.interp(middle, rows[:, 1], rows[:, column]) for column in range(ankle, ankle + 3))
        row = np.argmin(np.abs(table["time"] - middle))
        cop = [table[f"ground_force_{side}_p{axis}"][row] for axis in "xyz"]
        np.testing.assert_allclose(cop, [x + OFFSET[0], 0.0, z - OFFSET[1]], atol=NEAR_M)  # Z is to the right
        assert table[f"ground_force_{side}_vy"][row] == pytest.approx(PEAK_BW * WEIGHT_N, rel=1e-3)

"""C3D with virtual plates: read back by ezc3d's own filter, by our reader, and by py-c3d's raw channels."""

from dataclasses import replace
from types import SimpleNamespace

import c3d as py_c3d
import ezc3d
import numpy as np
import pytest
from exported import AXES, CONTACTS, MASS_KG, PEAK_BW, SPAN_S, WEIGHT_N, curve, places, recording, tables
from helpers import CASES, preprocessing

from grfkit.field import beside_plates, motion
from grfkit.points import FEET, POINTS, InputError
from grfkit.recordings import c3d as reader
from grfkit.recordings import discover
from grfkit.recordings.read import load_trial
from grfkit.reports.exports import c3d

NEAR_M = 0.004  # the ankle is low-passed at 20 Hz before it carries the centre of pressure
SINGLE_N, SINGLE_M = 0.001, 1e-5  # a C3D file holds single precision


def written(run):
    (path,) = c3d.write(run.path.with_suffix(".c3d"), run.found, run.steps, run.curves, MASS_KG)
    return path, ezc3d.c3d(str(path), extract_forceplat_data=True)


def expected_force(run, side, times):
    starts = [start for foot, start in CONTACTS if foot == side]
    return sum(curve((times - start) / SPAN_S) for start in starts) @ run.rotation


def test_ezc3d_reads_each_foots_push_as_the_ground_gives_it(run):
    """Upward on the runner, under the foot, at its time; plate 1 is the left foot's."""
    _, file = written(run)
    times, up = np.arange(1250) / 1000, run.rotation[2]
    for plate, side in zip(file["data"]["platform"], "lr", strict=True):
        assert (plate["unit_force"], plate["unit_position"]) == ("N", "mm")
        force = plate["force"].T
        np.testing.assert_allclose(force, expected_force(run, side, times), atol=0.001 * PEAK_BW * WEIGHT_N)
        starts = np.array([start for foot, start in CONTACTS if foot == side])
        impulse = len(starts) * PEAK_BW * WEIGHT_N * SPAN_S * 2 / np.pi
        assert (force @ up).sum() / 1000 == pytest.approx(impulse, rel=1e-3)
        loaded = np.flatnonzero(force @ up > 0)
        assert times[loaded[0]] == pytest.approx(starts[0], abs=0.0011)
        assert times[loaded[-1]] == pytest.approx(starts[-1] + SPAN_S, abs=0.0011)
        middles = starts + SPAN_S / 2
        cop = plate["center_of_pressure"].T / 1000
        np.testing.assert_allclose(cop[np.round(middles * 1000).astype(int)], places(run, side, middles), atol=NEAR_M)
        assert np.isnan(cop[~(force @ up > 0)]).all()
        assert np.nanmax(np.abs(plate["Tz"])) < 1.0  # N mm: the free moment is none, but for single precision
        corners, inside = plate["corners"].T / 1000 @ run.rotation.T, cop[loaded] @ run.rotation.T
        assert (inside > corners.min(axis=0) + [0.4, 0.4, -1e-4]).all()  # the plate lies around the run, on the ground
        assert (inside < corners.max(axis=0) - [0.4, 0.4, -1e-4]).all()


def test_ezc3d_reads_the_points_as_they_were(run):
    run.found.points[10:14, 3] = np.nan
    _, file = written(run)
    assert file["parameters"]["POINT"]["LABELS"]["value"] == POINTS
    assert file["parameters"]["POINT"]["UNITS"]["value"] == ["mm"]
    expected = run.points.copy()
    expected[10:14, 3] = np.nan
    np.testing.assert_allclose(file["data"]["points"][:3].transpose(2, 1, 0) / 1000, expected, atol=SINGLE_M)
    assert (file["data"]["meta_points"]["residuals"][0, 3, 10:14] == -1).all()


def test_our_reader_reads_the_plates_and_knows_that_they_are_estimates(run):
    path, _ = written(run)
    plates, hz, bad, notes = reader.read_plates(path, run.rotation)
    assert hz == 1000.0 and not bad and not notes
    times = np.arange(1250) / 1000
    for plate, side in zip(plates, "lr", strict=True):
        np.testing.assert_allclose(plate.force, expected_force(run, side, times) @ run.rotation.T, atol=4.0)
        middle = next(start for foot, start in CONTACTS if foot == side) + SPAN_S / 2
        theirs = places(run, side, np.array([middle]))[0] @ run.rotation.T
        np.testing.assert_allclose(plate.cop[round(1000 * middle)], theirs, atol=NEAR_M)
        assert plate.estimated
    again = discover.read(path)
    np.testing.assert_allclose(again.points, run.found.points, atol=SINGLE_M)


def test_py_c3d_reads_the_same_channels(run):
    path, file = written(run)
    with path.open("rb") as handle:
        frames = list(py_c3d.Reader(handle).read_frames())
    channels = np.concatenate([analog for _, _, analog in frames], axis=1)
    np.testing.assert_allclose(channels, file["data"]["analogs"][0], atol=SINGLE_N)
    points = np.stack([points[:, :3] for _, points, _ in frames]) / 1000
    np.testing.assert_allclose(points, run.points, atol=SINGLE_M)
    down, weight = channels[2], PEAK_BW * WEIGHT_N
    assert down.min() == pytest.approx(-weight, rel=0.01) and down.max() <= 0


@pytest.mark.parametrize("name", ["TYPE-2.c3d", "JA1Gait21.c3d", "walking5.c3d"])
def test_signs_are_those_of_real_plates_of_type_2(plates, name, tmp_path):
    """Channels push down, along the z of the plate's corners, which points down: as programs of the field expect."""
    found, _ = recording()
    (path,) = c3d.write(tmp_path / "ours.c3d", found, *tables(CONTACTS), MASS_KG)
    for file in (ezc3d.c3d(str(plates / name)), ezc3d.c3d(str(path))):
        group = file["parameters"]["FORCE_PLATFORM"]
        assert set(group["TYPE"]["value"]) == {2}
        corners, channels = group["CORNERS"]["value"][:, :, 0], group["CHANNEL"]["value"][:, 0] - 1
        z = np.cross(corners[:, 0] - corners[:, 1], corners[:, 0] - corners[:, 3])
        assert z[2] < -0.99 * np.linalg.norm(z)  # the laboratory's z is up
        pushed = file["data"]["analogs"][0, channels[2]]
        assert -pushed.min() > 10 * pushed.max()
        names, units = (np.array(file["parameters"]["ANALOG"][key]["value"])[channels] for key in ("LABELS", "UNITS"))
        assert [text.lower()[:2] for text in names] == ["fx", "fy", "fz", "mx", "my", "mz"]
        assert [*units] == ["N"] * 3 + ["Nmm"] * 3


def test_what_plates_measured_comes_back_where_they_measured_it(tmp_path):
    """Forces and centres of pressure of channels, laid out as an estimate, are those of the original by ezc3d."""
    file = CASES / "00_reference" / "reference.c3d"
    found, whole = discover.read(file), ezc3d.c3d(str(file), extract_forceplat_data=True)
    loads = [(plate["force"].T, plate["center_of_pressure"].T / 1000) for plate in whole["data"]["platform"]]
    hz = whole["parameters"]["ANALOG"]["RATE"]["value"][0]
    moved = motion.from_points(found.points, found.rate_hz, cutoff_hz=20.0, max_gap_s=0.0)
    force, cop = max(loads, key=lambda load: load[0][:, 2].max())
    loaded = np.flatnonzero(force[:, 2] > 100)
    assert (np.diff(loaded) == 1).all()
    at = loaded / hz
    feet = {side: np.nanmean(found.points[:, ends, :2], axis=1) for side, ends in FEET.items()}
    frame = round(at.mean() * found.rate_hz)
    side = min(feet, key=lambda side: np.linalg.norm(feet[side][frame] - cop[loaded[len(loaded) // 2], :2]))
    ankle = moved.spline(at)[:, POINTS.index(f"{side}_ankle")] + at[:, None] * moved.way_m_s
    steps, curves = tables([(side, at[0])])
    steps["toeoff_s"] = at[-1]
    nodes = np.linspace(at[0], at[-1], 101)
    values = np.column_stack([force[loaded] / WEIGHT_N, (cop[loaded] - ankle)[:, :2]])
    names = ["est_ap", "est_ml", "est_v", "cop_ap", "cop_ml"]
    for name, column in zip(names, values.T, strict=True):
        curves[name] = np.interp(nodes, at, column)
    curves["time_s"] = nodes - at[0]
    (path,) = c3d.write(tmp_path / "ours.c3d", found, steps, curves, MASS_KG)
    ours = ezc3d.c3d(str(path), extract_forceplat_data=True)
    plate = ours["data"]["platform"]["lr".index(side)]
    step = round(hz / ours["parameters"]["ANALOG"]["RATE"]["value"][0] * 1e6) / 1e6
    assert step == 1.0  # both are sampled alike, so that each sample can be compared
    inner = loaded[3:-3]
    np.testing.assert_allclose(plate["force"].T[inner], force[inner], atol=40)  # 101 nodes smooth the plates' noise
    np.testing.assert_allclose(plate["center_of_pressure"].T[inner] / 1000, cop[inner], atol=0.004)


@pytest.mark.parametrize("rate_hz", [29.97, 59.94, 85.0, 100.0, 240.0, 1000.0, 2000.0])
def test_forces_are_sampled_a_whole_number_of_times_a_frame(rate_hz, tmp_path):
    found, _ = recording()
    steps, curves = tables([("l", 20 / rate_hz), ("r", 20 / rate_hz + 0.3)])
    long = np.concatenate([found.points, found.points[::-1]] * 5)
    found = replace(found, points=long, rate_hz=rate_hz)
    steps["toeoff_s"], curves["time_s"] = steps["touchdown_s"] + 0.1, curves["time_s"] * 0.1 / SPAN_S
    (path,) = c3d.write(tmp_path / "run.c3d", found, steps, curves, MASS_KG)
    _, hz, bad, _ = reader.read_plates(path, found.rotation)
    assert not bad and hz >= 1000 and hz / rate_hz == pytest.approx(round(hz / rate_hz), rel=1e-5)
    assert hz < 1000 + rate_hz or rate_hz > 1000


def test_under_a_real_runner_the_force_is_under_the_markers_of_the_foot(rbds, tmp_path):
    """In the file's own axes and unit, as ezc3d reads its markers: X forward, Y up, on a treadmill."""
    folder = rbds / "RBDS001"
    file = folder / "RBDS001runT35.c3d"
    found = discover.read(file, layout=preprocessing("rbds"), static=folder / "RBDS001static.c3d")
    steps, curves = tables([("r", 0.27), ("l", 0.62), ("r", 0.97)])
    found = replace(found, points=found.points[:300])
    (path,) = c3d.write(tmp_path / "ours.c3d", found, steps, curves, MASS_KG)
    platforms = ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"]
    original = ezc3d.c3d(str(file))
    labels, places_mm = original["parameters"]["POINT"]["LABELS"]["value"], original["data"]["points"]
    for step in steps.itertuples():
        plate, middle = platforms["lr".index(step.side)], (step.touchdown_s + step.toeoff_s) / 2
        cop = plate["center_of_pressure"][:, round(1050 * middle)]
        names = [f"{step.side.upper()}.{name}" for name in ("Heel.Bottom", "MT1")]
        heel, toe = (places_mm[:3, labels.index(name), round(150 * middle)] for name in names)
        assert heel[0] - 20 < cop[0] < toe[0] + 20 and abs(cop[2] - (heel + toe)[2] / 2) < 60 and abs(cop[1]) < 1  # mm
        assert plate["force"][1].max() == pytest.approx(PEAK_BW * WEIGHT_N, rel=0.01)


def test_an_estimate_is_never_taken_for_a_measurement(run):
    """Neither as what plates measured beside an estimate, nor as what a study learns from."""
    path, _ = written(run)
    again = replace(run.found, file=path, points=discover.read(path).points)
    with pytest.raises(beside_plates.Unused, match="grfkit wrote them into the file with an estimate"):
        beside_plates.measure(again, mass_kg=MASS_KG)
    trial = SimpleNamespace(file=path.name, static="")
    forward, up = AXES[run.axes]
    settings = preprocessing("smoke", forward=forward, up=up, points={point: point for point in POINTS}, plates=None)
    with pytest.raises(InputError, match="were estimated by grfkit"):
        load_trial(trial, path.parent, {}, settings)
    load_trial(trial, path.parent, {}, settings.model_copy(update={"plates": []}))  # its points are as good as any


def test_write_refuses_more_frames_than_the_format_counts(tmp_path):
    found, _ = recording()
    long = replace(found, points=np.zeros((65536, 11, 3)))
    with pytest.raises(InputError, match="at most 65,535 frames; run.c3d has 65,536"):
        c3d.write(tmp_path / "run.c3d", long, *tables(CONTACTS), MASS_KG)
    assert not any(tmp_path.iterdir())

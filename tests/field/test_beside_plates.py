"""Force plates in a recording that is estimated: compared where they can be trusted, said where not, never used for
it."""

import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import ezc3d
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import CASES, ROOT, assert_accessible, preprocessing

from grfkit import cli
from grfkit.field import beside_plates, estimate
from grfkit.points import GRAVITY
from grfkit.recordings import c3d, plates
from grfkit.stances import cut

OURS = ["est_ap", "est_ml", "est_v", "low_v", "high_v"]


@pytest.fixture(scope="module")
def folder(lab, tmp_path_factory):
    """One recording with plates of a runner who trained no model, and its row of the table of trials."""
    path = tmp_path_factory.mktemp("plates")
    row = lab.trials.iloc[0]
    shutil.copy(lab.data / row["file"], path / "run.c3d")
    return SimpleNamespace(path=path, row=row, estimated=estimate.estimate_all(lab.model, path, mass_kg=row["mass_kg"]))


def changed(folder, out, change):
    """Copy the recording with other channels: `change` gets them (C, T) and their rate, and gives what to write."""
    content = ezc3d.c3d(str(folder.path / "run.c3d"))
    analogs = content["data"]["analogs"]
    analogs[0] = change(analogs[0], content["parameters"]["ANALOG"]["RATE"]["value"][0])
    del content["data"]["meta_points"]
    out.mkdir()
    content.write(str(out / "run.c3d"))
    return out


def said(lab, folder, **given):
    steps, curves, recordings = estimate.estimate_all(lab.model, folder, **given)
    return steps, curves, recordings["plates"][0]


def test_what_plates_measured_is_what_cutting_the_recording_gives(folder):
    steps, curves, recordings = folder.estimated
    row, section = folder.row, preprocessing("smoke", contact_threshold_n=20.0)
    recording = c3d.read(folder.path / "run.c3d", forward="+x", up="+z")
    total = sum(plates.zeroed(plate, recording.force_hz).force for plate in recording.plates) / row["mass_kg"] / GRAVITY
    have = steps[steps["plate_touchdown_s"].notna()]
    assert len(have) >= 2 and recordings["plates"][0].startswith(f"measured {len(have)} of {len(steps)} steps")
    outcomes = cut.cut(
        recording,
        np.stack([recording.points[name] for name in section.points.values()], axis=1),
        section,
        mass_kg=row["mass_kg"],
        speed_m_s=row["speed_m_s"],
    )
    truth = {side: (at, stance.toeoff_s) for side, at, stance in outcomes if isinstance(stance, cut.Stance)}
    for step in have.itertuples():
        assert (step.plate_touchdown_s, step.plate_toeoff_s) == pytest.approx(truth[step.side], abs=1e-9)
        mine = curves[curves["step"] == step.step]
        times = step.touchdown_s + mine["time_s"].to_numpy()
        inside = (times > step.plate_touchdown_s) & (times < step.plate_toeoff_s)
        clock = np.arange(len(total)) / recording.force_hz
        direct = np.stack([np.interp(times, clock, each) for each in total.T], axis=1)
        np.testing.assert_allclose(
            mine[beside_plates.FORCES].to_numpy()[inside], direct[inside], atol=0.01
        )  # noise of other plates


def test_errors_are_those_of_a_slow_loop(folder):
    steps, curves, _ = folder.estimated
    (row,) = beside_plates.errors(steps, curves).to_dict("records")
    have = steps[steps["plate_touchdown_s"].notna()]
    off, inside, late = [], [], []
    for step in have.itertuples():
        late.append(1000 * (step.touchdown_s - step.plate_touchdown_s))
        nodes = curves[curves["step"] == step.step]
        off.append((sum((node.est_v - node.plate_v) ** 2 for node in nodes.itertuples()) / len(nodes)) ** 0.5)
        inside += [node.low_v <= node.plate_v <= node.high_v for node in nodes.itertuples()]
    assert row["steps"] == len(have) and row["rmse_bw_v"] == pytest.approx(sum(off) / len(off))
    assert row["in_band_pct_v"] == pytest.approx(100 * sum(inside) / len(inside))
    assert row["touchdown_mean_ms"] == pytest.approx(sum(late) / len(late))
    assert row["contact_mean_ms"] == pytest.approx(row["toeoff_mean_ms"] - row["touchdown_mean_ms"])


@pytest.mark.parametrize("change", [lambda values, _: 1.05 * values, lambda values, _: 0 * values], ids=["5 %", "none"])
def test_plates_have_no_part_in_the_estimate(lab, folder, tmp_path, change):
    steps, curves, _ = folder.estimated
    mass = folder.row["mass_kg"]
    other, others, _ = said(lab, changed(folder, tmp_path / "changed", change), mass_kg=mass)
    pd.testing.assert_frame_equal(curves[OURS], others[OURS])
    mine = [name for name in steps if not name.startswith("plate_")]
    pd.testing.assert_frame_equal(steps[mine], other[mine])
    assert "plate_v" not in others or (others["plate_v"].max() > 1.03 * curves["plate_v"].max())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda values, hz: np.roll(values, round(0.1 * hz), axis=1), "not synchronised"),
        (lambda values, _: 0.5 * values, "they weigh|under 1.5 BW|a step weighs"),
        (lambda values, _: 0 * values, "no contact"),
        (lambda values, _: np.random.default_rng(1).normal(0, 3, values.shape), "no contact|no running|weigh|force"),
    ],
    ids=["late", "half", "unloaded", "noise"],
)
def test_plates_that_cannot_be_trusted_are_said_and_not_used(lab, folder, tmp_path, change, why):
    steps, curves, text = said(lab, changed(folder, tmp_path / "changed", change), mass_kg=folder.row["mass_kg"])
    assert len(steps) and beside_plates.errors(steps, curves).empty
    assert text.startswith("not used: ") and re.search(why, text), text


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("04_one_plate_reversed", "measured 1 of 2 steps"),
        ("05_left_handed_plates", "not used: .*medial-lateral force reversed"),
        ("06_saturated_plate", "not used: plate 1 saturated"),
        ("08_forces_in_kN", "measured 2 of 2 steps, in body weights as the plates weigh them, 56.4 kg"),
        ("15_plate_type_6", "not used: plate 1"),
    ],
)
def test_cases_of_faulty_plates(lab, tmp_path, case, text):
    (path,) = (CASES / case).glob("*.c3d")
    shutil.copy(path, tmp_path / "run.c3d")
    *_, found = said(lab, tmp_path)
    assert re.match(text, found), found


def test_a_wrong_mass_is_said(lab, folder):
    *_, text = said(lab, folder.path, mass_kg=1.4 * folder.row["mass_kg"])
    assert text.startswith("not used: they weigh the runner at ")
    assert text.endswith(f"and the mass is {1.4 * folder.row['mass_kg']:g} kg, as typed")


def test_the_page_compares_where_plates_measured(lab, folder, tmp_path, capsys):
    mass = str(folder.row["mass_kg"])
    arguments = ["--model", str(lab.model), str(folder.path), "--out", str(tmp_path / "out")]
    assert cli.main(["estimate", *arguments, "--mass", mass]) == 0
    assert "\nforce plates: measured" in capsys.readouterr().out
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert_accessible(html)
    page = BeautifulSoup(html, "html.parser")
    text = " ".join(page.get_text(" ").split())
    (row,) = pd.read_csv(tmp_path / "out" / "plates.csv").to_dict("records")
    assert "No force plate measured it" not in text and "Compared with the force plates" in text
    assert f"{row['rmse_bw_v']:.3f} BW" in text and f"{row['nrmse_pct_v']:.1f} %" in text
    assert f"The plates' contact time is {1000 * row['contact_s']:.0f} ms" in text
    assert {"plate_ap", "plate_ml", "plate_v"} < set(pd.read_csv(tmp_path / "out" / "curves.csv"))
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    have = steps[steps["plate_touchdown_s"].notna()]
    assert f"Force plates measured {len(have)} of these steps: step rate " in text
    assert f"both legs {len(have)} steps left " in text
    assert (
        "of new runners of the laboratory that trained the model are off by less. Where the plates here show a" in text
    )
    overview = " ".join(page.select_one("table").get_text(" ").split())
    both = [f"{1000 * have[name].mean():.0f}" for name in ("contact_s", "plate_contact_s")]
    assert "by the plates" in overview and f" {len(steps)} {len(have)} " in overview and " ".join(both) in overview
    cells = [" ".join(row.get_text(" ").split()) for row in page.select("tr")]
    for name, column in (("braking (braking peak)", "braking_peak_bw"), ("landing (impact peak)", "impact_peak_bw")):
        both = f"{name} {have[f'plate_{column}'].mean():.2f} BW {have[column].mean():.2f} BW "
        assert [row for row in cells if row.startswith(both)], both


def test_what_plates_measured_of_a_step_is_read_off_its_own_force(folder):
    steps, curves, _ = folder.estimated
    have = steps[steps["plate_touchdown_s"].notna()]
    for step in have.itertuples():
        mine = curves[curves["step"] == step.step]
        on = mine[(mine["plate_v"] > 0)]  # at the nodes of the estimate, some 2 ms apart
        assert step.plate_active_peak_bw == pytest.approx(on["plate_v"].max(), abs=0.02)
        assert step.plate_braking_peak_bw == pytest.approx(-on["plate_ap"].min(), abs=0.02)
        assert step.plate_propulsive_peak_bw == pytest.approx(on["plate_ap"].max(), abs=0.02)
        contact_s = step.plate_toeoff_s - step.plate_touchdown_s
        assert step.plate_contact_s == pytest.approx(contact_s)
        times = step.touchdown_s + mine["time_s"].to_numpy() - step.plate_touchdown_s
        at_13 = np.interp(0.13 * contact_s, times, mine["plate_v"])
        assert step.plate_impact_peak_bw == pytest.approx(at_13, abs=0.05)
        assert step.plate_vlr_bw_s == pytest.approx(
            step.plate_impact_peak_bw / (0.13 * contact_s), rel=0.01
        )  # a frame of contact
    pairs = zip(have["plate_touchdown_s"], have["plate_touchdown_s"].shift(-1), strict=True)
    follow = np.array([after - at for at, after in pairs])
    rate = 60 / have["plate_step_rate_per_min"].to_numpy()
    both = np.isfinite(rate) & np.isfinite(follow)
    np.testing.assert_allclose(rate[both], follow[both], atol=1e-9)


def test_a_step_by_the_plates_runs_from_touchdown_to_touchdown():
    """Plates at 300 Hz: loaded in frames 0 to 68, then 44 frames without load; the next foot lands in frame 113."""
    hz, loaded, unloaded = 300, 69, 44
    force = np.zeros((loaded + 6, 3))
    force[3 : 3 + loaded, 2] = 2 * np.sin(np.pi * (np.arange(loaded) + 0.5) / loaded)
    toeoff_s = (loaded - 1) / hz
    time_s = (np.arange(len(force)) - 3) / hz
    stance = cut.Stance(time_s, None, force, toeoff_s=toeoff_s, flight_s=unloaded / hz)
    footsteps = pd.DataFrame({"step": [1], "side": ["l"], "touchdown_s": [0.001], "toeoff_s": [0.225]})
    curves = pd.DataFrame({"step": 1, "time_s": np.linspace(0, 0.224, 101)})
    steps, _ = beside_plates._beside(footsteps, curves, [("l", 0.0, stance)], "touchdown_to_13")
    step, next_touchdown_s = steps.iloc[0], 113 / hz
    assert step["plate_contact_s"] == pytest.approx(step["plate_toeoff_s"] - step["plate_touchdown_s"])
    assert step["plate_flight_s"] == pytest.approx(next_touchdown_s - step["plate_toeoff_s"])
    assert step["plate_step_rate_per_min"] == pytest.approx(60 * hz / 113)


def test_the_page_says_why_plates_are_not_used(lab, tmp_path):
    (path,) = (CASES / "06_saturated_plate").glob("*.c3d")
    (tmp_path / "data").mkdir()
    shutil.copy(path, tmp_path / "data" / "run.c3d")
    arguments = ["--model", str(lab.model), str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert cli.main(["estimate", *arguments]) == 0
    text = BeautifulSoup((tmp_path / "out" / "index.html").read_text(encoding="utf-8"), "html.parser").get_text(" ")
    text = " ".join(text.split())
    assert "No force plate that can be trusted measured it" in text and "Compared with the force plates" not in text
    assert "Force plates in this recording are not used: plate 1 saturated" in text
    assert pd.read_csv(tmp_path / "out" / "plates.csv").empty


def test_a_real_belt_is_compared_in_what_it_weighs(rbds, tmp_path):
    for name in ("RBDS002/RBDS002runT35.c3d", "RBDS002/RBDS002static.c3d", "participantInfo.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(rbds / name)
    (found,), (mass_kg,), _ = estimate.read_all(tmp_path, study_file=ROOT / "params" / "rbds.yaml")
    measured = beside_plates.measure(found, mass_kg=None)
    kg = float(measured.unit.removesuffix(" kg").rpartition(" ")[2])
    assert mass_kg == pytest.approx(80, abs=0.1) and 0.93 * mass_kg < kg < 1.01 * mass_kg  # -6.3 to +.4 %: all runners
    assert len(measured.stances) > 70 and not measured.left_out  # 77 of 30 s
    means = [stance.force[stance.force[:, 2] > 0, 2].mean() for *_, stance in measured.stances]
    step_s = np.median(np.diff([at for _, at, _ in measured.stances]))
    contact_s = np.mean([stance.toeoff_s - at for _, at, stance in measured.stances])
    assert np.mean(means) == pytest.approx(step_s / contact_s, rel=0.03)  # over a step the mean is one body weight


def test_plates_are_laid_on_the_clock_that_a_study_declares(folder):
    (found,), *_ = estimate.read_all(folder.path, mass_kg=folder.row["mass_kg"])
    layouts = [preprocessing("smoke", cameras_late_s=late_s) for late_s in (None, 0.01)]
    usual, late = (
        beside_plates.measure(replace(found, layout=layout), mass_kg=folder.row["mass_kg"]) for layout in layouts
    )
    assert len(usual.stances) == len(late.stances) == 2
    for (_, at, _), (_, moved, _) in zip(usual.stances, late.stances, strict=True):
        assert moved == pytest.approx(at + 0.01)


def test_the_checks_without_a_study_are_those_of_virtual():
    section = preprocessing("virtual")
    assert section.checks.model_dump() == beside_plates.CHECKS and section.padding_s == beside_plates.PADDING_S

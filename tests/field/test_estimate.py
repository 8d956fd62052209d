"""Estimates of recordings without plates: what is refused or out of range, and what the numbers mean."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import CASES, LIMITS_PCT, ROOT, SMOOTH, SMOOTHED, as_csv, cut_virtual

from grfkit import features
from grfkit.estimators import model_folder
from grfkit.evaluation.field import robustness
from grfkit.field import estimate, estimate_tables, summary
from grfkit.field import model as field_model
from grfkit.field.bands import Abroad
from grfkit.points import GRAVITY, mirrored
from grfkit.recordings import discover
from grfkit.study import file as study_file

STUDY = ROOT / "params" / "virtual.yaml"


def test_estimates_of_virtual_runners_are_near_what_their_plates_measure(lab, model):
    measured = cut_virtual(lab.trials, lab.data).measured
    off, inside = [], []
    for each in measured.recorded:
        table, curves, warnings = estimate.estimate_recording(
            model, each.file, each.points, each.point_hz, each.speed_m_s
        )
        assert not [text for text in warnings if "missing" in text]
        mine = measured.footsteps[measured.footsteps["file"] == each.file]
        near = pd.merge_asof(
            mine.sort_values("touchdown_s"),
            table,
            on="touchdown_s",
            by="side",
            direction="nearest",
            suffixes=("", "_ours"),
        )
        off.append(near["toeoff_s"] - near["toeoff_s_ours"])
        frames = measured.samples.frames[measured.samples.inside]
        plate = features.measured(frames, vlr="touchdown_to_13").set_index("stance").loc[near["stance"]]
        inside.append(np.abs(near["active_peak_bw"].to_numpy() - plate["active_peak_bw"].to_numpy()))
        assert len(curves) == 101 * len(table) and set(curves["step"]) == set(table["step"])
        assert (curves["low_v"] <= curves["est_v"]).all() and (curves["est_v"] <= curves["high_v"]).all()
    assert np.abs(np.concatenate(off)).max() < 0.02  # left out, toe-off was 4 ms off, SD; five times that
    assert np.concatenate(inside).max() < 0.35  # BW, a seventh: six training runners of whom none is like them


def test_a_mirrored_recording_has_the_other_sides_and_the_opposite_asymmetry(model, points, lab):
    table, curves, _ = estimate.estimate_recording(model, "a", points, lab.rate_hz, 3.6)
    turned, turned_curves, _ = estimate.estimate_recording(model, "a", mirrored(points), lab.rate_hz, 3.6)
    assert list(turned["side"]) == [{"l": "r", "r": "l"}[side] for side in table["side"]] and set(table["side"]) == {
        "l",
        "r",
    }
    np.testing.assert_allclose(
        turned[["contact_s", *features.FEATURES]].to_numpy(float),
        table[["contact_s", *features.FEATURES]].to_numpy(float),
        rtol=1e-4,
    )
    np.testing.assert_allclose(turned_curves["est_ml"], -curves["est_ml"], atol=1e-4)  # inputs are in single precision
    ours, theirs = (summary.asymmetry(each, LIMITS_PCT, level=0.9)["asymmetry_pct"] for each in (table, turned))
    np.testing.assert_allclose(theirs, -ours, atol=0.05)


def test_millimetres_metres_and_c3d_give_the_same(lab, points, tmp_path):
    for name, scale, decimals in (("m", 1, 6), ("mm", 1000, 3)):
        as_csv(tmp_path / f"{name}.csv", scale * points, lab.rate_hz, decimals=decimals)
    file = lab.trials["file"][0]
    (tmp_path / "as.c3d").write_bytes((lab.data / file).read_bytes())
    table, curves, recordings = estimate.estimate_all(lab.model, tmp_path, speed_m_s=3.6)
    assert list(recordings["file"]) == ["as.c3d", "m.csv", "mm.csv"] and (recordings["steps"] > 0).all()
    for other in ("mm.csv", "as.c3d"):
        for part, columns in (
            (table, ["touchdown_s", "toeoff_s", *features.FEATURES]),
            (curves, ["est_ap", "est_ml", "est_v"]),
        ):
            np.testing.assert_allclose(
                part[part["file"] == other][columns],
                part[part["file"] == "m.csv"][columns],
                atol=2e-2 if part is table else 2e-3,
            )


def test_estimate_all_gives_newtons_where_the_mass_is_known(lab, tmp_path, points):
    as_csv(tmp_path / "a.csv", points, lab.rate_hz)
    plain, curves, recordings = estimate.estimate_all(lab.model, tmp_path)
    assert (
        not [name for part in (plain, curves) for name in part if "_n_" in f"{name}_"]
        and recordings["mass_kg"].isna().all()
    )
    table, curves, recordings = estimate.estimate_all(lab.model, tmp_path, mass_kg=70)
    pd.testing.assert_frame_equal(table[plain.columns], plain)
    np.testing.assert_allclose(table["active_peak_n_high"], 70 * GRAVITY * table["active_peak_bw_high"])
    np.testing.assert_allclose(table["vlr_n_s"], 70 * GRAVITY * table["vlr_bw_s"])
    np.testing.assert_allclose(curves["low_ap_n"], 70 * GRAVITY * curves["low_ap"])
    assert recordings["mass_kg"].tolist() == [70.0]


def test_what_is_out_of_range_is_said_of_each_step(model, points, lab):
    def said(*given):
        table, _, warnings = estimate.estimate_recording(model, "a", *given)
        return set(table["unlike"].str.contains("training runner")), " ".join(warnings)

    rng = np.random.default_rng(0)
    assert said(1.3 * points, lab.rate_hz, 3.6)[0] == {True} and "leg length" in said(1.3 * points, lab.rate_hz, 3.6)[1]
    assert said(points, lab.rate_hz, 5.5)[0] == {True} and "speed 5.50 m/s" in said(points, lab.rate_hz, 5.5)[1]
    assert said(points, lab.rate_hz / 1.5, 3.6)[0] == {True}  # a film in slow motion
    assert said(points, lab.rate_hz, 3.6)[0] == {False}
    flags, text = said(points + rng.normal(0, 0.02, points.shape), lab.rate_hz, 3.6)
    assert flags == {True} and "noise of the points" in text
    slow = robustness.rate(points, lab.rate_hz, 50.0, rng)
    assert "50 frames a second" in said(*slow, 3.6)[1] and "frames a second" not in said(points, lab.rate_hz, 3.6)[1]


@pytest.mark.parametrize("name", SMOOTHED)
def test_smoothed_points_are_said_of_each_step_or_refused_whatever_smoothed_them(model, points, lab, name):
    try:
        table, _, warnings = estimate.estimate_recording(
            model, "a", SMOOTHED[name](points, lab.rate_hz), lab.rate_hz, 3.6
        )
    except estimate.Refused as refused:
        assert "smoothed too strongly. Export them unfiltered" in str(refused) and "10 Hz" not in name
        return
    assert table["unlike"].str.contains("smoothed points: quick motion, of 9 to 15 Hz,").all()
    assert "Hz or more" in warnings[0] and any("Hz" in text and "in all" in text for text in warnings[1:])


@pytest.mark.parametrize("name", SMOOTH)
def test_points_that_are_hardly_smoothed_raise_no_alarm(model, points, lab, name):
    made = SMOOTH[name](points, lab.rate_hz)
    table, _, warnings = estimate.estimate_recording(model, "a", made, lab.rate_hz, 3.6)
    assert len(table) and not table["unlike"].str.contains("smooth").any() and "smooth" not in " ".join(warnings)
    slower = robustness.rate(points, lab.rate_hz, 60.0, None)
    assert not estimate.estimate_recording(model, "a", *slower, 3.6)[0]["unlike"].str.contains("smooth").any()


def test_cases_that_other_programs_wrote_are_estimated_as_their_reference(lab):
    _, curves, _ = estimate.estimate_all(lab.model, CASES / "00_reference")
    right = curves[curves["file"] == "reference.c3d"]
    for case, file, off in (
        ("09_unsigned_16_bit", "run.c3d", 0.02),  # BW: a place is 0.1 mm of an integer
        ("13_rate_1x1_in_a_batch", "bad.c3d", 1e-4),
        ("15_plate_type_6", "run.c3d", 1e-9),
        ("16_sentinel", "run.c3d", 0.02),  # three frames of a toe are bridged
        ("17_units_meters", "run.c3d", 1e-4),
        ("25_last_parameter_runs_into_the_data", "run.c3d", 1e-9),
    ):
        _, curves, _ = estimate.estimate_all(lab.model, CASES / case)
        found = curves[curves["file"] == file]
        for name in ("time_s", "est_ap", "est_ml", "est_v"):
            np.testing.assert_allclose(found[name], right[name], atol=off, rtol=0, err_msg=f"{case} {name}")


def test_the_case_low_passed_at_6_hz_is_not_estimated_and_its_reference_is(lab):
    """Vertical forces of the first err by .192 BW, four times those of the second."""
    for case, refused in (("00_reference", ""), ("01_low_passed_6Hz", "smoothed too strongly")):
        steps, _, recordings = estimate.estimate_all(lab.model, CASES / case)
        assert recordings["refused"].str.contains(refused).all() and (steps.empty == bool(refused))
        assert not steps["unlike"].astype(str).str.contains("smooth").any()


def test_a_model_without_quick_motion_estimates_and_says_what_was_not_checked(model, points, lab):
    known = model.training_range
    ranges = {name: ends for name, ends in known["ranges"].items() if name != "quick"}
    older = replace(model, training_range=known | {"ranges": ranges})
    given = "a", SMOOTHED["6 Hz"](points, lab.rate_hz), lab.rate_hz, 3.6
    table, _, warnings = estimate.estimate_recording(older, *given)
    assert len(table) and any("smoothed" in text and "was not checked" in text for text in warnings)


def test_steps_that_trained_the_model_are_recognised_and_others_are_not(lab):
    for folder, trained in ((lab.training, True), (lab.data, False)):
        _, _, recordings = estimate.estimate_all(lab.model, folder)
        assert (
            len(recordings)
            and (
                recordings["warnings"].str.contains(
                    "trained the model, or hardly differ from steps that did: the bands are too wide here"
                )
                == trained
            ).all()
        )


def test_force_that_does_not_start_near_zero_is_said_of_the_foot_it_is_of(model, points, lab, monkeypatch):
    def begin_late(contacts, *given):
        curves = finish(contacts, *given)
        curves[(contacts["side"] == "l").to_numpy(), :90] = curves[(contacts["side"] == "l").to_numpy(), 10:100]
        return curves

    def said():
        return [text for text in estimate.estimate_recording(model, "a", points, lab.rate_hz, 3.6)[2] if "zero" in text]

    assert said() == []
    finish = estimate.finish_curves
    monkeypatch.setattr(estimate, "finish_curves", begin_late)
    (text,) = said()
    assert re.search(
        r"the force at touchdown should be near zero and is \d\.\d\d under the left foot \(body weights\)", text
    )
    assert "as can happen in another laboratory" in text


def test_estimate_recording_refuses_points_that_are_no_runner_in_metres_and_in_order(model, points, lab):
    swapped = points[:, [0, *range(6, 11), *range(1, 6)]]
    for wrong, words in (
        (swapped, "Left points must be on the left"),
        (1000 * points, "Check the unit"),
        (points * [-1, -1, 1], "Feet point in the running direction"),
        (points[..., [0, 2, 1]], "Check the unit and the axis up"),
    ):
        with pytest.raises(ValueError, match=words):
            estimate.estimate_recording(model, "a", wrong, lab.rate_hz, 3.6)
    for rate_hz, speed in ((0, 3.6), ("100", 3.6), (lab.rate_hz, None), (lab.rate_hz, np.nan)):
        with pytest.raises(ValueError, match="and a speed in m/s; found"):
            estimate.estimate_recording(model, "a", points, rate_hz, speed)
    table, _, _ = estimate.estimate_recording(model, "a", points.tolist(), lab.rate_hz, 3.6)
    pd.testing.assert_frame_equal(table, estimate.estimate_recording(model, "a", points, lab.rate_hz, 3.6)[0])


def test_points_that_are_missing_are_warned_of_and_hide_their_steps(model, points, lab):
    whole, _, _ = estimate.estimate_recording(model, "a", points, lab.rate_hz, 3.6)
    middle = round((whole["touchdown_s"].iloc[1] + 0.1) * lab.rate_hz)
    hidden = points.copy()
    hidden[middle : middle + 20, 4] = np.nan  # .2 s of 100 Hz: more than a spline may bridge
    table, _, warnings = estimate.estimate_recording(model, "a", hidden, lab.rate_hz, 3.6)
    assert (
        len(table) < len(whole)
        and any("missing in" in text for text in warnings)
        and any("missing for too long" in text for text in warnings)
    )
    bridged = points.copy()
    bridged[middle, 4] = np.nan
    table, _, warnings = estimate.estimate_recording(model, "a", bridged, lab.rate_hz, 3.6)
    assert len(table) == len(whole)
    np.testing.assert_allclose(
        table["active_peak_bw"], whole["active_peak_bw"], atol=0.05
    )  # a frame of jitter is bridged


def test_read_all_takes_what_is_given_and_says_what_was_left_out(points, lab, tmp_path):
    as_csv(tmp_path / "bad.csv", points[:20], lab.rate_hz)
    as_csv(tmp_path / "good.csv", points, lab.rate_hz)
    found, masses, unread = estimate.read_all(tmp_path, mass_kg=61.5, speed_m_s=3.5)
    assert (
        masses == [61.5]
        and found[0].file == tmp_path / "good.csv"
        and found[0].speed_m_s == 3.5
        and list(unread) == ["bad.csv"]
    )
    _, _, recordings = estimate.estimate_all(lab.model, tmp_path)
    assert recordings.set_index("file").loc["bad.csv", "refused"] == unread["bad.csv"]


def test_numbers_of_numpy_are_taken_as_floats(model, points, lab):
    expected = estimate.estimate_recording(model, "a", points, 100.0, 3.6)
    for kind in (np.float64, np.float32, np.array, lambda value: np.array(value, np.float32)):
        table, curves, warnings = estimate.estimate_recording(model, "a", points, kind(100.0), kind(3.6))
        pd.testing.assert_frame_equal(table, expected[0])
        pd.testing.assert_frame_equal(curves, expected[1])
        assert warnings == expected[2]
        pd.testing.assert_frame_equal(
            estimate_tables.add_newtons(table, kind(61.5)),
            estimate_tables.add_newtons(expected[0], 61.5),
            check_exact=True,
        )
    table, *_ = estimate.estimate_recording(model, "a", points, np.int64(100), 3.6)
    pd.testing.assert_frame_equal(table, expected[0])


def test_read_all_takes_numbers_of_numpy(points, lab, tmp_path):
    as_csv(tmp_path / "a.csv", points, lab.rate_hz)
    plain = estimate.read_all(tmp_path, mass_kg=61.5, speed_m_s=3.5, rate_hz=lab.rate_hz)
    for kind in (np.float64, np.float32, np.array):
        found, masses, unread = estimate.read_all(
            tmp_path, mass_kg=kind(61.5), speed_m_s=kind(3.5), rate_hz=kind(lab.rate_hz)
        )
        assert masses == plain[1] and unread == plain[2] and found[0].notes == plain[0][0].notes
        assert (found[0].speed_m_s, found[0].rate_hz) == (plain[0][0].speed_m_s, plain[0][0].rate_hz)
    with pytest.raises(ValueError, match="mass_kg must be a number"):
        estimate.read_all(tmp_path, mass_kg=np.float32(1))


@pytest.mark.parametrize("rate_hz", [1 / np.median(np.diff(np.arange(50) / 100)), 99.9996, 99.96, np.float64(100)])
def test_a_rate_that_reads_as_the_limit_is_not_below_it(model, points, rate_hz):
    assert not [text for text in estimate.estimate_recording(model, "a", points, rate_hz, 3.6)[2] if "below" in text]


def test_a_rate_below_the_limit_is_said_as_it_is(model, points):
    warnings = estimate.estimate_recording(model, "a", points, 99.5, 3.6)[2]
    assert [text for text in warnings if text.startswith("99.5 frames a second: below 100")]


def test_a_held_gap_gives_what_an_empty_one_gives(model):
    tables = []
    for name in ("held", "empty"):
        found = discover.read(CASES / "02_held_gap" / f"{name}.csv")
        tables.append(estimate.estimate_recording(model, "a", found.points, found.rate_hz, found.speed_m_s))
        again = estimate.estimate_recording(model, "a", found.points * [1, 1, 1], found.rate_hz, found.speed_m_s)
        pd.testing.assert_frame_equal(tables[-1][0], again[0])
    for ours, theirs in zip(*(each[:2] for each in tables), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert tables[0][2] == tables[1][2] and any("missing for too long" in text for text in tables[0][2])
    whole = discover.read(CASES / "00_reference" / "reference.csv")
    steps = estimate.estimate_recording(model, "a", whole.points, whole.rate_hz, whole.speed_m_s)[0]
    assert list(steps["side"]) == ["l", "r"] and list(tables[0][0]["side"]) == ["r"]


def test_points_held_in_an_array_or_at_the_origin_hide_their_steps(model, points, lab):
    whole, *_ = estimate.estimate_recording(model, "a", points, lab.rate_hz, 3.6)
    first = round(whole["touchdown_s"].iloc[0] * lab.rate_hz)
    empty, held, zero = (points.copy() for _ in range(3))
    empty[first : first + 20, 3], zero[first : first + 20, 3] = np.nan, 0.0
    held[first : first + 20, 3] = held[first - 1, 3]
    expected = estimate.estimate_recording(model, "a", empty, lab.rate_hz, 3.6)
    assert len(expected[0]) < len(whole)
    for broken in (held, zero):
        table, _, warnings = estimate.estimate_recording(model, "a", broken, lab.rate_hz, 3.6)
        pd.testing.assert_frame_equal(table, expected[0])
        assert warnings == expected[2]


def test_a_new_laboratory_has_the_wider_bands_and_no_lean(lab, points):
    """The curves differ by the lean of the plates that trained the model alone, the bands by the factors."""
    abroad = Abroad(["x"], [2.0, 1.5, 1.8], [3.0, 2.0, 2.5], *[[0.0] * 3] * 4, {})
    trained, _ = field_model.load(lab.model)
    known = {"lean": 0.02, "cameras_late_s": 0.0, "layout": study_file.layout_sha256(study_file.preprocessing(STUDY))}
    trained = replace(trained, abroad=abroad, settings=trained.settings | {"trained_on": {"virtual": known}})
    assert estimate.home_of(trained, STUDY) == known
    given = (trained, "a", points, lab.rate_hz, 3.6)
    (new_steps, new, _), (steps, home, _) = (estimate.estimate_recording(*given, home=home) for home in (None, known))
    unlike = np.repeat(new_steps["unlike"].to_numpy() != "", 101)
    for place, direction in enumerate(("ap", "ml", "v")):
        wide, usual = (table[f"high_{direction}"] - table[f"est_{direction}"] for table in (new, home))
        expected = np.where(unlike, abroad.unlike[place], abroad.in_range[place])
        np.testing.assert_allclose(wide / usual, expected)
    np.testing.assert_allclose(home["est_ml"] - new["est_ml"], 0.02 * new["est_v"], atol=1e-12)
    peaks = [table["active_peak_bw_high"] - table["active_peak_bw"] for table in (new_steps, steps)]
    np.testing.assert_allclose(peaks[0] / peaks[1], np.where(new_steps["unlike"] != "", 2.5, 1.8))


def test_a_laboratory_is_known_by_its_name_and_by_how_it_finds_its_points(lab, model, tmp_path):
    """A study of another name, or of that name with other markers, is a new laboratory, and so is none."""
    known = {"lean": 0.02, "cameras_late_s": 0.0, "layout": study_file.layout_sha256(study_file.preprocessing(STUDY))}
    trained = replace(model, settings=model.settings | {"trained_on": {"virtual": known}})
    for name, other in (("other.yaml", None), ("virtual.yaml", "pelvis: pelvis"), ("virtual.yaml", None)):
        text = STUDY.read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(other, "pelvis: hips") if other else text, encoding="utf-8")
        same = name == "virtual.yaml" and other is None
        assert estimate.home_of(trained, tmp_path / name) == (known if same else None)
    assert estimate.home_of(trained, None) is None and estimate.home_of(model, STUDY) is None


def test_a_model_keeps_what_other_laboratories_have_shown(lab, tmp_path):
    abroad = Abroad(["x"], [2.0, 1.5, 1.8], [3.0, 2.0, 2.5], *[[5.0] * 3] * 4, {"vlr_bw_s": 30.0})
    trained, card = field_model.load(lab.model)
    arrays, description = model_folder.join(field_model.parts(replace(trained, abroad=abroad)))
    model_folder.save(tmp_path / "model", description=description, arrays=arrays, card=card)
    assert field_model.load(tmp_path / "model")[0].abroad == abroad
    assert trained.abroad is None

"""Training a model for the field: centres of pressure, the recipe that is asked for, the folder that travels, and what its card says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import DETECTOR, VLR, judge, preprocessing, steps_by_hand
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from grfkit.estimators import kernel_ridge, model_card, onnx_export, samples
from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation import moments_accuracy
from grfkit.evaluation.field import (
    field_accuracy,
    field_centres,
    field_training,
    field_uncertainty,
    ground_truth,
    robustness,
)
from grfkit.field import bands, training_range
from grfkit.field import contacts as field_contacts
from grfkit.field import model as field_model
from grfkit.points import POINTS, mirrored
from grfkit.recordings import c3d
from grfkit.recordings.read import read_recorded


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return judge(tmp_path_factory.mktemp("lab"), seed=6, men=3, women=3)


@pytest.fixture
def two_plates(monkeypatch):
    """A runner overground at 3 m/s whose feet press two plates, made by hand: (stances, recorded, motions, section, centres (S, 101, 2) m).

    A foot of 800 N takes a place that moves at .8 m/s; its weight passes from one plate to the other, 80 mm further and 15 mm to the left. Plates
    are never silent: 5 N and 3 N in their middle. The ankle moves at .6 m/s.
    """
    clock, times, sides = np.arange(2500) / 1000, np.arange(250) / 100, {"l": 0.5, "r": 1.2}
    loads, moments = (
        np.tile([5.0, 3.0], (2500, 1)),
        np.tile(np.array([5.0, 3.0])[:, None] * [[0.3, 0.2], [0.9, 0.2]], (2500, 1, 1)),
    )
    for begins in sides.values():
        frames = np.arange(round(1000 * begins), round(1000 * begins) + 251)
        passed = np.linspace(0, 1, 251)[:, None]
        first = np.stack([0.8 * clock[frames], np.full(251, 0.1)], axis=1)
        for plate, share, place in ((0, 1 - passed, first), (1, passed, first + [0.08, 0.015])):
            loads[frames, plate] += 800 * share[:, 0]
            moments[frames, plate] += 800 * share * place
    plates = [
        c3d.Plate(
            np.column_stack([0 * load, 0 * load, load]),
            np.column_stack([moment / load[:, None], 0 * load]),
            np.zeros((4, 3)),
        )
        for load, moment in zip(loads.T, moments.transpose(1, 0, 2), strict=True)
    ]
    points = np.zeros((250, 11, 3)) + np.arange(11)[:, None] * [0.01, 0.02, 0.03]
    points[..., 0] += 3.0 * times[:, None]
    for side in sides:
        points[:, POINTS.index(f"{side}_ankle"), :2] = np.stack([0.1 + 0.6 * times, 0.05 + 0 * times], axis=1)
    rows = [(number, side, begins + 0.02, begins + 0.23) for number, (side, begins) in enumerate(sides.items())]
    stances = pd.DataFrame(rows, columns=["stance", "side", "touchdown_s", "toeoff_s"]).assign(
        file="a.c3d", runner="x", weighed_kg=80.0
    )
    section = preprocessing(contact_threshold_n=30.0, points_cutoff_hz=None, checks={"max_gap_s": 0.04})
    trials = pd.DataFrame({"file": ["a.c3d", "other.c3d"], "runner": ["x", "y"], "speed_m_s": [3.0, 4.0]})
    monkeypatch.setattr("grfkit.recordings.read.read_trials", lambda folder, table: trials)
    monkeypatch.setattr(
        "grfkit.recordings.read.load_trial",
        lambda *_, **__: (SimpleNamespace(plates=plates, force_hz=1000.0, point_hz=100.0), points),
    )
    recorded = read_recorded(stances, "nowhere", section)
    at = stances[["touchdown_s"]].to_numpy() + 0.21 * np.linspace(0, 1, 101)
    share = (at - np.array(list(sides.values()))[:, None]) / 0.25
    centres = np.stack([0.8 * at + 0.08 * share - 0.1 - 0.6 * at, 0.1 + 0.015 * share - 0.05], axis=2)
    return stances, recorded, ground_truth.motions(recorded, section), section, centres


def test_a_centre_of_pressure_is_that_of_plates_made_by_hand_from_the_ankle(two_plates):
    stances, recorded, motions, section, centres = two_plates
    found = field_centres.measured(stances, recorded, motions, section)
    np.testing.assert_allclose(found, centres, atol=1e-6)  # between frames too: straight lines
    turned = field_centres.mirrored(stances, found)
    np.testing.assert_allclose(turned, centres * np.array([[[1, -1]], [[1, 1]]]), atol=1e-6)  # a left leg, a right one


def test_a_mirrored_laboratory_has_the_same_centres_of_the_other_leg(two_plates):
    stances, recorded, _, section, centres = two_plates
    turned = [replace(each, points=mirrored(each.points), cop=each.cop * [1, -1, 1]) for each in recorded]
    other = stances.assign(side=stances["side"].map({"l": "r", "r": "l"}))
    found = field_centres.measured(other, turned, ground_truth.motions(turned, section), section)
    np.testing.assert_allclose(found, centres * [1, -1], atol=1e-6)
    np.testing.assert_allclose(
        field_centres.mirrored(other, found), field_centres.mirrored(stances, centres), atol=1e-6
    )


def test_a_centre_of_pressure_does_not_know_where_the_laboratory_is(two_plates):
    stances, recorded, motions, section, centres = two_plates
    moved = [replace(each, points=each.points + [5.0, -2.0, 0.0], cop=each.cop + [5.0, -2.0, 0.0]) for each in recorded]
    for cutoff_hz in (None, 50.0):
        mine = section.model_copy(update={"force_cutoff_hz": cutoff_hz})
        here, there = (
            field_centres.measured(stances, each, ground_truth.motions(each, mine), mine) for each in (recorded, moved)
        )
        np.testing.assert_allclose(there, here, atol=1e-9)
        np.testing.assert_allclose(here, centres, atol=5e-3)  # smoothed by some ms, at .8 m/s


def test_a_centre_of_pressure_is_measured_from_the_ankle_and_mirrored_for_left_legs(lab):
    """Of a virtual runner the plates measure where the simulation puts it: under the foot, in front of the heel's side of the ankle."""
    centres = field_centres.measured(lab.known, lab.recorded, lab.motions, lab.section)
    _, cop = moments_accuracy.measured_source(
        lab.recorded, lab.known, cutoff_hz=None, threshold_n=lab.section.contact_threshold_n
    )
    row = 2
    stance = lab.known.iloc[row]
    ankle = joint_moments.leg(
        lab.motions[stance["file"]].spline(moments_accuracy.node_times(lab.known)[row]), stance["side"]
    )[:, joint_moments.LEG.index("ankle")]
    ankle = ankle + moments_accuracy.node_times(lab.known)[row][:, None] * lab.motions[stance["file"]].way_m_s
    np.testing.assert_allclose(centres[row], cop[row, :, :2] - ankle[:, :2], atol=1e-9)
    turned = field_centres.mirrored(lab.known, centres)
    left = (lab.known["side"] == "l").to_numpy()
    np.testing.assert_array_equal(turned[~left], centres[~left])
    np.testing.assert_array_equal(turned[left] * [1, -1], centres[left])
    np.testing.assert_array_equal(field_centres.mirrored(lab.known, turned), centres)
    np.testing.assert_array_equal(lab.targets[..., 3:], turned)
    np.testing.assert_allclose(lab.targets[..., :3], samples.curve_targets(lab.taken))


def test_errors_of_centres_are_in_mm_over_loaded_moments_alone():
    """Off by 10 mm forward and 5 mm to the side where there is force, and by a metre where there is none."""
    steps = pd.DataFrame({"stance": [0], "speed": ["a"], "touchdown_s": [1.0], "toeoff_s": [1.2]})
    measured = np.zeros((1, 101, 2))
    curves = np.zeros((1, 101, 5))
    curves[:, :, 2], curves[:, :, 3:] = 1.0, [0.01, 0.005]
    curves[:, :30, 2], curves[:, :30, 3:] = 0.05, 1.0
    table = field_centres.errors(steps, measured, {"mine": (steps, curves)})
    assert dict(zip(table["direction"], table["rmse_mm"], strict=False)) == pytest.approx({"AP": 10, "ML": 5}) and set(
        table["speed"]
    ) == {"a", "all"}


def test_mean_of_others_knows_nothing_of_ones_own_centre(lab):
    centres, curves = (
        field_centres.measured(lab.known, lab.recorded, lab.motions, lab.section),
        np.zeros((len(lab.known), 101, 5)),
    )
    mine = (lab.known["runner"] == lab.known["runner"].iloc[0]).to_numpy()
    one = field_centres.mean_of_others(lab.known, centres, curves)
    two = field_centres.mean_of_others(lab.known, np.where(mine[:, None, None], centres + 1, centres), curves)
    np.testing.assert_array_equal(one[mine], two[mine])
    assert np.abs(one[~mine] - two[~mine]).max() > 0.1
    right = mine & (lab.known["side"] == "r").to_numpy()
    turned, names = field_centres.mirrored(lab.known, centres), lab.known["runner"]
    literal = np.mean(
        [turned[(names == name).to_numpy()].mean(axis=0) for name in names.unique() if name != names.iloc[0]], axis=0
    )
    np.testing.assert_allclose(one[right][..., 3:], np.broadcast_to(literal, (right.sum(), 101, 2)))


def test_paired_lays_the_same_stances_side_by_side(lab):
    centres = field_centres.measured(lab.known, lab.recorded, lab.motions, lab.section)
    measured, estimated = field_centres.paired(lab.known, centres, lab.contacts, lab.estimated)
    here = lab.contacts[lab.contacts["stance"].notna()]
    place = list(lab.known["stance"]).index(here["stance"].iloc[4])
    sign = [1, -1] if here["side"].iloc[4] == "l" else [1, 1]
    np.testing.assert_array_equal(measured[4], centres[place] * sign)
    np.testing.assert_array_equal(estimated[4], lab.estimated[here.index[4], :, 3:] * sign)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mirror": False}, "mirror: False"),
        ({"balance": False}, "balance: False"),
        ({"inputs": ["positions"]}, "inputs"),
    ],
)
def test_regression_refuses_another_recipe(lab, change, said):
    with pytest.raises(ValueError, match=f"A model for the field is .*{said}.* Change `examined`"):
        field_training.regression(lab.taken, lab.targets, lab.known, lab.motions, lab.recipe.model_copy(update=change))
    linear = lab.recipe.model_copy(update={"kernel": lab.recipe.kernel.model_copy(update={"shape": "linear"})})
    with pytest.raises(ValueError, match="shape: linear"):
        field_training.regression(lab.taken, lab.targets, lab.known, lab.motions, linear)


@pytest.fixture(scope="module")
def model(lab):
    of_features = field_uncertainty.feature_residuals(lab.taken, lab.contacts, lab.estimated, vlr=VLR)
    return field_training.model(
        lab.detector,
        lab.curves,
        lab.motions,
        lab.contacts,
        lab.estimated,
        lab.nearest,
        off=lab.off,
        of_features=of_features,
        of_asymmetry=field_uncertainty.asymmetry_errors(of_features, lab.known),
        speeds={each.file: each.speed_m_s for each in lab.recorded},
        settings=lab.settings,
    ), of_features


def test_settings_are_the_studys_the_recipes_and_the_runners(lab):
    steps = pd.DataFrame({"flight_s": [0.1, 0.13]})
    section = preprocessing(points_cutoff_hz=None, checks={"max_gap_s": 0.05, "lag_s": 0.2})
    assert field_training.settings(section, lab.recipe, steps, level=0.8, vlr="20_to_80") == {
        "points_cutoff_hz": None,
        "max_gap_s": 0.05,
        "padding_s": lab.recipe.padding_s,
        "vlr": "20_to_80",
        "level": 0.8,
        "flight_s": pytest.approx(0.115),
    }


def test_some_inputs_are_those_of_contacts_from_the_first_to_the_last(lab, monkeypatch):
    """All of few; of many as many as are asked for."""
    contact_s = np.float32(lab.contacts["contact_s"])
    np.testing.assert_array_equal(
        field_training.some_inputs(lab.motions, lab.contacts, lab.settings)["times"][0][:, 0], contact_s
    )
    monkeypatch.setattr(field_training, "SHOWN", 5)
    some = field_training.some_inputs(lab.motions, lab.contacts, lab.settings)
    assert {len(part) for pair in some.values() for part in pair} == {5}
    np.testing.assert_array_equal(some["times"][0][[0, -1], 0], contact_s[[0, -1]])


def test_a_model_chooses_nothing(lab):
    assert lab.curves.candidates == [kernel_ridge.middle_candidate(lab.recipe.kernel, lab.recipe.inputs)]


def test_by_feature_judges_each_feature(model):
    fitted, of_features = model
    table = field_training.by_feature(of_features, fitted).set_index("feature")
    error = of_features["active_peak_bw"] - of_features["active_peak_bw_measured"]
    assert table.loc["active_peak_bw", "rmse"] == pytest.approx(np.sqrt((error**2).mean())) and table.loc[
        "active_peak_bw", "n"
    ] == len(error)
    assert np.mean(np.abs(error) <= table.loc["active_peak_bw", "band"] * 1.2) > 0.7  # a band of 90 %, mean width


def test_a_model_travels_with_card_and_graph(lab, model, tmp_path):
    """Saved, loaded elsewhere and by ONNX Runtime it estimates the same; the card says the numbers of the tables."""
    import onnxruntime

    fitted, _ = model
    scores, _ = field_accuracy.forces(lab.taken, lab.known, {"detected contacts": (lab.contacts, lab.estimated)})
    timing = field_accuracy.timing({"detector": lab.contacts}, lab.known, lab.known[:0], None)
    rows, errors = lab.off
    inside = bands.covered(
        errors, lab.contacts["contact_s"].to_numpy()[rows], lab.contacts["runner"].to_numpy()[rows], level=0.9
    )
    summary, coverage = (
        field_accuracy.summary(scores, lab.known),
        field_uncertainty.coverage(inside, lab.contacts.iloc[rows]),
    )
    card = field_training.card(
        fitted,
        {"data": "Six virtual runners.", "licence": "none", "citation": "none"},
        lab.known,
        timing,
        summary,
        coverage,
    )
    assert model_card.Card.model_validate(card).scores[0]["RMSE"] == f"{timing['touchdown_rmse_ms'].iloc[-1]:.1f} ms"
    inputs = field_training.some_inputs(lab.motions, lab.contacts, lab.settings)
    assert field_training.save(tmp_path / "model", fitted, inputs, card=card) < onnx_export.TOLERANCE_BW
    loaded, said = field_model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.curves.estimate(inputs), fitted.curves.estimate(inputs))
    assert loaded.settings == fitted.settings and loaded.known == fitted.known and said["title"] == card["title"]
    for name in fitted.features:
        np.testing.assert_array_equal(
            loaded.features[name].around(np.array([0.2, 0.3])), fitted.features[name].around(np.array([0.2, 0.3]))
        )
    np.testing.assert_array_equal(loaded.bands.half_widths, fitted.bands.half_widths)
    for look, again in zip(fitted.detector, loaded.detector, strict=True):
        np.testing.assert_array_equal(again.dual, look.dual)
    (forces,) = onnxruntime.InferenceSession((tmp_path / "model" / "curves.onnx").read_bytes()).run(
        None, onnx_export.curve_feed(inputs)
    )
    np.testing.assert_allclose(forces, fitted.curves.estimate(inputs), atol=onnx_export.TOLERANCE_BW)
    assert forces.shape[1:] == (101, 5)


def test_a_graph_says_how_points_become_its_inputs_and_how_forces_are_finished(lab):
    """A slow literal version of what it says gives a recording's forces as Python does."""
    said, padding = field_training._laid_out(lab.settings), lab.settings["padding_s"]
    each = lab.recorded[0]
    contacts = lab.contacts[lab.contacts["file"] == each.file].reset_index(drop=True)
    cutoff = lab.settings["points_cutoff_hz"]
    assert (
        f"low-passed at {cutoff:g} Hz" in said
        and "30, 20, 10 ms" in said
        and padding == 0.03
        and np.isfinite(each.points).all()
    )
    times = np.arange(len(each.points)) / each.point_hz
    moved = each.points.copy()
    for axis in range(2):
        moved[..., axis] -= np.polyval([np.polyfit(times, each.points[:, 0, axis], 1)[0], 0.0], times)[:, None]
    smooth = sosfiltfilt(butter(2, cutoff / (np.sqrt(2) - 1) ** 0.25, fs=each.point_hz, output="sos"), moved, axis=0)
    positions, flight_s = CubicSpline(times, smooth), contacts["flight_s"].fillna(contacts["flight_s"].mean())
    fed = {
        name: [] for name in onnx_export.curve_feed(field_training.some_inputs(lab.motions, lab.contacts, lab.settings))
    }
    other = [0, *range(6, 11), *range(1, 6)]
    for step, flight in zip(contacts.itertuples(), flight_s, strict=True):
        first, last = step.touchdown_s, step.toeoff_s
        core = np.linspace(first, last, 51)
        edges = np.clip([first - 0.03, first - 0.02, first - 0.01, last + 0.03, last + 0.02, last + 0.01], 0, times[-1])
        for order, kind in enumerate(("positions", "velocities", "accelerations")):
            for ending, at in (("", core), ("_padding", edges)):
                values = positions(at, order)
                if order == 0:
                    values[..., :2] -= positions(first)[0, :2]
                fed[kind + ending].append(values[:, other] * [1, -1, 1] if step.side == "l" else values)
        fed["times"].append([last - first, flight])
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_export.kernel_ridge(lab.curves).SerializeToString())
    (forces,) = session.run(None, {name: np.array(values, np.float32) for name, values in fed.items()})
    forces[(contacts["side"] == "l").to_numpy()] *= [1, -1, 1, 1, -1]
    impulses = np.trapezoid(forces, axis=1) / 100 * contacts[["contact_s"]].to_numpy()
    forces[..., 2] *= (contacts["contact_s"] + flight_s).sum() / impulses[:, 2].sum()
    forces[..., 0] -= impulses[:, 0].sum() / (contacts["contact_s"] + flight_s).sum() * forces[..., 2]
    inputs = field_contacts.inputs(lab.motions, contacts, flight_s.to_numpy(), padding_s=padding)
    expected = field_contacts.finish(contacts, lab.curves.estimate(inputs), flight_s.to_numpy(), contacts["file"])
    np.testing.assert_allclose(forces, expected, atol=onnx_export.TOLERANCE_BW)


def test_save_refuses_a_graph_that_gives_other_forces(lab, model, tmp_path, monkeypatch):
    arrays, description = model[0].curves.describe()
    wrong = onnx_export.kernel_ridge(
        kernel_ridge.KernelRidge.restore(arrays | {"dual": 1.01 * arrays["dual"]}, description)
    )
    monkeypatch.setattr(onnx_export, "kernel_ridge", lambda curves: wrong)
    with pytest.raises(ValueError, match="differs by"):
        field_training.save(
            tmp_path / "model", model[0], field_training.some_inputs(lab.motions, lab.contacts, lab.settings), card={}
        )
    assert not (tmp_path / "model").exists()


def test_card_says_the_figures_of_all_speeds_and_of_the_last_estimator(model):
    """By hand: a rule and the detector, a mean curve and ours, each at one speed and at all."""
    rows = [(detector, speed) for detector in ("rule", "detector") for speed in ("2.5 m/s", "all")]
    timing = pd.DataFrame(rows, columns=["detector", "speed"]).assign(
        touchdown_rmse_ms=[9, 9, 8, 3.14],
        toeoff_rmse_ms=[9, 9, 8, 4.0],
        contact_rmse_ms=[9, 9, 8, 5.06],
        touchdown_mean_ms=[9, 9, 8, -0.04],
        toeoff_mean_ms=[9, 9, 8, 0.26],
        contact_mean_ms=[9, 9, 8, -1.0],
    )
    rows = [
        (estimator, direction, speed)
        for estimator in ("mean", "ours")
        for direction in ("AP", "ML", "V")
        for speed in ("2.5 m/s", "all")
    ]
    summary = pd.DataFrame(rows, columns=["estimator", "direction", "speed"]).assign(
        rmse_bw=np.arange(12) / 100, nrmse_pct=np.arange(12) + 0.04, r=1 - np.arange(12) / 1000
    )
    rows = [(speed, direction) for speed in ("2.5 m/s", "all") for direction in ("AP", "ML", "V", "all")]
    coverage = pd.DataFrame(rows, columns=["speed", "direction"]).assign(
        covered_pct=[1, 2, 3, 4, 90.4, 88.0, 91.2, 5], least_runner_pct=[9, 9, 9, 9, 61, 52.4, 77, 80]
    )
    steps, about = (
        pd.DataFrame({"runner": ["x", "x", "y"]}),
        {"data": "Two runners.", "licence": "CC0", "citation": "Nobody 2025"},
    )
    card = model_card.Card.model_validate(field_training.card(model[0], about, steps, timing, summary, coverage))
    assert [(row["what"], row["RMSE"]) for row in card.scores] == [
        ("touchdown", "3.1 ms"),
        ("toe-off", "4.0 ms"),
        ("contact time", "5.1 ms"),
        ("AP force", "0.070 BW"),
        ("ML force", "0.090 BW"),
        ("V force", "0.110 BW"),
    ]
    assert [row["more"] for row in card.scores[:3]] == ["mean error 0.0 ms", "mean error 0.3 ms", "mean error -1.0 ms"]
    assert card.scores[4]["more"] == "nRMSE 9.0 %, r 0.991, 88 % of samples in the band"
    assert (
        card.title.endswith("(2 runners)")
        and card.data == "Two runners. 3 steps of 2 runners trained it."
        and card.licence == "CC0"
    )
    said = " ".join(card.limits)
    assert (
        training_range.ranges(model[0].known) in said
        and "A band holds 90 %" in said
        and "with the least it held 52 %" in said
        and "in another laboratory expect larger errors" in said
    )


def test_curves_table_gives_each_stances_curve_at_times_of_the_recording(lab):
    table = field_training.curves_table(lab.contacts, lab.estimated)
    here = lab.contacts[lab.contacts["stance"].notna()]
    assert len(table) == 101 * len(here)
    contact = here.iloc[1]
    block = table[table["stance"] == contact["stance"]]
    first, last = contact["touchdown_s"], contact["toeoff_s"]
    np.testing.assert_allclose(block["time_s"].iloc[[0, 50, 100]], [first, (first + last) / 2, last])
    np.testing.assert_allclose(
        block[["est_ap", "est_ml", "est_v", "est_cop_ap", "est_cop_ml"]], lab.estimated[here.index[1]], rtol=1e-6
    )


def test_beside_published_lays_out_the_detectors_rows():
    steps, detected = steps_by_hand()
    timing = field_accuracy.timing({"detector": detected}, steps, steps[:0], None)
    table = field_training.beside_published(
        timing, {"touchdown_rmse_ms": 5.0, "toeoff_rmse_ms": 6.0, "contact_rmse_ms": 8.0}
    ).set_index("event")
    assert (
        table.loc["touchdown", "ours_rmse_ms"] == pytest.approx(np.sqrt(25 / 3), abs=0.005)
        and table.loc["toe-off", "published_rmse_ms"] == 6
    )


def test_with_cutoff_judges_a_model_of_its_own(lab):
    """With the study's own low-pass it is the same model, and the same table; with another it is not."""
    case = {"noise": [0.002]}
    plain = robustness.degraded(
        lab.recorded, lab.known, lab.taken, lab.detector, lab.curves, case, seconds=5.0, seed=1, settings=lab.settings
    )
    stances = lab.known.drop(columns=["mid_s", "contact_s", "group", "speed"])
    same, other = (
        field_training.with_cutoff(
            cutoff,
            lab.recorded,
            stances,
            lab.taken,
            lab.section,
            lab.recipe,
            DETECTOR,
            case,
            every=1,
            seed=1,
            seconds=5.0,
            settings=lab.settings,
        )
        for cutoff in (lab.section.points_cutoff_hz, 8.0)
    )
    np.testing.assert_allclose(
        same.drop(columns="way").to_numpy(float), plain.drop(columns="way").to_numpy(float), rtol=1e-6
    )
    assert other["rmse_bw_v"].iloc[0] != pytest.approx(plain["rmse_bw_v"].iloc[0], rel=1e-3)

"""Training a model for the field: the recipe that it needs, the folder that travels, and what its card says."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from helpers import preprocessing, steps_by_hand
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from grfkit.estimators import kernel_ridge, model_card, onnx_export
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty
from grfkit.field import bands, training_range
from grfkit.field import model as field_model
from grfkit.field.contacts import contact_inputs, finish_curves


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
        field_training.regression(lab.measured, lab.targets, lab.recipe.model_copy(update=change))
    linear = lab.recipe.model_copy(update={"kernel": lab.recipe.kernel.model_copy(update={"shape": "linear"})})
    with pytest.raises(ValueError, match="shape: linear"):
        field_training.regression(lab.measured, lab.targets, linear)


@pytest.fixture(scope="module")
def model(lab):
    return field_training.calibrate(lab.model, lab.measured, lab.contacts, lab.nearest, lab.off)


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
        field_training.some_inputs(lab.measured.motions, lab.contacts, lab.model.settings)["times"][0][:, 0], contact_s
    )
    monkeypatch.setattr(field_training, "SHOWN", 5)
    some = field_training.some_inputs(lab.measured.motions, lab.contacts, lab.model.settings)
    assert {len(part) for pair in some.values() for part in pair} == {5}
    np.testing.assert_array_equal(some["times"][0][[0, -1], 0], contact_s[[0, -1]])


def test_a_model_chooses_nothing(lab):
    assert lab.model.curves.candidates == [kernel_ridge.middle_candidate(lab.recipe.kernel, lab.recipe.inputs)]


def test_by_feature_evaluates_each_feature(lab, model):
    of_features = lab.off.features
    table = field_training.by_feature(of_features, model).set_index("feature")
    error = of_features["active_peak_bw"] - of_features["active_peak_bw_measured"]
    assert table.loc["active_peak_bw", "rmse"] == pytest.approx(np.sqrt((error**2).mean())) and table.loc[
        "active_peak_bw", "n"
    ] == len(error)
    assert np.mean(np.abs(error) <= table.loc["active_peak_bw", "band"] * 1.2) > 0.7  # a band of 90 %, mean width


def test_a_model_travels_with_card_and_graph(lab, model, tmp_path):
    """Saved, loaded elsewhere and by ONNX Runtime it estimates the same; the card says the numbers of the tables."""
    scores, _ = field_accuracy.score_forces(lab.measured, {"detected contacts": (lab.contacts, lab.estimated)})
    timing = field_accuracy.timing({"detector": lab.contacts}, lab.measured.footsteps, lab.measured.footsteps[:0], None)
    rows, errors = lab.off.rows, lab.off.curves
    inside = bands.covered(
        errors, lab.contacts["contact_s"].to_numpy()[rows], lab.contacts["runner"].to_numpy()[rows], level=0.9
    )
    summary, coverage = (
        field_accuracy.mean_scores(scores, lab.measured.footsteps),
        field_uncertainty.coverage(inside, lab.contacts.iloc[rows]),
    )
    card = field_training.card(
        model,
        {"data": "Six virtual runners.", "licence": "none", "citation": "none"},
        lab.measured.footsteps,
        timing,
        summary,
        coverage,
    )
    assert any("was not tested" in limit for limit in card["limits"])
    abroad = bands.Abroad(
        ["x", "y"], [2.0, 1.5, 1.9], [2.4, 1.8, 2.3], [5.1, 24.0, 3.6], [0.03, 0.02, 0.085], [3.4] * 3, [0.07] * 3, {}
    )
    about = {"data": "Six virtual runners.", "licence": "none", "citation": "none"}
    both = field_training.card(replace(model, abroad=abroad), about, lab.measured.footsteps, timing, summary, coverage)
    assert "14_transfer 0.070 BW, 3.4 %, and elsewhere (x, y) 0.085 BW, 3.6 %" in both["scores"][-1]["more"]
    assert any(
        "2.0, 1.5, 1.9 times as wide (AP, ML, V): what recordings of x and y needed on average" in each
        for each in both["limits"]
    )
    assert model_card.Card.model_validate(card).scores[0]["RMSE"] == f"{timing['touchdown_rmse_ms'].iloc[-1]:.1f} ms"
    inputs = field_training.some_inputs(lab.measured.motions, lab.contacts, lab.model.settings)
    assert field_training.save(tmp_path / "model", model, inputs, card=card) < onnx_export.TOLERANCE_BW
    loaded, said = field_model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.curves.estimate(inputs), model.curves.estimate(inputs))
    assert (
        loaded.settings == model.settings
        and loaded.training_range == model.training_range
        and said["title"] == card["title"]
    )
    for name in model.features:
        np.testing.assert_array_equal(
            loaded.features[name].around(np.array([0.2, 0.3])), model.features[name].around(np.array([0.2, 0.3]))
        )
    np.testing.assert_array_equal(loaded.bands.half_widths, model.bands.half_widths)
    for look, again in zip(model.detector, loaded.detector, strict=True):
        np.testing.assert_array_equal(again.duals[0], look.duals[0])
    (forces,) = onnxruntime.InferenceSession((tmp_path / "model" / "curves.onnx").read_bytes()).run(
        None, onnx_export.curve_feed(inputs)
    )
    np.testing.assert_allclose(forces, model.curves.estimate(inputs), atol=onnx_export.TOLERANCE_BW)
    assert forces.shape[1:] == (101, 5)


def test_a_graph_says_how_points_become_its_inputs_and_how_forces_are_finished(lab):
    """A slow literal version of what it says gives a recording's forces as Python does."""
    said, padding = field_training._graph_words(lab.model.settings), lab.model.settings["padding_s"]
    each = lab.measured.recorded[0]
    contacts = lab.contacts[lab.contacts["file"] == each.file].reset_index(drop=True)
    cutoff = lab.model.settings["points_cutoff_hz"]
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
    each_pass = np.arctan(np.tan(np.pi * cutoff / each.point_hz) / (np.sqrt(2) - 1) ** 0.25) * each.point_hz / np.pi
    smooth = sosfiltfilt(butter(2, each_pass, fs=each.point_hz, output="sos"), moved, axis=0)
    positions, flight_s = CubicSpline(times, smooth), contacts["flight_s"].fillna(contacts["flight_s"].mean())
    fed = {
        name: []
        for name in onnx_export.curve_feed(
            field_training.some_inputs(lab.measured.motions, lab.contacts, lab.model.settings)
        )
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

    session = onnxruntime.InferenceSession(onnx_export.kernel_ridge(lab.model.curves).SerializeToString())
    (forces,) = session.run(None, {name: np.array(values, np.float32) for name, values in fed.items()})
    forces[(contacts["side"] == "l").to_numpy()] *= [1, -1, 1, 1, -1]
    impulses = np.trapezoid(forces, axis=1) / 100 * contacts[["contact_s"]].to_numpy()
    forces[..., 2] *= (contacts["contact_s"] + flight_s).sum() / impulses[:, 2].sum()
    forces[..., 0] -= impulses[:, 0].sum() / (contacts["contact_s"] + flight_s).sum() * forces[..., 2]
    sideways, upward = (np.trapezoid(forces[..., i], axis=1) * contacts["contact_s"].to_numpy() for i in (1, 2))
    left = (contacts["side"] == "l").to_numpy()
    lean = (sideways[left].mean() + sideways[~left].mean()) / (upward[left].mean() + upward[~left].mean())
    forces[..., 1] -= lean * forces[..., 2]
    inputs = contact_inputs(lab.measured.motions, contacts, flight_s.to_numpy(), padding_s=padding)
    expected = finish_curves(contacts, lab.model.curves.estimate(inputs), flight_s.to_numpy(), contacts["file"])
    np.testing.assert_allclose(forces, expected, atol=onnx_export.TOLERANCE_BW)


def test_save_refuses_a_graph_that_gives_other_forces(lab, model, tmp_path, monkeypatch):
    arrays, description = model.curves.describe()
    wrong = onnx_export.kernel_ridge(
        kernel_ridge.KernelRidge.restore(arrays | {"dual": 1.01 * arrays["dual"]}, description)
    )
    monkeypatch.setattr(onnx_export, "kernel_ridge", lambda curves: wrong)
    with pytest.raises(ValueError, match="differs by"):
        field_training.save(
            tmp_path / "model",
            model,
            field_training.some_inputs(lab.measured.motions, lab.contacts, lab.model.settings),
            card={},
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
    card = model_card.Card.model_validate(field_training.card(model, about, steps, timing, summary, coverage))
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
        and card.data == "Two runners. It was trained on 3 steps of 2 runners."
        and card.licence == "CC0"
    )
    said = " ".join(card.limits)
    assert (
        training_range.in_words(model.training_range) in said
        and "A band holds 90 %" in said
        and "the least was 52 %, for one runner" in said
        and "expect larger errors in other laboratories" in said
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

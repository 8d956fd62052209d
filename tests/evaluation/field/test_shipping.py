"""The model that comes with the package: landmarks as codes beside the model that holds every step as it is."""

import numpy as np
import pytest
from helpers import DETECTOR, VLR

from grfkit.estimators import model_folder
from grfkit.evaluation.field import field_accuracy, field_training, shipping
from grfkit.field import model as field_model
from grfkit.field.contacts import contact_inputs


@pytest.fixture(scope="module")
def settings(lab):
    return field_training.settings(lab.section, lab.recipe, lab.measured.footsteps, level=0.9, vlr=VLR)


@pytest.fixture(scope="module")
def shipped(lab, settings):
    """All footsteps as landmarks: what is lost is by the codes alone."""
    return shipping.train(lab.measured, lab.targets, DETECTOR, lab.recipe, settings, seed=1)


def test_landmarks_are_the_footsteps_but_for_their_coding(lab, shipped):
    """A spline at 10 ms through points that were low-passed, against the one at the cameras' rate."""
    footsteps = lab.measured.footsteps
    literal = contact_inputs(
        lab.measured.motions, footsteps, footsteps["flight_s"].to_numpy(), padding_s=lab.recipe.padding_s
    )
    scales = {"positions": 2e-3, "velocities": 0.1, "accelerations": 8.0, "times": 1e-3}  # RMS; a sixth of the kernel's
    for kind, pair in literal.items():
        for ours, theirs in zip(shipped.curves.inputs[kind], pair, strict=True):
            if theirs.size:
                assert np.sqrt(np.mean((ours.astype(float) - theirs) ** 2)) < scales[kind], kind


def test_left_out_runners_are_estimated_as_by_the_whole_model(lab, shipped):
    contacts = field_accuracy.detect_left_out(
        shipped.detector, lab.measured.motions, lab.measured.found, lab.measured.footsteps, lab.measured.footsteps
    )
    pairs = contacts.merge(lab.contacts, on=["file", "mid_s"], suffixes=("", "_whole"))
    assert len(pairs) == len(lab.contacts)
    for name in ("touchdown_s", "toeoff_s"):
        assert np.sqrt(np.mean((pairs[name] - pairs[f"{name}_whole"]) ** 2)) < 2e-3  # a third of what either is off
    ours, nearest = field_accuracy.estimate_left_out(shipped, lab.measured.motions, lab.contacts)
    whole = np.sqrt(np.mean(lab.off.curves**2, axis=(0, 1)))
    apart = np.sqrt(np.mean((ours - lab.estimated)[..., :3] ** 2, axis=(0, 1)))
    assert (apart < 0.5 * whole).all(), (apart, whole)
    assert np.corrcoef(nearest, lab.nearest)[0, 1] > 0.99


def test_a_left_out_runners_forces_have_no_part(lab, settings, shipped):
    runners = lab.measured.footsteps["runner"].to_numpy()
    spoiled = np.where((runners == runners[0])[:, None, None], -50 * lab.targets, lab.targets)
    again = shipping.train(lab.measured, spoiled, DETECTOR, lab.recipe, settings, seed=1)
    mine = lab.contacts[lab.contacts["runner"] == runners[0]].reset_index(drop=True)
    one, two = (field_accuracy.estimate_left_out(model, lab.measured.motions, mine)[0] for model in (shipped, again))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_few_landmarks_are_drawn_from_all_footsteps(lab, settings, monkeypatch):
    monkeypatch.setattr(shipping, "OF_CURVES", 10)
    monkeypatch.setattr(shipping, "OF_DETECTOR", 8)
    model = shipping.train(lab.measured, lab.targets, DETECTOR, lab.recipe, settings, seed=1)
    assert len(model.curves.groups) == 10 and {len(part.groups) for part in model.detector} == {8}
    assert len(model.curves.sums.groups) == len(lab.measured.footsteps)  # all of them train


def test_the_folder_estimates_as_the_model_does_and_is_small(lab, shipped, tmp_path):
    model = field_training.calibrate(shipped, lab.measured, lab.contacts, lab.nearest, lab.off)
    arrays, description = model_folder.join(field_model.parts(model))
    card = dict.fromkeys(("title", "purpose", "data", "licence", "citation", "recipe", "scored_on"), "x")
    card |= {"scores": [], "limits": ["x"]}
    model_folder.save(tmp_path / "model", description=description, arrays=arrays, card=card)
    again, _ = field_model.load(tmp_path / "model")
    inputs = contact_inputs(
        lab.measured.motions, lab.contacts, lab.contacts["contact_s"].to_numpy(), padding_s=lab.recipe.padding_s
    )
    np.testing.assert_allclose(again.curves.estimate(inputs), model.curves.estimate(inputs), atol=1e-6)
    size = (tmp_path / "model" / "model.safetensors").stat().st_size
    assert size < 12_000 * len(model.curves.groups)  # bytes; the whole model of this study has 26,000 a step


def test_what_is_too_large_or_loses_too_much_is_not_saved(lab, shipped, tmp_path, monkeypatch):
    model = field_training.calibrate(shipped, lab.measured, lab.contacts, lab.nearest, lab.off)
    loss = lab.off.features.iloc[:0].reindex(["AP"]).assign(loss_bw=[0.0021])
    with pytest.raises(ValueError, match=r"loses at most 0.002 BW; .* loses 0\.0021 BW\. Nothing was saved"):
        shipping._save(tmp_path / "model", model, {}, loss)
    monkeypatch.setattr(shipping, "MOST_MB", 0.01)
    with pytest.raises(ValueError, match=r"has at most 0\.01 MB and"):
        shipping._save(tmp_path / "model", model, {}, loss.assign(loss_bw=0.0))
    assert not (tmp_path / "model").exists()

"""A model for the field that was trained on virtual runners, and recordings of other runners."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CARD, LIMITS_PCT, cut_virtual, record_virtual

from grfkit.estimators import kernel_ridge, model_folder, samples
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty
from grfkit.field import model as field_model
from grfkit.points import POINTS
from grfkit.recordings import c3d


def train(trials, folder):
    """Train a FieldModel on virtual recordings, its bands on runners who are left out."""
    have = cut_virtual(trials, folder)
    measured = have.measured
    detector = field_accuracy.fit_detector(
        measured, kernel_ridge.middle_candidate(have.recipe.kernel, samples.KINDS), every=1, seed=1
    )
    contacts = field_accuracy.detect_left_out(
        detector, measured.motions, measured.found, measured.footsteps, measured.footsteps
    )
    curves = field_training.regression(measured, samples.curve_targets(measured.samples), have.recipe)
    settings = field_training.settings(
        have.section, have.recipe, measured.samples.stances, level=0.9, vlr="touchdown_to_13"
    )
    model = field_model.FieldModel(detector, curves, settings)
    estimated, nearest = field_accuracy.estimate_left_out(model, measured.motions, contacts)
    off = field_uncertainty.errors(measured, contacts, estimated, vlr=settings["vlr"])
    model = field_training.calibrate(model, measured, contacts, nearest, off)
    return replace(model, asymmetry_pct=LIMITS_PCT)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A model folder trained on the recordings in `training` of six virtual runners, and recordings of two others.

    Of these: C3D files, points, rate.
    """
    folder = tmp_path_factory.mktemp("lab")
    model = train(record_virtual(folder / "training", seed=7, men=3, women=3, trials=3), folder / "training")
    arrays, description = model_folder.join(field_model.parts(model))
    model_folder.save(folder / "model", description=description, arrays=arrays, card=CARD)
    trials = record_virtual(folder / "new", seed=11)
    recordings = {file: c3d.read(folder / "new" / file, forward="+x", up="+z") for file in trials["file"]}
    points = {file: np.stack([each.points[point] for point in POINTS], axis=1) for file, each in recordings.items()}
    return SimpleNamespace(
        model=folder / "model",
        training=folder / "training",
        data=folder / "new",
        trials=trials,
        points=points,
        rate_hz=recordings[trials["file"][0]].point_hz,
    )


@pytest.fixture
def model(lab):
    return field_model.load(lab.model)[0]


@pytest.fixture
def points(lab):
    return next(iter(lab.points.values()))

"""A model for the field in one folder: what finds contacts, what estimates forces over them, how sure it is, and what it knows.

Made by the notebook 10_field; used by grfkit.field.estimate_command. Parts of the folder (grfkit.estimators.model_folder): field, wide, touchdown, toeoff, curves, bands, and
what else a notebook puts beside.
"""

from dataclasses import dataclass

import numpy as np

from grfkit.estimators import model_folder
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.field import bands as force_bands
from grfkit.field import events


@dataclass(frozen=True)
class FieldModel:
    """What an estimate in the field needs.

    `curves` gives AP, ML, V (BW) and, where plates gave it, the centre of pressure (m from the ankle joint). `known` is limits.learn's, `features`
    {feature: conformal.Bands of one node}, `asymmetry_pct` {quantity: half width}, and `settings` hold points_cutoff_hz, max_gap_s, padding_s, vlr,
    level and flight_s (the training runners' mean).
    """

    detector: events.Detector
    curves: KernelRidge
    bands: force_bands.Bands
    features: dict
    asymmetry_pct: dict
    known: dict
    settings: dict


def parts(model):
    """Give a FieldModel as parts {name: (arrays, description)} of a model folder; `restore` inverts it, to the bit."""
    said = {
        "settings": model.settings,
        "known": model.known,
        "asymmetry_pct": model.asymmetry_pct,
        "features": {
            name: [float(bands.half_widths[0, 0]), float(bands.powers[0])] for name, bands in model.features.items()
        },
    }
    return {
        "field": ({}, said),
        **{name: getattr(model.detector, name).describe() for name in events.Detector._fields},
        "curves": model.curves.describe(),
        "bands": ({"half_widths": model.bands.half_widths, "powers": model.bands.powers}, {"level": model.bands.level}),
    }


def restore(folder):
    """Take a FieldModel out of a model_folder.Model; raises ValueError where it is another kind of model."""
    try:
        if "field" not in folder.description.get("parts", ()):
            raise ValueError(
                f"Forces without plates are estimated by a model that the notebook 10_field saved; found another: {folder.card['title']}. "
                "Give the folder results/10_field/model of a study."
            )
        return _restored(folder)
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError(
            f"A model for the field is restored from what `make field` saved; this folder does not fit: {type(error).__name__}: {error}. "
            "Take the folder from its source again."
        ) from None


def load(folder):
    """Load a FieldModel and the card of a folder: (model, card). Raises ValueError where it is no model for the field."""
    held = model_folder.load(folder)
    return restore(held), held.card


def _restored(folder):
    said = model_folder.part(folder, "field")[1]
    arrays, about = model_folder.part(folder, "bands")
    detector = events.Detector(
        *(KernelRidge.restore(*model_folder.part(folder, name)) for name in events.Detector._fields)
    )
    one = {
        name: force_bands.Bands(np.array([[pair[0]]]), np.array([pair[1]]), about["level"])
        for name, pair in said["features"].items()
    }
    return FieldModel(
        detector,
        KernelRidge.restore(*model_folder.part(folder, "curves")),
        force_bands.Bands(**arrays, **about),
        one,
        said["asymmetry_pct"],
        said["known"],
        said["settings"],
    )

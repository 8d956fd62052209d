"""A model for the field: a folder -> detector of contacts, regression of curves, bands, training range.

The notebook 10_field makes it, grfkit.field.estimate uses it. Parts of the folder (grfkit.estimators.model_folder):
field, wide, touchdown, toeoff, curves, bands, and what else a notebook puts beside them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grfkit.estimators import model_folder
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.field.bands import Abroad, Bands
from grfkit.field.events import EVENT_NAMES, Detector
from grfkit.points import InputError

SHIPPED = Path(__file__).parent / "shipped"  # the folder of the model that comes with the package


@dataclass(frozen=True)
class FieldModel:
    """What an estimate in the field needs; what follows `settings` comes from errors of runners who were left out.

    `curves` gives AP, ML, V (BW) and, where plates gave it, the centre of pressure (m from the ankle joint). `features`
    are {feature: Bands of one node}, `asymmetry_pct` {quantity: half width}; `training_range` is that of
    training_range.learn with `usual`, the rows of usual.learn (older models have none); `settings` hold
    points_cutoff_hz, max_gap_s, padding_s, vlr, level, flight_s (the training runners' mean) and trained_on,
    {study: {lean of its plates, cameras_late_s, layout}}. `abroad` is what other laboratories have
    shown, None where none was tried. `card` is that of the folder it was loaded from.
    """

    detector: Detector
    curves: KernelRidge
    settings: dict
    bands: Bands = None
    features: dict = None
    asymmetry_pct: dict = None
    training_range: dict = None
    abroad: Abroad = None
    card: dict = None


def parts(model):
    """Give a FieldModel as parts {name: (arrays, description)} of a model folder; `restore` inverts it, to the bit."""
    description = {
        "settings": model.settings,
        "known": model.training_range,
        "asymmetry_pct": model.asymmetry_pct,
        "abroad": model.abroad and model.abroad._asdict(),
        "features": {
            name: [float(band.half_widths[0, 0]), float(band.powers[0])] for name, band in model.features.items()
        },
    }
    return {
        "field": ({}, description),
        **{name: getattr(model.detector, name).describe() for name in Detector._fields},
        "curves": model.curves.describe(),
        "bands": ({"half_widths": model.bands.half_widths, "powers": model.bands.powers}, {"level": model.bands.level}),
    }


def restore(folder):
    """Take a FieldModel out of a model_folder.Model; raises ValueError where it is another kind of model."""
    try:
        if "field" not in folder.description.get("parts", ()):
            raise ValueError(
                "Forces without plates are estimated by a model that the notebook 10_field saved; found another: "
                f"{folder.card['title']}. Give the folder results/10_field/model of a study."
            )
        return _restored(folder)
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError(
            "A model for the field is restored from what `make field` saved; this folder does not fit: "
            f"{type(error).__name__}: {error}. Take the folder from its source again."
        ) from None


def load(folder=None):
    """Load a folder, or the model that comes with the package: (FieldModel, card).

    Raises ValueError where it is no model for the field, and InputError where the package came without one.
    """
    if folder is None and not SHIPPED.is_dir():
        raise InputError(
            f"grfkit comes with a model in {SHIPPED}; none is there.",
            "Install grfkit again, or give the folder of another model.",
        )
    folder = SHIPPED if folder is None else folder
    model = restore(model_folder.load(folder))
    return model, model.card


def event_errors_s(card):
    """Read from a card how far a model was off in time: {event of EVENT_NAMES: root mean square, s}; {} if unsaid."""
    said = {score["what"]: score["RMSE"] for score in card["scores"] if score["what"] in EVENT_NAMES.values()}
    return {name: float(text.removesuffix(" ms")) / 1000 for name, text in said.items()}


def _restored(folder):
    description = model_folder.part(folder, "field")[1]
    arrays, about = model_folder.part(folder, "bands")
    *detector, curves = (
        KernelRidge.restore(*model_folder.part(folder, name)) for name in (*Detector._fields, "curves")
    )
    return FieldModel(
        Detector(*detector),
        curves,
        description["settings"],
        Bands(**arrays, **about),
        {
            name: Bands(np.array([[pair[0]]]), np.array([pair[1]]), about["level"])
            for name, pair in description["features"].items()
        },
        description["asymmetry_pct"],
        description["known"],
        Abroad(**description["abroad"]) if description.get("abroad") else None,
        folder.card,
    )

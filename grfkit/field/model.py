"""A model for the field: a folder -> detector of contacts, regression of curves, bands, training range.

The notebook 10_field makes it, grfkit.field.estimate uses it. Parts of the folder (grfkit.estimators.model_folder):
field, wide, touchdown, toeoff, curves, bands, and any other part that a notebook adds.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grfkit.estimators import model_folder
from grfkit.estimators.kernel_matrix import SCALES
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.estimators.samples import CORE_NODES, EDGE_NODES, KINDS, NODES
from grfkit.features import FEATURES, LOADING_RATES
from grfkit.field.bands import Abroad, Bands
from grfkit.field.events import CLOSE_NODES, EVENT_NAMES, WIDE_NODES, Detector
from grfkit.points import POINTS, InputError

LOOKS = {  # of each regression: at how many nodes and edges it looks, and the curves that it gives
    "wide": (WIDE_NODES, 0, [(1, 2)]),
    "touchdown": (CLOSE_NODES, 0, [(1, 1)]),
    "toeoff": (CLOSE_NODES, 0, [(1, 1)]),
    "curves": (CORE_NODES, 2 * EDGE_NODES, [(NODES, 3), (NODES, 5)]),
}
SHIPPED = Path(__file__).parent / "shipped"  # the folder of the model that comes with the package


@dataclass(frozen=True)
class FieldModel:
    """What an estimate without plates needs; the fields after `settings` come from errors of left-out runners.

    `curves` gives AP, ML, V (BW) and, where plates gave it, the centre of pressure (m from the ankle joint). `features`
    are {feature: Bands of one node}, `asymmetry_pct` {quantity: half width}; `training_range` is that of
    training_range.learn with `usual`, the rows of usual.learn (older models have none); `settings` hold
    points_cutoff_hz, max_gap_s, padding_s, vlr, level, flight_s (the training runners' mean) and trained_on,
    {study: {lean of its plates, cameras_late_s, layout}}. `abroad` is what other laboratories have
    shown, None if none was tried. `card` is that of the folder it was loaded from.
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
    """Take a FieldModel out of a model_folder.Model; raises ValueError for another kind of model."""
    try:
        if "field" not in folder.description.get("parts", ()):
            raise ValueError(
                "Forces without plates are estimated by a model that notebook 10_field saved; found another kind: "
                f"{folder.card['title']}. Give the folder results/10_field/model of a study."
            )
        return _restored(folder)
    except (LookupError, AttributeError, TypeError) as error:
        raise ValueError(
            "A model for estimates without plates comes from `make field`; this folder does not fit: "
            f"{type(error).__name__}: {error}. Copy the folder from its source again."
        ) from None


def load(folder=None):
    """Load a folder, or the model that comes with the package: (FieldModel, card).

    Raises ValueError if it is no model for the field, and InputError if the package came without one.
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
    """Read the time errors of a model from its card: {event of EVENT_NAMES: root mean square, s}; {} if it has none."""
    said = {score["what"]: score["RMSE"] for score in card["scores"] if score["what"] in EVENT_NAMES.values()}
    return {name: float(text.removesuffix(" ms")) / 1000 for name, text in said.items()}


def _restored(folder):
    description = model_folder.part(folder, "field")[1]
    arrays, about = model_folder.part(folder, "bands")
    *detector, curves = (_regression(folder, name) for name in LOOKS)
    bands = Bands(**arrays, **about)
    _fit("bands", bands.half_widths.shape == (NODES, 3) and bands.powers.shape == (3,))
    _fit("settings", _are_settings(description["settings"]))
    _fit("known", {"ranges", "nearest"} <= {**description["known"]}.keys())
    _fit("asymmetry_pct", all(map(_is_positive, {**description["asymmetry_pct"]}.values())))
    _fit("features", {*FEATURES} == {**description["features"]}.keys())
    return FieldModel(
        Detector(*detector),
        curves,
        description["settings"],
        bands,
        {
            name: Bands(np.array([[pair[0]]]), np.array([pair[1]]), about["level"])
            for name, pair in description["features"].items()
        },
        description["asymmetry_pct"],
        description["known"],
        Abroad(**description["abroad"]) if description.get("abroad") else None,
        folder.card,
    )


def _regression(folder, name):
    """Restore a regression, and check that it looks at a motion and gives curves as an estimate needs them."""
    restored, (nodes, edges, curves) = KernelRidge.restore(*model_folder.part(folder, name)), LOOKS[name]
    (dual,), (candidate,) = restored.duals.values(), restored.candidates
    shapes = [(len(dual), count, len(POINTS), 3) for count in (nodes, edges)]
    seen = [[part.shape for part in restored.inputs[kind]] == shapes for kind in KINDS]
    scales = [_is_positive(candidate[SCALES[kind]]) for kind in restored.inputs]
    _fit(name, dual.shape[1:] in curves and all(seen) and all(scales) and restored.shape == "gaussian")
    return restored


def _are_settings(settings):
    numbers = [settings[name] for name in ("max_gap_s", "padding_s", "level", "flight_s")]
    numbers += [1 if settings["points_cutoff_hz"] is None else settings["points_cutoff_hz"], 1 - settings["level"]]
    known = settings["vlr"] in LOADING_RATES and isinstance(settings.get("trained_on", {}), dict)
    return known and all(map(_is_positive, numbers))


def _is_positive(number):
    return isinstance(number, (int, float)) and number > 0


def _fit(what, fits):
    """Raise ValueError if a part of a folder is not as an estimate needs it."""
    if not fits:
        raise ValueError(
            f"A model for estimates without plates comes from `make field`; in this folder {what!r} does not fit an "
            "estimate. Copy the folder from its source again."
        )

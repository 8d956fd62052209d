"""A trained model as one folder that travels: arrays (safetensors), their description (JSON), a model card to read and ONNX graphs.

    model.json  model.safetensors  card.md  NAME.onnx

Loading reads numbers and text and executes nothing. Checksums find damage; they are no signature: who can write the folder can write them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydantic

from grfkit import __version__
from grfkit.estimators import model_card, model_check, registry
from grfkit.estimators.model_card import Card
from grfkit.estimators.model_check import ARRAYS, CARD, DESCRIPTION, FORMAT, GRAPH, VERSION
from grfkit.study import recipes, store


@dataclass(frozen=True)
class Model:
    """What a model folder holds: its description and card (as JSON gives them), arrays {name: array} and paths of its graphs {name: Path}."""

    description: dict
    card: dict
    arrays: dict
    graphs: dict


def save(folder, *, description, arrays, card, graphs=None):
    """Save a model as one folder: all of it, or nothing.

    `description` is a dict of what JSON holds, `arrays` {name: array} (double, single, half, int64, int32 or bool; finite), `card` what
    model_card.Card asks for, `graphs` {name: onnx.ModelProto}, which onnx_export.verify has compared. A model folder that is there is
    replaced; any other folder is refused with a ValueError, as is what `load` would refuse.
    """
    folder, graphs = Path(folder), graphs or {}
    _replaceable(folder)
    with store.new_folder(folder) as new:
        _write(new, description, arrays, _card(card), graphs)
        load(new)


def load(folder):
    """Load a model folder; returns a Model. Needs neither study nor recordings.

    Raises ValueError where it is no model folder, of a newer format, damaged, or holds what its description does not say. A graph that is
    missing is left out: forces in Python need none. The card may be written into.
    """
    folder = Path(folder)
    described = model_check.described(folder)
    for name, expected in described.files.items():
        if name == ARRAYS or (folder / name).exists():
            model_check.intact(folder, name, expected)
    if ARRAYS not in described.files:
        raise ValueError(
            f"A model folder says the checksum of {ARRAYS}; {folder / DESCRIPTION} does not. Take the folder from its source again."
        )
    graphs = {Path(name).stem: folder / name for name in described.files if name != ARRAYS and (folder / name).exists()}
    return Model(
        described.description,
        described.card.model_dump(),
        model_check.read_arrays(folder / ARRAYS, described.arrays),
        graphs,
    )


def join(parts):
    """Lay parts {name (without /): (arrays, description)} into one; returns (arrays, description) for save; `part` inverts it."""
    arrays = {f"{name}/{key}": array for name, (held, _) in parts.items() for key, array in held.items()}
    return arrays, {"parts": {name: description for name, (_, description) in parts.items()}}


def part(model, name):
    """Take one part out of a Model whose parts were joined; returns (arrays, description). Raises ValueError where it has no such part."""
    parts = model.description.get("parts")
    parts = parts if isinstance(parts, dict) else {}
    if name not in parts:
        raise ValueError(
            f"A model has the parts that its description names: {', '.join(parts) or 'none'}; found no {name!r}. "
            "Take another model folder."
        )
    return {
        key.removeprefix(f"{name}/"): array for key, array in model.arrays.items() if key.startswith(f"{name}/")
    }, parts[name]


def pack(fitted, recipe):
    """Give a fitted estimator with its recipe as a part: (arrays, description); `unpack` inverts it, to the bit."""
    arrays, description = registry.describe(fitted, recipe)
    return arrays, {"recipe": recipe.model_dump(mode="json"), "fitted": description}


def unpack(arrays, description):
    """Restore a fitted estimator and its recipe: (fitted, recipe), as estimators.predict takes them. Raises ValueError where they do not fit."""
    try:
        recipe = recipes.Recipe.model_validate(description["recipe"])
        return registry.restore(arrays, description["fitted"], recipe), recipe
    except (LookupError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"An estimator is restored from a recipe and the arrays that were saved with it; these do not fit: "
            f"{type(error).__name__}: {error}. Take the model from its source again."
        ) from None


def _write(folder, description, arrays, card, graphs):
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    shapes = {
        name: {"dtype": model_check.dtype_name(name, array), "shape": list(array.shape)}
        for name, array in arrays.items()
    }
    model_check.finite(arrays, "Nothing was saved.")
    store.weights(folder / ARRAYS, arrays)
    for name, graph in graphs.items():
        if not re.fullmatch(GRAPH, name):
            raise ValueError(f"A graph's name is letters, digits, - and _; found {name!r}. Choose another.")
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    content = {
        "format": FORMAT,
        "version": VERSION,
        "grfkit": __version__,
        "description": description,
        "card": card.model_dump(),
        "arrays": shapes,
        "files": {path.name: model_check.checksum(path) for path in sorted(folder.iterdir())},
    }
    (folder / DESCRIPTION).write_text(_sealed(content), encoding="utf-8")
    (folder / CARD).write_text(model_card.text(card, content, graphs), encoding="utf-8")


def _card(card):
    try:
        return Card.model_validate(card)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"A model card says {', '.join(Card.model_fields)}; found {model_check.faults(error)}. Complete it."
        ) from None


def _sealed(content):
    """Write JSON that reads back as the same, with its checksum; raises ValueError where it would not (a tuple, NaN, a key that is no text)."""
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"A model's description is what JSON holds, finite; found one that is not: {error}. Convert it."
        ) from None
    if json.loads(text) != content:
        raise ValueError(
            "A model's description reads back as it was; found one that JSON changes. Use lists for tuples and text for keys."
        )
    return json.dumps(content | {"checksum": model_check.seal(content)}, indent=1)


def _replaceable(folder):
    """Refuse a folder that holds anything but a model."""
    if not folder.exists() and not folder.is_symlink():
        return
    refusal = f"A model is saved as a new folder, or in place of a model folder; {folder} "
    try:
        files = model_check.described(folder).files
    except ValueError as error:
        raise ValueError(f"{refusal}is something else ({error}). Choose another name, or remove it.") from None
    others = sorted(path.name for path in folder.iterdir() if path.name not in {*files, DESCRIPTION, CARD})
    if folder.is_symlink() or others:
        raise ValueError(
            f"{refusal}{'is a link' if folder.is_symlink() else 'also holds ' + ', '.join(others)}. Move that elsewhere first."
        )

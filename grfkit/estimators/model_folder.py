"""A trained model as one folder that travels: arrays (safetensors), a description (JSON), a card to read, ONNX graphs.

    model.json  model.safetensors  card.md  NAME.onnx

In: arrays, a description, a card and graphs. Out: the folder, and from the folder a Model. Loading reads numbers and
text and executes nothing. Each file is checked before it is used: every function raises ValueError if a folder
breaks a rule. Checksums find damage; they are no signature: whoever can write into the folder can write them.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from grfkit import __version__
from grfkit.estimators import model_card
from grfkit.estimators.model_card import Card
from grfkit.study import store
from grfkit.study.schema import NotNegative, Section

FORMAT, VERSION = "grfkit model", 1
DESCRIPTION, ARRAYS, CARD = "model.json", "model.safetensors", "card.md"
LARGEST_JSON = 10_000_000  # bytes: our choice; the arrays are not in there, and a description is some thousand
GRAPH = "[A-Za-z0-9_-]+"
TAKE_AGAIN = "Copy the folder from its source again."
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
DTYPES |= {"I64": np.int64, "I32": np.int32, "I16": np.int16, "BOOL": np.bool_}


class Array(Section):
    """What the description says of an array."""

    dtype: Literal[tuple(DTYPES)]
    shape: list[NotNegative]


class Described(Section):
    """What model.json holds."""

    format: Literal[FORMAT]
    version: Literal[VERSION]
    grfkit: str
    description: dict[str, Any]
    card: Card
    arrays: dict[str, Array]
    files: dict[
        Annotated[str, Field(pattern=rf"^(model\.safetensors|{GRAPH}\.onnx)$")],
        Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")],
    ]
    checksum: str


@dataclass(frozen=True)
class Model:
    """What a model folder holds: description and card as JSON gives them, arrays {name: array}, graphs {name: Path}."""

    description: dict
    card: dict
    arrays: dict
    graphs: dict


def save(folder, *, description, arrays, card, graphs=None):
    """Save a model as one folder: all of it, or nothing.

    `description` is a dict of what JSON holds, `arrays` {name: array} are finite (double, single, half, int64, int32,
    int16 or bool), `card` is what model_card.Card needs, `graphs` {name: onnx.ModelProto} are those that
    onnx_export.verify has compared. An older model folder is replaced. Any other folder is refused with a ValueError,
    and so is what `load` would refuse.
    """
    folder, graphs = Path(folder), graphs or {}
    _replaceable(folder)
    with store.new_folder(folder) as new:
        _write(new, description, arrays, _card(card), graphs)
        load(new)


def load(folder):
    """Load a model folder; returns a Model. Needs neither study nor recordings.

    Raises ValueError if it is no model folder, of a newer format, damaged, or holds what its description does not
    say. A graph that is missing is left out: forces in Python need none. The file of the card may be edited.
    """
    folder = Path(folder)
    described = _described(folder)
    for name, expected in described.files.items():
        if name == ARRAYS or (folder / name).exists():
            _intact(folder, name, expected)
    if ARRAYS not in described.files:
        raise ValueError(f"A model folder says the checksum of {ARRAYS}; {folder / DESCRIPTION} does not. {TAKE_AGAIN}")
    graphs = {Path(name).stem: folder / name for name in described.files if name != ARRAYS and (folder / name).exists()}
    return Model(
        described.description,
        described.card.model_dump(),
        _read_arrays(folder / ARRAYS, described.arrays),
        graphs,
    )


def join(parts):
    """Join parts {name without /: (arrays, description)} into arrays and description for `save`; `part` inverts it."""
    arrays = {f"{name}/{key}": array for name, (held, _) in parts.items() for key, array in held.items()}
    return arrays, {"parts": {name: description for name, (_, description) in parts.items()}}


def part(model, name):
    """Take one part out of a Model whose parts were joined; returns (arrays, description).

    Raises ValueError if it has no such part.
    """
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


def _write(folder, description, arrays, card, graphs):
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    shapes = {name: {"dtype": _dtype_name(name, array), "shape": list(array.shape)} for name, array in arrays.items()}
    _finite(arrays, "Nothing was saved.")
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
        "files": {path.name: checksum(path) for path in sorted(folder.iterdir())},
    }
    (folder / DESCRIPTION).write_text(_sealed(content), encoding="utf-8")
    (folder / CARD).write_text(model_card.text(card, content, graphs), encoding="utf-8")


def _card(card):
    try:
        return Card.model_validate(card)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"A model card says {', '.join(Card.model_fields)}; found {_faults(error)}. Correct or complete it."
        ) from None


def _sealed(content):
    """Write JSON that reads back as the same, with its checksum.

    Raises ValueError if it would not: a tuple, NaN, a key that is no text.
    """
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"A model's description holds only what JSON can, and finite numbers; found {error}. Convert it."
        ) from None
    if json.loads(text) != content:
        raise ValueError(
            "A model's description must read back unchanged from JSON; this one does not. "
            "Use lists for tuples and text for keys."
        )
    return json.dumps(content | {"checksum": seal(content)}, indent=1)


def _replaceable(folder):
    """Refuse a folder that holds anything but a model."""
    if not folder.exists() and not folder.is_symlink():
        return
    refusal = f"A model is saved as a new folder, or replaces a model folder; {folder} "
    try:
        files = _described(folder).files
    except ValueError as error:
        raise ValueError(f"{refusal}is something else ({error}). Choose another name, or remove the folder.") from None
    others = sorted(path.name for path in folder.iterdir() if path.name not in {*files, DESCRIPTION, CARD})
    if folder.is_symlink() or others:
        raise ValueError(
            f"{refusal}{'is a link' if folder.is_symlink() else 'also holds ' + ', '.join(others)}. "
            "Move that elsewhere first."
        )


def _described(folder):
    """Read and check the model.json of a folder; returns a Described."""
    path = _own(folder, DESCRIPTION)
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(
            f"{DESCRIPTION} of a model is below {LARGEST_JSON:,} bytes; {path} has {path.stat().st_size:,}. "
            "It is not a model of grfkit."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{DESCRIPTION} of a model is JSON of finite numbers; {path} cannot be read: {error}. {TAKE_AGAIN}"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f'{DESCRIPTION} of a model says "format": "{FORMAT}"; {path} does not. It is not a model of grfkit.'
        )
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"This grfkit ({__version__}) reads models of format {VERSION}; {folder} is of format {version}. "
            "Install a newer grfkit."
        )
    try:
        found = Described.model_validate(content)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"{DESCRIPTION} of a model says {', '.join(Described.model_fields)}; {path} breaks that: {_faults(error)}. "
            + TAKE_AGAIN
        ) from None
    if found.checksum != seal(content):
        raise ValueError(
            f"{DESCRIPTION} of a model is as it was saved; {path} is not (its SHA-256 differs). {TAKE_AGAIN}"
        )
    return found


def seal(content):
    """Give the SHA-256 of the contents of model.json without the checksum, whatever its layout."""
    return hashlib.sha256(
        json.dumps({key: value for key, value in content.items() if key != "checksum"}, sort_keys=True).encode()
    ).hexdigest()


def _number(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def _faults(error):
    """Say the first rules that a pydantic.ValidationError found broken; a hostile key is cut short."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))[:80]}: {item['msg'][0].lower()}{item['msg'][1:]}"
        for item in error.errors()[:5]
    )


def _own(folder, name):
    """Give the path of a file of a model folder, where it is there and a file in the folder itself."""
    path = folder / name
    if path.is_symlink():
        raise ValueError(
            f"A model folder holds its own files; {path} is a link to elsewhere. Copy the file itself into the folder."
        )
    if not path.is_file():
        raise ValueError(f"A model folder holds {DESCRIPTION} and {ARRAYS}; {path} is not there. {TAKE_AGAIN}")
    return path


def _intact(folder, name, expected):
    """Compare a file with the checksum that the description says."""
    if checksum(_own(folder, name)) != expected:
        raise ValueError(
            f"A model's files are as they were saved; {folder / name} is not (its SHA-256 differs). {TAKE_AGAIN}"
        )


def checksum(path):
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_arrays(path, expected):
    """Read the arrays; their names, types and shapes are compared with the description before any number is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 it is no dict
            found = {name: (part.get_dtype(), list(part.get_shape())) for name, part in slices.items()}
            said = {name: (array.dtype, array.shape) for name, array in expected.items()}
            for name in sorted({*said, *found}):
                if said.get(name) != found.get(name):
                    raise ValueError(
                        f"The arrays of a model are those that its description names; of {name!r} {path} has "
                        f"{found.get(name)} where the description says {said.get(name)}. {TAKE_AGAIN}"
                    )
            arrays = {name: file.get_tensor(name) for name in slices}
    except SafetensorError as error:
        raise ValueError(
            f"{ARRAYS} is a safetensors file; {path} is none, or is damaged ({error}). {TAKE_AGAIN}"
        ) from None
    _finite(arrays, TAKE_AGAIN)
    return arrays


def _finite(arrays, then):
    """Check that no array holds NaN or infinity; `then` says what to do."""
    for name, array in arrays.items():
        wrong = np.count_nonzero(~np.isfinite(array))
        if wrong:
            raise ValueError(f"The arrays of a model are finite; {name!r} holds {wrong:,} values that are not. {then}")


def _dtype_name(name, array):
    """Give what a safetensors file calls the type of an array (`name` is for the message)."""
    for called, dtype in DTYPES.items():
        if array.dtype == dtype:
            return called
    raise ValueError(
        f"Arrays of a model are {', '.join(np.dtype(dtype).name for dtype in DTYPES.values())}; "
        f"{name!r} is {array.dtype}. Convert it; text belongs in the description."
    )

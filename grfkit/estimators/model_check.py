"""What is checked before anything in a model folder is believed: its description, checksums, arrays. Only numbers and text are read.

Every function raises ValueError where a folder breaks a rule.
"""

import hashlib
import json
import math
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import Field

from grfkit import __version__
from grfkit.estimators.model_card import Card
from grfkit.study.schema import NotNegative, Section

FORMAT, VERSION = "grfkit model", 1
DESCRIPTION, ARRAYS, CARD = "model.json", "model.safetensors", "card.md"
LARGEST_JSON = 10_000_000  # bytes: our choice; the arrays are not in there, and a description is some thousand
GRAPH = "[A-Za-z0-9_-]+"
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}


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


def described(folder):
    """Read and check the model.json of a folder; returns a Described."""
    path = own(folder, DESCRIPTION)
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(
            f"{DESCRIPTION} of a model is below {LARGEST_JSON:,} bytes; {path} has {path.stat().st_size:,}. It is none of ours."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{DESCRIPTION} of a model is JSON of finite numbers; {path} cannot be read: {error}. "
            "Take the folder from its source again."
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f'{DESCRIPTION} of a model says "format": "{FORMAT}"; {path} does not. It is none of ours.')
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"This grfkit ({__version__}) reads models of format {VERSION}; {folder} is of format {version}. Install a newer grfkit."
        )
    try:
        found = Described.model_validate(content)
    except pydantic.ValidationError as error:
        raise ValueError(
            f"{DESCRIPTION} of a model says {', '.join(Described.model_fields)}; {path} breaks that: {faults(error)}. "
            "Take the folder from its source again."
        ) from None
    if found.checksum != seal(content):
        raise ValueError(
            f"{DESCRIPTION} of a model is as it was saved; {path} is not (its SHA-256 differs). Take the folder from its source again."
        )
    return found


def seal(content):
    """Give the SHA-256 of what model.json holds, but for its own, however it is laid out."""
    return hashlib.sha256(
        json.dumps({key: value for key, value in content.items() if key != "checksum"}, sort_keys=True).encode()
    ).hexdigest()


def _number(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def faults(error):
    """Say the first rules that a pydantic.ValidationError found broken; a hostile key is cut short."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))[:80]}: {item['msg'][0].lower()}{item['msg'][1:]}"
        for item in error.errors()[:5]
    )


def own(folder, name):
    """Give the path of a file of a model folder, where it is there and a file in the folder itself."""
    path = folder / name
    if path.is_symlink():
        raise ValueError(
            f"A model folder holds its own files; {path} is a link to elsewhere. Copy the file itself into the folder."
        )
    if not path.is_file():
        raise ValueError(
            f"A model folder holds {DESCRIPTION} and {ARRAYS}; {path} is not there. Take the folder from its source again."
        )
    return path


def intact(folder, name, expected):
    """Compare a file with the checksum that the description says."""
    if checksum(own(folder, name)) != expected:
        raise ValueError(
            f"A model's files are as they were saved; {folder / name} is not (its SHA-256 differs). "
            "Take the folder from its source again."
        )


def checksum(path):
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_arrays(path, expected):
    """Read the arrays; their names, types and shapes are compared with the description before any number is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 it is no dict
            found = {name: (part.get_dtype(), list(part.get_shape())) for name, part in slices.items()}
            asked = {name: (array.dtype, array.shape) for name, array in expected.items()}
            for name in sorted({*asked, *found}):
                if asked.get(name) != found.get(name):
                    raise ValueError(
                        f"The arrays of a model are those that its description names; of {name!r} {path} has {found.get(name)} "
                        f"where the description says {asked.get(name)}. Take the folder from its source again."
                    )
            arrays = {name: file.get_tensor(name) for name in slices}
    except SafetensorError as error:
        raise ValueError(
            f"{ARRAYS} is a safetensors file; {path} is none, or is damaged ({error}). Take the folder from its source again."
        ) from None
    finite(arrays, "Take the folder from its source again.")
    return arrays


def finite(arrays, then):
    """Check that no array holds NaN or infinity; `then` says what to do."""
    for name, array in arrays.items():
        wrong = np.count_nonzero(~np.isfinite(array))
        if wrong:
            raise ValueError(f"The arrays of a model are finite; {name!r} holds {wrong:,} values that are not. {then}")


def dtype_name(name, array):
    """Give what a safetensors file calls the type of an array (`name` is for the message)."""
    for known, dtype in DTYPES.items():
        if array.dtype == dtype:
            return known
    raise ValueError(
        f"Arrays of a model are {', '.join(np.dtype(dtype).name for dtype in DTYPES.values())}; "
        f"{name!r} is {array.dtype}. Convert it; text belongs in the description."
    )

"""What one notebook leaves for the next: results/NN_name/ with tables, figures and the model.

Everything is written under a temporary name and renamed, so that nobody reads half a file.
"""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import yaml

TEXT_COLUMNS = ("file", "runner", "side", "shoe", "lap", "trial", "split", "reason")  # "002" is a name, not a number


def path(results, name):
    """Give the path of a result such as "01_preprocess/stances.csv"; raises ValueError where it is not there yet."""
    found = Path(results) / name
    if not found.is_file():
        raise ValueError(
            f"A notebook reads what the ones before it saved; {name} is not in {Path(results).name}/. "
            f"Run {name.split('/')[0]} first, or `make reproduce`."
        )
    return found


def read(results, name, *, columns=None, filters=None):
    """Read a table (.csv, .parquet) or settings (.yaml, .json) that an earlier notebook saved.

    Of a .parquet `columns` and the rows that `filters` [(column, "==", value)] name may be read alone.
    """
    found = path(results, name)
    match found.suffix:
        case ".parquet":
            return pd.read_parquet(found, columns=columns, filters=filters)
        case ".csv":
            columns = pd.read_csv(found, nrows=0).columns
            text = [column for column in columns if column in TEXT_COLUMNS]  # "NA" may be a runner's initials
            return pd.read_csv(
                found,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={column: [""] for column in columns if column not in text},
            )
        case ".yaml":
            return yaml.safe_load(found.read_text(encoding="utf-8"))
        case ".json":
            return json.loads(found.read_text(encoding="utf-8"))
    raise ValueError(f"A result is .csv, .parquet, .yaml or .json; found {name}.")


def save(results, name, content):
    """Save a table (.csv, .parquet), settings (.yaml, .json), a figure (.png, .svg) or weights (.safetensors)."""
    target, temporary = _names(results, name)
    match target.suffix:
        case ".parquet":
            content.to_parquet(temporary, index=False)
        case ".csv":
            content.to_csv(temporary, index=False, lineterminator="\n")
        case ".yaml":
            temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        case ".json":
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        case ".png" | ".svg":
            content.savefig(
                temporary, dpi=200, bbox_inches="tight", metadata={"Date": None} if target.suffix == ".svg" else None
            )
        case ".safetensors":
            weights(temporary, content)
        case other:
            raise ValueError(f"A result is .csv, .parquet, .yaml, .json, .png, .svg or .safetensors; found {other!r}.")
    os.replace(temporary, target)


def write_text(path, text):
    """Write a text file under a temporary name, then rename it: nobody reads half of it. Returns its path."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # two processes may be at it
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


@contextmanager
def new_folder(target):
    """Yield a new folder to write to, which takes the place of `target` where the block ends without an error: all of it, or nothing."""
    target = Path(target).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"~{target.name}-", dir=target.parent) as aside:
        new, old = Path(aside) / "new", Path(aside) / "old"
        new.mkdir()  # not the temporary folder itself, which nobody else may read
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise


def weights(path, arrays):
    """Write arrays {name: array} as .safetensors, for whoever may read what else is written here: safetensors 0.8 lets its owner alone."""
    from safetensors.numpy import save_file

    path.touch()
    mode = path.stat().st_mode
    save_file(
        {name: np.asarray(array, order="C") for name, array in arrays.items()}, path
    )  # it writes memory as it lies
    path.chmod(mode)


@contextmanager
def growing(results, name):
    """Give a function that adds rows to a .parquet: a table (N, columns) each time, which becomes a row group and is then forgotten.

    The file is there when the block ends, and is as it was before where it raises.
    """
    target, temporary = _names(results, name)
    writer = None

    def append(table):
        nonlocal writer
        rows = pyarrow.Table.from_pandas(table, preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(
            temporary, rows.schema, use_dictionary=False
        )  # measured values hardly repeat
        writer.write_table(rows)

    try:
        yield append
        writer.close()
        os.replace(temporary, target)
    finally:
        if writer:
            writer.close()
        temporary.unlink(missing_ok=True)


def _names(results, name):
    """Make the folder of a result; returns its path and the name under which it is written until it is whole."""
    target = Path(results) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, target.with_name(f"~{target.name}")

"""What one notebook leaves for the next: results/NN_name/ with tables, figures and the model.

In: tables, settings, figures, weights or text. Out: complete files. Every file is written under a temporary name and
then renamed, so that nobody reads half of one.

If you run a notebook by hand (Run All), its results go to reports/by_hand/STUDY/results; the published ones, in
reports/STUDY/results, stay as `make` left them. It reads what you saved by hand with earlier notebooks, and the
published results of all others. Results that do not fit together are refused.
"""

import errno
import glob
import json
import os
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from grfkit.study import by_hand
from grfkit.study.by_hand import find

TURNS = 20  # tries to put a folder in place while others do the same: our choice
LEFT_S = 86_400  # a temporary folder older than this is from a run that was killed: our choice
TEXT_COLUMNS = ("file", "runner", "side", "shoe", "lap", "trial", "split", "reason")  # "002" is a name, not a number


def path(results, name):
    """Return the path of a result such as "01_preprocess/stances.csv".

    Among results by hand, it is the published one if that notebook was not run by hand; a printed line tells which.
    Raises ValueError if there is none yet, or if it does not fit the results by hand.
    """
    notebook, found = name.split("/")[0], find(results, name)
    if not found.is_file():
        instead = f", or delete {found.parent.as_posix()} to read the published results"
        raise ValueError(
            f"A notebook reads what earlier notebooks saved; {name} is not in {found.parents[1].as_posix()}/. "
            f"Run {notebook} first, or `make reproduce`{instead if by_hand.is_by_hand(found.parents[1]) else ''}."
        )
    if by_hand.is_by_hand(results):
        by_hand.check(results, name)
    if by_hand.is_by_hand(found.parents[1]):
        by_hand.say(found)
    return found


def read(results, name, *, columns=None, filters=None):
    """Read a table (.csv, .parquet) or settings (.yaml, .json) that an earlier notebook saved.

    `columns` and `filters` [(column, "==", value)] choose columns and rows of a .parquet.
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
    with replacing(Path(results) / name) as temporary:
        match temporary.suffix:
            case ".parquet":
                content.to_parquet(temporary, index=False)
            case ".csv":
                content.to_csv(temporary, index=False, lineterminator="\n")
            case ".yaml":
                temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
            case ".json":
                temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
            case ".png" | ".svg" as kind:
                no_date = {"Date": None} if kind == ".svg" else None
                content.savefig(temporary, dpi=200, bbox_inches="tight", metadata=no_date)
            case ".safetensors":
                weights(temporary, content)
            case other:
                raise ValueError(
                    f"A result is .csv, .parquet, .yaml, .json, .png, .svg or .safetensors; found {other!r}."
                )
    if by_hand.is_by_hand(results):
        by_hand.note(results, name)


def write_text(path, text):
    """Write a text file -> its path. Several processes may write the same file at the same time."""
    with replacing(path, by=f"{os.getpid()}-") as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path


@contextmanager
def growing(results, name):
    """Yield a function that appends rows to a new .parquet: each call writes a table (N, columns) as one row group.

    No table stays in memory. The file appears when the block ends; if the block raises, an older file stays as it was.
    """
    import pyarrow.parquet

    with replacing(Path(results) / name) as temporary, ExitStack() as stack:
        writer = None

        def append(table):
            nonlocal writer
            rows = pyarrow.Table.from_pandas(table, preserve_index=False)
            if writer is None:  # no dictionaries, because measured values hardly repeat
                new = pyarrow.parquet.ParquetWriter(temporary, rows.schema, use_dictionary=False)
                writer = stack.enter_context(new)
            writer.write_table(rows)

        yield append
    if by_hand.is_by_hand(results):
        by_hand.note(results, name)


@contextmanager
def replacing(target, *, by=""):
    """Yield a temporary path. The file written there replaces `target` if the block ends without an error.

    `by` names the writer if there may be several.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"~{by}{target.name}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(target):
    """Yield a new folder. It replaces `target` if the block ends without an error; else `target` stays as it was.

    If several processes write to `target` at once, each writes its own folder, and the last one stays.
    """
    target = Path(target).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear_away(target)
    with tempfile.TemporaryDirectory(prefix=f"~{target.name}-", dir=target.parent) as aside:
        new = Path(aside) / "new"
        new.mkdir()  # not the temporary folder itself, which nobody else may read
        yield new
        for turn in range(TURNS):
            try:
                _put(new, target, Path(aside) / f"old{turn}")
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or turn == TURNS - 1:
                    raise


def _put(new, target, old):
    """Rename a folder to `target`, and an existing one to `old`; undo this if it fails."""
    with suppress(FileNotFoundError):
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        with suppress(OSError):  # there was none, or another process has put one there
            old.rename(target)
        raise


def _clear_away(target):
    """Remove the temporary folders of runs that were killed long ago; keep one that holds the folder's old content."""
    for left in target.parent.glob(f"~{glob.escape(target.name)}-????????"):
        with suppress(OSError):  # another process removes it
            if time.time() - left.stat().st_mtime > LEFT_S and [each.name for each in left.iterdir()] == ["new"]:
                shutil.rmtree(left)


def weights(path, arrays):
    """Write arrays {name: array} as .safetensors, readable for everyone who may read the folder's other files."""
    from safetensors.numpy import save_file

    path.touch()
    mode = path.stat().st_mode  # safetensors 0.8 makes files that only their owner may read
    in_order = {name: np.asarray(array, order="C") for name, array in arrays.items()}  # it writes memory as it lies
    save_file(in_order, path)
    path.chmod(mode)

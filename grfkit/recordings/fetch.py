"""Download the public recordings of a study.

In: the study file, whose section `fetch` names a server. Out: files of the published checksums in a folder.

    grfkit fetch --study params/rbds.yaml --out recordings/rbds

pooch writes each file under a temporary name and renames it once its checksum fits. So a file under its own name is
complete, even if the connection broke or two downloads ran at once. Files that are there are not downloaded again.
"""

import contextlib
import csv
import os
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

import pooch
import requests
from tqdm import tqdm
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from grfkit.study import file as study_file
from grfkit.study.schema import StudyError

AT_A_TIME, RETRIES = 4, 2  # our choice: quick, and no burden for a small server
TIMEOUT_S = (10, 20)  # to connect, to wait for the next piece; our choice
INDENTED = {"initial_indent": "  ", "subsequent_indent": "    ", "break_on_hyphens": False, "break_long_words": False}
UNREACHABLE = "the server cannot be reached"


class Refused(Exception):
    """An answer of the server that would be the same again; the message says what it is."""


def read_sums(path):
    """Read a list of checksums as sha256sum writes it: {file: SHA-256}. Raises StudyError for any other line."""
    path, sums = Path(path), {}
    if not path.is_file():
        raise StudyError(
            f"fetch.sums names a list of checksums next to the study file; {path} does not exist. "
            "Make it with: sha256sum FILES > LIST."
        )
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if not found:
            raise StudyError(
                f"A list of checksums holds lines `SHA-256  name`; {path} holds {line[:100]!r}. Correct it."
            )
        sums[_inside(found[2])] = found[1].lower()
    return sums


def fetch_study(path, folder, *, server=""):
    """Download what the section `fetch` of the study file at `path` names; `server` replaces its own server if given.

    Returns the number of files. Raises StudyError if the study has no such section, and OSError, which names the
    files, if some failed.
    """
    plan, path = _plan(path), Path(path)
    url, sums = server or plan["url"], read_sums(path.parent / plan["sums"])
    failed, total = fetch(sums, url=url, folder=folder, tables=plan["tables"]), len(sums | plan["tables"])
    if failed:
        study = path.stem if path.parent == Path("params") else path.as_posix()
        raise OSError(_explain(failed, total=total, url=url, folder=folder, study=study))
    return total


def fetch(sums, *, url, folder, tables=None):
    """Download files into `folder`, a few at a time, except those already there; return {name: why it failed}.

    `sums` is {name: SHA-256}. `tables` is {name: columns} of CSV files without a published checksum, which are checked
    by their columns (our choice). One failed file does not stop the others; a server that cannot be reached does.
    """
    folder, tables = Path(folder), {_inside(name): columns for name, columns in (tables or {}).items()}
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"The address of a server starts with http:// or https://; found {url}. Correct it.")
    registry = dict.fromkeys(tables) | sums
    parents = {above for name in registry for above in (folder / name).parents}
    new = sorted((above for above in parents if not above.exists()), reverse=True)
    for name in registry:  # done here, because pooch fails if two downloads make the same folder
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    addresses = {name: f"{url.rstrip('/')}/{quote(name)}" for name in registry}
    pooch.get_logger().setLevel("ERROR")  # it would announce every file with its whole address
    store = pooch.create(
        path=folder.resolve(), base_url=url, registry=registry, urls=addresses, retry_if_failed=RETRIES
    )
    halt = []  # why no further file is asked for

    def fetch_file(name):
        try:
            store.fetch(name, downloader=lambda address, file, _: _download(address, file, tables.get(name), halt))
            if name in tables and not _is_table(folder / name, tables[name]):
                return f"the file there lacks columns ({', '.join(tables[name])}) or is cut off: delete it"
            return None
        except (requests.RequestException, Refused, ValueError, OSError) as error:
            return _why(error, halt)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            running = {pool.submit(fetch_file, name): name for name in registry}
            done = tqdm(as_completed(running), total=len(running), desc="fetch", unit=" files", disable=None)
            failed = {running[future]: future.result() for future in done}
        except KeyboardInterrupt:
            halt.append("interrupted")
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if all(failed.values()):
        for above in new:  # the deepest first; nothing arrived, so nothing is left behind
            with contextlib.suppress(OSError):
                above.rmdir()
    return {name: failed[name] for name in registry if failed[name]}


def _inside(name):
    """Return the name if it stays inside a folder on every system, else raise StudyError."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or re.search(r"[\\:]", name):
        raise StudyError(
            f"The name of a file to download is a path inside the folder, with forward slashes; found {name!r}. "
            "Correct it."
        )
    return name


def _download(address, file, columns, halt):
    """Download an address into a file, piece by piece; a table without its columns is refused."""
    if halt:
        raise Refused(halt[0])
    with requests.get(address, stream=True, timeout=TIMEOUT_S) as answer:
        status = answer.status_code
        if 400 <= status < 500 and status not in (408, 429):  # these two pass with time
            raise Refused("the server does not have it (404)" if status == 404 else f"the server refuses it ({status})")
        answer.raise_for_status()
        with open(file, "wb") as out:
            for piece in answer.iter_content(2**16):
                if halt:
                    raise Refused(halt[0])
                out.write(piece)
    if columns and not _is_table(file, columns):
        raise Refused(f"the server's file is not a table with the columns {', '.join(columns)}")
    with contextlib.suppress(OSError):  # not every file system knows modes
        os.chmod(file, 0o644)  # only its owner may read a temporary file, but a class shares a folder


def _is_table(path, columns):
    """Tell whether a CSV file has these columns, and each row a value in every column."""
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            header, *rows = csv.reader(file)
        except (ValueError, csv.Error):
            return False
    return set(columns) <= set(header) and all(len(row) == len(header) for row in rows if row)


def _why(error, halt):
    """Say in a few words why a file failed; if the server cannot be reached, note in `halt` to stop asking."""
    if isinstance(error, Refused):
        return str(error)
    cause = error.args[0] if error.args else None
    if isinstance(error, requests.Timeout) or isinstance(cause, MaxRetryError | ReadTimeoutError):
        halt.append(f"{UNREACHABLE} ({type(getattr(cause, 'reason', cause)).__name__})")
        return halt[0]
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "the connection broke"
    if isinstance(error, OSError):
        return f"it cannot be written: {error.strerror or error}"
    return "the server's file is not the published one (its checksum differs)"


def _explain(failed, *, total, url, folder, study):
    """Say which files failed, why, and what to do."""
    reasons = {}
    for name, why in failed.items():
        reasons.setdefault(why, []).append(name)
    lines = [f"{len(failed)} of {total} files did not arrive from {url}:"]
    for why, names in reasons.items():
        if why.startswith(UNREACHABLE):  # the names would say nothing
            lines.append(f"  {why}: {len(names)} file(s)")
        else:
            lines += textwrap.wrap(f"{why}: {', '.join(names)}", 120, **INDENTED)
    lines.append("Run the command again: it fetches only these files. FROM=URL names another server.")
    if len(failed) < total:
        lines.append(f"To go on without them: make reproduce STUDY={study} DATA={folder.as_posix()}")
    return "\n".join(lines)


def _plan(path):
    """Return a study's section `fetch`; raises StudyError that says which studies have one."""
    study = study_file.load(path)
    if study.fetch is None:
        others = sorted(
            p.stem
            for p in Path(path).parent.glob("*.yaml")
            if re.search("^fetch:", p.read_text(encoding="utf-8"), re.M)
        )
        instead = (
            "Its recordings are virtual: `make reproduce` makes them"
            if study.laboratory
            else "Give your own recordings with DATA=DIR"
        )
        raise StudyError(
            f"Only a study with a section `fetch` can be fetched; {path} has none. {instead}. "
            f"Studies with one: {', '.join(others) or 'none'}."
        )
    return study.fetch

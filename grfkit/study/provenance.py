"""What a result depends on: the program's own source, the raw recordings, seed, study file, commit, versions.

In: a folder of recordings, a Study. Out: hashes, and a record of facts. What is kept between runs has `hash_code` in
its name, so that a changed program does not reuse it.
"""

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]  # the one place that says where the package lies
ROOT = PACKAGE.parent  # the project: params/, notebooks/, course/, reports/
RECORDINGS = (".c3d", ".trc", ".mot", ".sto")  # by the suffixes of their files
PACKAGES = """grfkit numpy scipy pandas scikit-learn statsmodels torch optuna spm1d ezc3d matplotlib papermill
nbconvert""".split()


def hash_code(*parts, package=PACKAGE):
    """Return the SHA-256 over the source of the whole package, or of some `parts` of it ("estimators", "model.py").

    A part is a module, or a room with all modules in it. Sources are read as text, because line ends differ between
    systems. Raises ValueError if a part does not exist, so that no moved module is forgotten.
    """
    sources = {
        path.relative_to(package).as_posix(): path for part in parts or [""] for path in _sources(package / part)
    }
    total = hashlib.sha256()
    for name, path in sorted(sources.items()):
        total.update(f"{name}\0{path.read_text(encoding='utf-8')}\0".encode())
    return total.hexdigest()


def _sources(part):
    """List the modules of a room, or the one module."""
    found = list(part.rglob("*.py")) if part.is_dir() else [part] * part.is_file()
    if not found:
        raise ValueError(
            f"A fingerprint covers rooms or modules of the package; {part.name} is none. Correct its name in the code."
        )
    return found


def hash_data(folder, *tables):
    """Return the SHA-256 over names and contents of a folder's recordings, its tables and further `tables` (paths).

    Returns None if the folder has neither recordings nor tables.
    """
    total, files = hashlib.sha256(), _data_files(folder, tables)
    for name, path in files:
        with path.open("rb") as file:
            total.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest() if {path for _, path in files} - set(tables) else None


def stamp_data(folder, *tables):
    """Return the SHA-256 over names, sizes and times of the files of `hash_data`: if it is the same, so are the files.

    One of the times is that of the last change of the file's entry, which users do not set (on Windows: of creation).
    """
    total = hashlib.sha256()
    for name, path in _data_files(folder, tables):
        about = path.stat()
        total.update(f"{name}\0{about.st_size}\0{about.st_mtime_ns}\0{about.st_ctime_ns}\n".encode())
    return total.hexdigest()


def _data_files(folder, tables):
    """List (name, path) of a folder's recordings, its tables and further `tables` that are there, sorted."""
    files = [path for path in folder.rglob("*") if path.suffix.lower() in RECORDINGS] + list(folder.glob("*.csv"))
    named = [(path.relative_to(folder).as_posix(), path) for path in files]
    return sorted(named + [(path.name, path) for path in tables if path.is_file()])


def describe(study, *, root):
    """Return what a Study's result depends on besides the data: seed, study file, commit of `root`, versions."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            pass
    return {
        "seed": study.seed,
        "study_file": Path(study.path).name,
        "study_sha256": study.sha256,
        "simulated": bool(study.laboratory),
        "commit": _commit(root),
        "versions": versions,
    }


def _commit(root):
    """Name the commit of `root`, `+changes` if tracked files differ from it, `unknown` outside a git repository."""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

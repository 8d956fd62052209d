"""The package as others install it: what goes into sdist and wheel, and an estimate in a fresh environment, in a folder
outside of the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from helpers import ROOT
from only_base import plain

pytestmark = pytest.mark.slow
VERSIONS = [(3, 11), (3, 12), (3, 13), (3, 14)]
MOST_WHEEL_MB, MOST_ENVIRONMENT_MB = 10, 500  # what was promised
NOT_IN_BASE = {"torch", "jupyterlab", "notebook", "dask", "optuna", "seaborn", "pyarrow", "scikit-learn", "spm1d"}
SOURCES = {
    "LICENSE",
    "MANIFEST.in",
    "NOTICE",
    "PKG-INFO",
    "README.md",
    "grfkit",
    "grfkit.egg-info",
    "pyproject.toml",
    "setup.cfg",
}


def pythons():
    """Find Pythons that make environments: {(3, 11): path}; those of pyenv too, whose commands may lead nowhere."""
    places = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in VERSIONS:
        name = "python{}.{}".format(*version)
        paths = [shutil.which(name), sys.executable, *sorted(places.glob(f"*/bin/{name}"))]
        code = f"import ensurepip, sys; sys.exit(sys.version_info[:2] != {version})"
        for path in filter(None, paths):
            if subprocess.run([path, "-c", code], capture_output=True).returncode == 0:
                found.setdefault(version, path)
    return found


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment():
    """Give the variables of this process without those by which Python would find the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the checkout, in which the study has been run."""
    folder = tmp_path_factory.mktemp("clone") / "grfkit"
    for name in ("grfkit", "tests", "params", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("LICENSE", "MANIFEST.in", "NOTICE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("reports/virtual/index.html", "recordings/rbds/RBDS001runT25markers.c3d", "build/old.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("made by a run", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built(project):
    """The sdist and the wheel of the checkout."""
    pytest.importorskip("build", reason="the package is built by `python -m build`")
    run([sys.executable, "-m", "build", "--outdir", project / "dist", project], project.parent)
    return next((project / "dist").glob("*.tar.gz")), next((project / "dist").glob("*.whl"))


def test_wheel_holds_the_library_with_its_model_and_example_and_nothing_else(project, built):
    library = {path.relative_to(project).as_posix() for path in (project / "grfkit").rglob("*") if path.is_file()}
    names = set(zipfile.ZipFile(built[1]).namelist())
    assert {name for name in names if ".dist-info/" not in name} == library
    assert {"grfkit/field/shipped/model.json", "grfkit/example/run.c3d"} <= library
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names if "/licenses/" in name}
    assert built[1].stat().st_size < MOST_WHEEL_MB * 1e6
    with tarfile.open(built[0]) as sdist:
        within = {Path(name).parts[1:] for name in sdist.getnames()}
    assert {parts[0] for parts in within if parts} == SOURCES
    assert library <= {"/".join(parts) for parts in within}


@pytest.mark.parametrize("which", [0, -1], ids=["oldest", "newest"])
def test_wheel_estimates_the_example_in_a_fresh_environment(built, which, tmp_path, capsys):
    version, python = sorted(pythons().items())[which]
    run([python, "-m", "venv", tmp_path / "fresh"], tmp_path)
    commands = tmp_path / "fresh" / ("Scripts" if sys.platform == "win32" else "bin")
    begun = time.perf_counter()
    run([commands / "python", "-m", "pip", "install", "--quiet", built[1]], tmp_path)
    took_s, size_mb = time.perf_counter() - begun, size(tmp_path / "fresh") / 1e6
    with capsys.disabled():
        print(f"\nPython {version[0]}.{version[1]}: base installed in {took_s:.0f} s, {size_mb:.0f} MB", end=" ")
    installed = run([commands / "python", "-m", "pip", "list", "--format=json"], tmp_path)
    names = {plain(each["name"]) for each in json.loads(installed)}
    assert not names & NOT_IN_BASE and size_mb < MOST_ENVIRONMENT_MB

    away = tmp_path / "away"
    away.mkdir()
    assert "estimate" in run([commands / "grfkit", "--help"], away)
    run([commands / "grfkit", "example"], away)
    page = run([commands / "grfkit", "estimate", "example/run.c3d", "--mass", "68"], away).split()[-1]
    assert (away / page).is_file()
    steps = pd.read_csv((away / page).with_name("steps.csv"))
    assert len(steps) > 20 and steps["active_peak_n"].between(1000, 3000).all()
    said = subprocess.run(
        [commands / "grfkit", "course", "--index"], cwd=away, capture_output=True, text=True, env=environment()
    )
    assert said.returncode == 1 and 'pip install ".[course]"' in said.stderr


def size(folder):
    """Add up the bytes of all files of a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())

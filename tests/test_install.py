"""The environment: `install.py` without packages; what pyproject.toml asks for, what is imported, what is locked."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from helpers import ROOT
from only_base import PROJECT, brought, plain

EXTRAS = PROJECT["optional-dependencies"]
ASKED = {plain(each) for part in (PROJECT["dependencies"], *EXTRAS.values()) for each in part} - {"grfkit"}
CALLED = {  # what nothing imports, and why it is asked for
    "jupyterlab": "make lab",
    "nbgrader": "the lecturer's commands; its checks are found in the notebooks",
    "psycopg": "SQLAlchemy loads it for a shared search",
    "pytest-xdist": "make test",
    "ruff": "make lint",
    "setuptools": "it builds the package",
    "voila": "the page of notebooks/estimate.ipynb",
    "build": "tests/whole/test_wheel.py",
}


def imported(*places):
    """Name the modules that files import anywhere in them, without their submodules."""
    texts = [path.read_text(encoding="utf-8") for place in places for path in place.rglob("*.py")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.split(".")[0] for name in names}


@pytest.fixture(scope="module")
def owners():
    """Which packages bring a module: {module: {package}}."""
    return {module: {plain(name) for name in names} for module, names in metadata.packages_distributions().items()}


def test_every_dependency_is_used(owners):
    cells = " ".join(path.read_text(encoding="utf-8") for path in ROOT.glob("notebooks/*.ipynb"))
    used = imported(ROOT / "grfkit", ROOT / "tests") | set(re.findall(r'"(?:import|from) (\w+)', cells))
    assert ASKED - set(CALLED) <= {name for module in used for name in owners.get(module, ())}
    assert set(CALLED) <= ASKED


def test_whatever_the_library_imports_is_asked_for_or_comes_with_that(owners):
    there = brought(ASKED)
    ours = imported(ROOT / "grfkit") - set(sys.stdlib_module_names) - {"grfkit"}
    assert not [module for module in sorted(ours) if not owners[module] & there]


def test_lock_holds_what_is_asked_for_and_names_no_server():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert ASKED <= {plain(line) for line in lines}
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line) for line in lines) and "://" not in text


def test_an_environment_that_was_begun_by_hand_is_completed(tmp_path, monkeypatch):
    """README: who has no GPU makes .venv and installs PyTorch's CPU build in it first."""
    spec = spec_from_file_location("install", ROOT / "install.py")
    install = module_from_spec(spec)
    spec.loader.exec_module(install)
    environment = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    kept = environment / "torch_is_here"
    kept.touch()
    asked = []
    monkeypatch.setattr(install, "ENVIRONMENT", environment)
    monkeypatch.setattr(install.venv.EnvBuilder, "_setup_pip", lambda *_: asked.append("pip"))
    monkeypatch.setattr(install.subprocess, "run", lambda command, **_: asked.append(command[1:3]))

    assert install.main() == 0
    assert asked == ["pip", ["-m", "pip"], ["-m", "pip"], ["-m", "ipykernel"]]
    assert kept.exists() and (environment / "ready").exists()

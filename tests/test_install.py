"""The environment: `install.py`, without the packages."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def test_an_environment_that_was_begun_by_hand_is_completed(tmp_path, monkeypatch):
    """README: who has no GPU makes .venv and installs PyTorch's CPU build in it first."""
    spec = spec_from_file_location("install", Path(__file__).resolve().parents[1] / "install.py")
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

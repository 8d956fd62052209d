"""An empty project for the tests of reports."""

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, with it the current folder, as `make` has it."""
    for folder in ("notebooks", "params", "reports", "raw"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path

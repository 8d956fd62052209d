"""An estimate in closed form of a run in each of the axes that files have."""

from types import SimpleNamespace

import pytest
from exported import AXES, CONTACTS, recording, tables


@pytest.fixture(params=[(axes, belt) for axes in AXES for belt in (False, True)], ids=str)
def run(request, tmp_path):
    """A run with its estimate, in each of AXES, overground and on a treadmill."""
    axes, belt = request.param
    found, points = recording(axes, belt=belt, start_s=1.25)
    steps, curves = tables(CONTACTS)
    return SimpleNamespace(
        found=found,
        points=points,
        steps=steps,
        curves=curves,
        path=tmp_path / "run",
        rotation=found.rotation,
        axes=axes,
    )

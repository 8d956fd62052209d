"""Where the origin is not on the ground, an estimate is the one of the same run on it."""

from pathlib import Path

import numpy as np
import pytest

import grfkit
from grfkit.field import motion

EXAMPLE = Path(grfkit.__file__).parent / "example" / "run.trc"
FORCES = ["est_ap", "est_ml", "est_v"]


@pytest.mark.parametrize(("shift_m", "ground_m"), [(0.0, 0.0), (0.05, 0.0), (0.5, 0.5), (-1.2, -1.2)])
def test_find_ground_is_0_where_feet_can_stand_on_it_and_else_under_them(shift_m, ground_m):
    found, notes = motion.find_ground(grfkit.read(EXAMPLE).points + [0, 0, shift_m])
    assert found == pytest.approx(ground_m, abs=0.03 if ground_m else 0) and bool(notes) == bool(ground_m)


def test_an_estimate_does_not_depend_on_where_the_origin_is():
    run, model = grfkit.read(EXAMPLE), grfkit.load_model()
    level, *moved = (
        grfkit.estimate(grfkit.from_array(run.points + [0, 0, up], 100), model=model) for up in (0.0, 0.5, -0.3)
    )
    assert not any("ground" in text for text in level.warnings)
    for other in moved:
        assert "the ground is not at 0" in " ".join(other.warnings)
        assert len(other.steps) == len(level.steps)
        # what is left is how far the example's lowest foot is from USUAL_M: some mm
        np.testing.assert_allclose(other.curves[FORCES], level.curves[FORCES], atol=0.03)


def test_lay_on_ground_leaves_points_where_the_training_was_elsewhere_too():
    points = grfkit.read(EXAMPLE).points + [0, 0, 0.5]
    trained = np.broadcast_to(points[:50], (3, 50, 11, 3))
    assert motion.lay_on_ground(points, {"positions": (trained,)})[0] is points
    moved, _ = motion.lay_on_ground(points, {"positions": (trained - [0, 0, 0.5],)})
    assert np.abs(moved - points + [0, 0, 0.5]).max() < 0.03

"""Two contacts lie on two plates, which see the part of a foot that is on them."""

import numpy as np
import pytest

from grfkit.virtual import cameras_plates


def test_place_on_plates_leaves_the_neighbours_off(simulated):
    _, motion = simulated
    placed = motion.moved(cameras_plates.place_on_plates(motion, np.random.default_rng(0)))
    loads = cameras_plates.plate_loads(placed.force, placed.cop)
    seen = (loads[..., 2] > 0).any(axis=0)
    for number, (side, touchdown, toeoff) in enumerate(placed.contacts):
        assert seen[touchdown + 1 : toeoff].all() if number in (1, 2) else not seen[touchdown : toeoff + 1].any()
        feet = placed.points[(touchdown + toeoff) // 2, [5 * side + 4, 5 * side + 5]]
        if number in (1, 2):
            assert len(set(np.floor(feet[:, 0] / cameras_plates.PLATE_LENGTH))) == 1
    assert ((loads[..., 2] > 0).any(axis=1)).sum() == 2  # two different plates


def test_plate_loads_sees_the_part_of_a_foot_on_the_plate():
    force = np.array([[[100.0, 0.0, 1000.0]] * 3])
    cop = np.array([[[0.5, 0.3, 0], [0.5, 0.6, 0], [0.5, 0.7, 0]]])
    loads = cameras_plates.plate_loads(force, cop)
    np.testing.assert_allclose(loads[0, :, 2], [1000, 500, 0], atol=1e-9)
    assert loads[0, 1, 3] / loads[0, 1, 2] == pytest.approx(0.6 - cameras_plates.FOOT_HALF_WIDTH / 2)  # Mx / Fz is y
    assert not loads[1:].any()

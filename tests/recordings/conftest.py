"""A virtual runner for tests of recordings without force plates."""

import numpy as np
import pytest
from helpers import HZ

from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style


@pytest.fixture(scope="module")
def run():
    """Simulate a virtual runner overground at 200 Hz: points (F, 11, 3) m in AP, ML, V, and the speed (m/s)."""
    rng = np.random.default_rng(4)
    runner = draw_runner(rng, "f")
    style = draw_style(runner, draw_deviates(rng), rng, lap=0)
    motion = simulate(runner, style, first_side=0, rate_hz=1000, plates=False)
    return motion.points[:: 1000 // HZ], style["speed"][0, 0]

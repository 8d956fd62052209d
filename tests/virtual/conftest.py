"""What several tests of the virtual laboratory share: a few quite different trials."""

import pytest

from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style, rng_of


@pytest.fixture(scope="package", params=range(4))
def simulated(request):
    """Runner and motion of a trial at 1000 Hz."""
    number = request.param
    runner, rng = draw_runner(rng_of(7, number), "mf"[number % 2]), rng_of(8, number)
    style = draw_style(runner, draw_deviates(rng), rng, lap=number)
    return runner, simulate(runner, style, first_side=number // 2 % 2, rate_hz=1000)

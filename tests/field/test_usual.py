"""What is usual at a speed: by closed forms, and nothing where too few runners say it."""

import json

import numpy as np
import pandas as pd
import pytest

from grfkit.field import summary, usual


def footsteps(speeds=(2.5, 3.5), runners=11):
    """Two footsteps of each runner at each speed: contact time .30 s less .02 s for each m/s, .01 s more a runner."""
    rows = [
        dict.fromkeys(summary.QUANTITIES, 1.0)
        | {"runner": f"runner {runner:02}", "speed_m_s": speed, "contact_s": 0.3 - 0.02 * speed + 0.01 * runner + more}
        for runner in range(runners)
        for speed in speeds
        for more in (-0.005, 0.005)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("speed_m_s", [2.5, 3.0, 3.2, 3.5])
def test_range_holds_the_middle_eight_tenths_of_runners_means_at_that_speed(speed_m_s):
    rows = json.loads(json.dumps(usual.learn(footsteps())))
    assert len(rows) == 22 and not any("runner 0" in str(row) for row in rows)  # no names travel
    low, high, runners = usual.at_speed(rows, speed_m_s)["contact_s"]
    middle = 0.3 - 0.02 * speed_m_s
    assert (low, high, runners) == (pytest.approx(middle + 0.01), pytest.approx(middle + 0.09), 11)


def test_nothing_is_usual_where_too_few_runners_ran_so():
    rows = usual.learn(footsteps())
    assert usual.at_speed(rows, 2.0) == {} and usual.at_speed(rows, 4.0) == {} and usual.at_speed(rows, 3.7) != {}
    assert usual.at_speed(usual.learn(footsteps(runners=usual.FEWEST_RUNNERS - 1)), 3.0) == {}
    assert usual.at_speed(None, 3.0) == {}  # a model that was saved before
    unknown = footsteps().assign(flight_s=np.nan)  # no footstep was followed by another
    found = usual.at_speed(json.loads(json.dumps(usual.learn(unknown), allow_nan=False)), 3.0)
    assert "flight_s" not in found and "contact_s" in found

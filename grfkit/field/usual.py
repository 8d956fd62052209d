"""What is usual: the range of the training runners' means at a speed, with which a new runner's estimate is compared.

In: footsteps of the training runners. Out: rows that a model folder holds (numbers that JSON can hold, no names), and
the range at a speed. Models that were saved before have no rows, and no range.
"""

import numpy as np
import pandas as pd

from grfkit.field.summary import QUANTITIES

SHARE = 0.8  # of the training runners lie in the range, as many below as above: our choice
FEWEST_RUNNERS = 8  # with fewer, no runner is in the outer tenths: our choice
NEAR_M_S = 0.25  # a runner who ran no nearer to a speed, nor slower and faster than it, is left out: our choice


def learn(footsteps):
    """Learn what is usual: a list of rows, the mean of each runner at each speed.

    `footsteps` with runner, speed_m_s and QUANTITIES. A row is the runner's number, the speed (m/s) and the quantities.
    """
    means = footsteps.groupby(["runner", "speed_m_s"])[QUANTITIES].mean().reset_index()
    numbered = means.assign(runner=pd.factorize(means["runner"])[0])
    return numbered.astype(object).where(numbered.notna(), None).to_numpy().tolist()


def at_speed(rows, speed_m_s):
    """Give the range of each quantity at a speed (m/s), and of how many runners: {quantity: (low, high, runners)}.

    A runner's value is interpolated between their own speeds. Quantities of too few runners are left out, all of them
    where there are no `rows` (None).
    """
    table = pd.DataFrame(rows or [], columns=["runner", "speed_m_s", *QUANTITIES], dtype=float)
    found = {}
    for quantity in QUANTITIES:
        values = [_value(mine, quantity, speed_m_s) for _, mine in table.dropna(subset=quantity).groupby("runner")]
        values = [value for value in values if value is not None]
        if len(values) >= FEWEST_RUNNERS:
            low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2])
            found[quantity] = (float(low), float(high), len(values))
    return found


def _value(mine, quantity, speed_m_s):
    """Interpolate a quantity of one runner, rows in order of speed; None where they ran at other speeds."""
    speeds = mine["speed_m_s"].to_numpy()
    if not speeds[0] - NEAR_M_S <= speed_m_s <= speeds[-1] + NEAR_M_S:
        return None
    return np.interp(speed_m_s, speeds, mine[quantity].to_numpy())

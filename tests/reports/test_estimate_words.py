"""What the page of an estimate says in words."""

import re

import numpy as np
from helpers import many_footsteps

from grfkit.field import summary
from grfkit.reports import estimate_words


def test_in_short_says_what_is_told_and_what_is_not():
    table = many_footsteps(90, drift=0.03, uneven=4.0)
    sides, trends = (
        summary.asymmetry(table, {"contact_s": 1.5, "vlr_bw_s": 9.0}, level=0.9),
        summary.trends(table),
    )
    means = sides.set_index("quantity")[["left", "right"]].mean(axis=1).to_dict()
    row = {"treadmill": True, "steps": 90, "speed_m_s": 3.5, "mass_kg": 70.0}
    text = " ".join(estimate_words.in_short(row, means, sides, trends)).replace("\u00a0", " ")
    assert (
        "90 steps at 3.50 m/s on a treadmill: 171 steps a minute" in text and "1,37" in text
    )  # 2 BW of 70 kg are 1,373 N
    assert re.search(r"contact time is [34]\.\d % longer on the left", text) and "contact time rises by" in text
    assert "No change over time can be told in peak load (active peak) or loading rate (VLR)." in text
    none = " ".join(
        estimate_words.in_short(
            row | {"mass_kg": np.nan}, means, sides.assign(told="none"), trends.assign(per_min=np.nan)
        )
    )
    assert "cannot be told apart" in none and "Too few steps" in none and "kg" not in none

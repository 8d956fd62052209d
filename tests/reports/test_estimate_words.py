"""What the page of an estimate says in words."""

import re

import numpy as np
from helpers import many_footsteps

from grfkit.field import summary
from grfkit.reports import estimate_words

ROW = {"treadmill": True, "steps": 90, "unlike_steps": 0, "speed_m_s": 3.5, "mass_kg": 70.0}


def said(table, limits, row=ROW, usual=None, **of_trends):
    sides, trends = summary.asymmetry(table, limits, level=0.9), summary.trends(table).assign(**of_trends)
    means = sides.set_index("quantity")[["left", "right"]].mean(axis=1).to_dict()
    return " ".join(estimate_words.in_short(row, means, sides, trends, usual or {})).replace("\u00a0", " ")


def test_in_short_says_what_is_seen_and_what_is_not():
    text = said(many_footsteps(90, drift=0.03, uneven=4.0), {"contact_s": 1.5, "vlr_bw_s": 9.0})
    assert (
        "90 steps at 3.50 m/s on a treadmill: 171 steps a minute" in text and "1,37" in text
    )  # 2 BW of 70 kg are 1,373 N
    assert re.search(r"contact time is [34]\.\d % longer on the left", text)
    assert "In what else is judged no difference is seen." in text  # of the loading rate
    assert "then both feet in the air for " in text and "The force under the foot peaks at 2.00 times" in text
    assert "No change is seen over 31 s in peak force (active peak) or loading rate (VLR)." in text
    assert not re.search("doubt|load on|told", text)
    text = said(many_footsteps(90), {"contact_s": 9.0}, ROW | {"mass_kg": np.nan}, per_min=np.nan)
    assert "No difference between left and right is seen" in text and "Too few steps" in text and "kg" not in text


def test_what_plates_measured_is_said_with_its_sign():
    times = {"touchdown_mean_ms": 4.2, "toeoff_mean_ms": -3.8, "contact_mean_ms": -8.0}
    errors = {f"{event}_rmse_ms": 9.4 for event in ("touchdown", "toeoff", "contact")}
    bands = {f"in_band_pct_{direction}": share for direction, share in (("v", 23.4), ("ap", 38.6), ("ml", 68.7))}
    row = {
        "plates": "measured 5 of 8 steps, in body weights as the plates weigh them, 75.6 kg; contacts left out: x (1)"
    }
    text = " ".join(estimate_words.beside_plates({"contact_s": 0.24} | times | errors | bands, row, 0.9))
    assert text.replace("\u00a0", " ") == (
        "Force plates measured 5 of 8 steps, in body weights as the plates weigh them, 75.6 kg. On average the "
        "estimate has touchdown 4 ms late (RMSE 9 ms) and toe-off 4 ms early (RMSE 9 ms); the plates' contact time is "
        "240 ms, the estimate's 8 ms shorter (RMSE 9 ms). Of the measured samples 23 % (up), 39 % (forward and back) "
        "and 69 % (sideways) lie in the 90 % band."
    )
    right = estimate_words.beside_plates({"contact_s": 0.24} | dict.fromkeys(times, 0.3) | errors | bands, row, 0.9)
    assert right[0].count("right (RMSE") == 3


def test_a_change_is_said_over_the_time_that_was_recorded():
    """A drift of 30 ms a minute over 89 steps of .35 s is 15.6 ms."""
    text = said(many_footsteps(90, drift=0.03), {})
    assert re.search(r"Over 31 s contact time rises by 1[56] ms\.", text) and "minute" not in text.split("Over 31 s")[1]


def test_a_change_that_rounds_to_nothing_has_a_decimal_more():
    assert [estimate_words.change_decimals(size, 0) for size in (3.2, 0.5001, 0.4)] == [0, 0, 1]


def test_changes_of_steps_that_the_model_does_not_know_are_not_judged():
    table = many_footsteps(90, drift=0.03).assign(unlike="speed 6.00 m/s")
    text = said(table, {}, ROW | {"unlike_steps": 90})
    assert "Changes over time were not judged" in text and "No change" not in text


def test_what_is_usual_stands_beside_each_number_where_it_is_known():
    text = said(many_footsteps(90), {}, usual={"contact_s": (0.209, 0.245, 22), "vlr_bw_s": (43.4, 67.7, 22)})
    assert "on the ground for 240 ms (usual: 209 to 245 ms), then" in text
    assert "at 2 body weights a second (usual: 43 to 68 BW/s)." in text and text.count("usual") == 2

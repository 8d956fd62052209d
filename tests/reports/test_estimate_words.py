"""What the page of an estimate says in words."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers import ABROAD, many_footsteps

from grfkit.field import bands, estimate, summary
from grfkit.reports import estimate_page, estimate_plates, estimate_words

ROW = {"treadmill": True, "steps": 90, "unlike_steps": 0, "speed_m_s": 3.5, "mass_kg": 70.0, "bands": bands.UNKNOWN}


def by_leg(table):
    legs = {"both": table, "left": table[table["side"] == "l"], "right": table[table["side"] == "r"]}
    return {of: part[summary.QUANTITIES].mean().to_dict() for of, part in legs.items()}


def said(table, limits, row=ROW, usual=None, plates=None, vlr="", **of_trends):
    sides, trends = summary.asymmetry(table, limits, level=0.9), summary.trends(table).assign(**of_trends)
    short = estimate_words.in_short(row, by_leg(table), sides, trends, usual or {}, plates=plates, vlr=vlr)
    return " ".join(short).replace("\u00a0", " ")


def test_in_short_says_what_is_seen_and_what_is_not():
    text = said(many_footsteps(90, drift=0.03, uneven=4.0), {"contact_s": 1.5, "vlr_bw_s": 9.0})
    assert (
        "90 steps at 3.50 m/s on a treadmill: 171 steps a minute" in text and "1,37" in text
    )  # 2 BW of 70 kg are 1,373 N
    assert re.search(r"contact time is [34]\.\d % longer on the left", text)
    assert "No other difference is seen. Sideways force was not compared. The smallest difference that can be" in text
    assert "then both feet in the air for " in text and "The force under the foot peaks at 2.00 times" in text
    assert not re.search("doubt|load on|told", text)
    text = said(many_footsteps(90), {"contact_s": 9.0}, ROW | {"mass_kg": np.nan}, per_min=np.nan)
    assert "No difference between left and right is seen in contact time: each is below" in text
    assert "can be seen. Sideways force was not compared." in text and "Too few steps" in text and "kg" not in text


def test_what_plates_measured_is_said_with_its_sign():
    times = {"touchdown_mean_ms": 4.2, "toeoff_mean_ms": -3.8, "contact_mean_ms": -8.0}
    errors = {f"{event}_rmse_ms": 9.4 for event in ("touchdown", "toeoff", "contact")}
    bands = {f"in_band_pct_{direction}": share for direction, share in (("v", 23.4), ("ap", 38.6), ("ml", 68.7))}
    row = {
        "plates": "measured 5 of 8 steps, in body weights as the plates weigh them, 75.6 kg; contacts left out: x (1)"
    }
    text = " ".join(estimate_plates.in_words({"contact_s": 0.24} | times | errors | bands, row, 0.9))
    assert text.replace("\u00a0", " ") == (
        "Force plates measured 5 of 8 steps, in body weights as the plates weigh them, 75.6 kg. On average the "
        "estimate puts touchdown 4 ms too late (a single step is off by some 9 ms) and toe-off 4 ms too early (a "
        "single step is off by some 9 ms). The plates' contact time is 240 ms, the estimate's 8 ms shorter (a single "
        "step is off by some 9 ms). A contact that is too short makes the flight after it too long. Of the measured "
        "samples 23 % (up), 39 % (forward and back) and 69 % (sideways) lie in the 90 % band."
    )
    right = estimate_plates.in_words({"contact_s": 0.24} | dict.fromkeys(times, 0.3) | errors | bands, row, 0.9)
    assert "touchdown on time (" in right[0] and "toe-off on time (" in right[0] and "estimate's the same (" in right[0]
    assert "flight" not in right[0]


def test_a_change_is_said_over_the_time_that_was_recorded():
    """A drift of 30 ms a minute over 89 steps of .35 s is 15.6 ms."""
    text = said(many_footsteps(90, drift=0.03), {})
    assert re.search(r"Over 31 s contact time rises by 1[56] ms; ", text) and "minute" not in text.split("Over 31 s")[1]


def test_every_change_that_was_found_is_said_and_how_many_lines_were_looked_at():
    table, lines = many_footsteps(90), [("step_rate_per_min", "steps"), ("braking_peak_bw", "asymmetry")]
    trends = summary.trends(table)
    trends["told"] = [pair in lines for pair in zip(trends["quantity"], trends["of"], strict=True)]
    trends["per_min"] = np.where(trends["told"], [6.0 if of == "steps" else -4.0 for of in trends["of"]], 0.001)
    text = estimate_words.in_short(ROW, by_leg(table), summary.asymmetry(table, {}, level=0.9), trends, {})[-1]
    text = text.replace("\u00a0", " ")
    assert text.startswith(
        "Over 31 s step rate rises by 3 steps/min; left minus right of braking (braking peak) falls by 2.1 percentage "
        "points. No other change is seen over 31 s in the 16 lines that were tested (table below)."
    ), text


def test_a_change_that_rounds_to_nothing_has_a_decimal_more():
    assert [estimate_words.change_decimals(0, size) for size in (3.2, 0.5001, 0.4)] == [0, 0, 1]
    assert estimate_words.change_decimals(2, 0.01, -0.0015, 0.03) == 3  # an end of the interval


def test_changes_of_steps_that_the_model_does_not_know_are_not_judged():
    table = many_footsteps(90, drift=0.03).assign(unlike="speed 6.00 m/s")
    text = said(table, {}, ROW | {"unlike_steps": 90})
    assert "Changes over time were not judged" in text and "No change" not in text


def test_what_is_usual_stands_beside_each_number_where_it_is_known():
    text = said(many_footsteps(90), {}, usual={"contact_s": (0.209, 0.245, 22), "vlr_bw_s": (43.4, 67.7, 22)})
    assert "on the ground for 240 ms, then" in text and "at 2 body weights a second." in text
    assert "By the estimate, contact time is within the usual 209 to 245 ms, loading rate is below the usual 43" in text
    assert text.count("usual") == 2 and "model's error" not in text
    text = said(many_footsteps(90), {}, ROW | {"unlike_steps": 60}, usual={"contact_s": (0.209, 0.245, 22)})
    assert (
        "245 ms. A value below or above may be the model's error: 60 of 90 steps are out of the training range" in text
    )


def test_a_leg_that_lies_elsewhere_in_what_is_usual_is_named():
    """240 ms, of which the left leg has 4 % more than the right."""
    text = said(many_footsteps(90, uneven=4.0), {}, usual={"contact_s": (0.209, 0.242, 22)})
    assert "contact time is within the usual 209 to 242 ms (left leg above)." in text
    text = said(many_footsteps(90), {}, usual={"contact_s": (0.209, 0.242, 22)})
    assert "contact time is within the usual 209 to 242 ms." in text


def test_the_place_in_what_is_usual_is_that_of_the_digits_that_are_shown():
    usual = {"contact_s": (0.20912, 0.2446, 22)}  # 209 to 245 ms
    places = {ms: estimate_words.place("contact_s", ms / 1000, usual) for ms in (208.4, 208.7, 209.1, 245.4, 245.6)}
    assert list(places.values()) == ["below", "within", "within", "within", "above"]


def test_what_plates_measured_stands_beside_the_estimate_and_has_the_place_in_what_is_usual():
    usual, table = {"contact_s": (0.208, 0.239, 22), "active_peak_bw": (2.1, 2.9, 22)}, many_footsteps(90)
    values = dict.fromkeys(summary.QUANTITIES, np.nan) | {"contact_s": 0.231, "active_peak_bw": 1.9}
    measured = dict.fromkeys(["both", "left", "right"], values) | {"steps": 85}
    text = said(table, {}, usual=usual, plates=measured)
    assert "Force plates measured 85 of these steps: contact time 231 ms, peak force 1.90 BW. By the plates, " in text
    assert "By the plates, contact time is within the usual 208 to 239 ms, peak force is below the usual 2.10" in text
    assert "on the ground for 240 ms, then" in text and "By the estimate" not in text


def test_plates_that_trained_the_model_are_said_to_be_no_test_of_it():
    row = ROW | {"plates": "measured 80 of 80 steps", "warnings": estimate.TRAINED.format(80, 80)}
    assert estimate_words.trained(row) == (80, 80) and estimate_words.trained(ROW) == (0, 0)
    assert estimate_plates._no_test(row) == [
        "The model was trained on these plates, so agreement here proves nothing about a new runner."
    ]
    assert estimate_plates._no_test(ROW) == []


def test_another_laboratory_is_not_spoken_of_where_the_recordings_trained_the_model():
    ours = {"refused": "", "warnings": f"x | {estimate.TRAINED.format(83, 84)}"}
    few, new = ours | {"warnings": estimate.TRAINED.format(3, 84)}, ours | {"warnings": ""}
    assert not estimate_page._from_elsewhere([ours, ours | {"refused": "walking", "warnings": ""}])
    assert all(estimate_page._from_elsewhere(rows) for rows in ([ours, new], [few], [new], []))


def test_newtons_of_another_mass_than_the_plates_weigh_are_said():
    row = {"plates": "measured 5 of 8 steps, in body weights as the plates weigh them, 56.8 kg (x)", "mass_kg": 58.2}
    (text,) = estimate_plates._weighed(row)
    assert "are for 58.2 kg. The plates weigh the runner at 56.8 kg, 2.4 % less" in text.replace("\u00a0", " ")
    assert "larger than on the plates by as much" in text
    assert not estimate_plates._weighed(row | {"mass_kg": 57.0}) and not estimate_plates._weighed(
        row | {"mass_kg": np.nan}
    )


def test_errors_that_plates_show_to_be_larger_stand_beside_the_band():
    off = np.repeat([0.010, -0.012], 5)
    steps = pd.DataFrame({"plate_touchdown_s": 0.0, "contact_s": 0.24 + off, "plate_contact_s": 0.24, "side": "l"})
    assert estimate_plates.larger_error(steps, "contact_s", 0.008, 0.9) == pytest.approx(0.012)
    assert np.isnan(estimate_plates.larger_error(steps, "contact_s", 0.0121, 0.9))
    assert np.isnan(estimate_plates.larger_error(steps[["contact_s"]], "contact_s", 0.008, 0.9))


def test_landing_and_loading_rate_are_one_finding_where_one_is_the_other_over_a_time():
    table = many_footsteps(90)
    right = (table["side"] == "r") * 0.6
    table = table.assign(impact_peak_bw=table["impact_peak_bw"] + right, vlr_bw_s=table["vlr_bw_s"] + right)
    limits = {"impact_peak_bw": 9.0, "vlr_bw_s": 9.0}
    once, twice = (said(table, limits, vlr=vlr) for vlr in ("touchdown_to_13", "20_to_80"))
    assert once.count("higher on the right") == 1 and "and with it the loading rate (26." in once
    assert twice.count("higher on the right") == 2 and "with it" not in twice


def test_why_left_and_right_are_not_compared_is_said_with_numbers():
    text = said(many_footsteps(8), {"contact_s": 1.5}, ROW | {"steps": 8})
    assert "not compared: too few steps: 4 left and 4 right, and 5 of each are needed." in text
    assert "Too few steps to look for a change over time: 8, and 20 are needed." in text
    table = many_footsteps(11, uneven=9.0)
    unlike = np.where(np.arange(11) < 2, "moves unlike every training runner", "")
    row = ROW | {"steps": 11, "unlike_steps": 2}
    text = said(table.assign(unlike=unlike), {"contact_s": 1.5}, row)
    assert "not compared: 2 of 11 steps are out of the training range, and at most 10 % may be." in text
    assert "longer on the" not in text


def test_the_page_says_what_a_model_is_worth_at_home_and_abroad():
    whose, of, mind = estimate_words.of_laboratory(bands.NEW, ABROAD)
    assert whose == "The bands are those of a new laboratory, which did not train the model."
    assert of == "a new laboratory"
    plain = mind.replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "was off by 0.074 BW in the laboratory that trained the model, and by 0.085 BW in 2 other laboratories.",
        "The other laboratories: five runners on a treadmill (Hamner & Delp 2013) and one runner overground (Dorn",
        "1.9 times (up), 2.0 times (forward and back) and 1.5 times (sideways) as wide",
        "what the other laboratories needed on average, plus a margin, because a few laboratories prove little",
        "On average the model gave landing 28 % too high and loading rate 34 % too high there: do not correct your "
        "numbers by this.\nThe other ",
        "name its study: --study FILE (make: STUDY=)",
    ):
        assert words in plain
    theirs = estimate_words.of_laboratory(bands.NEW, ABROAD, "ja1")[2]
    assert "Recordings of this study helped to set the bands" in theirs and "STUDY=" not in theirs
    assert "STUDY=" not in estimate_words.of_laboratory(bands.NEW, ABROAD, "mine")[2]
    whose, of, mind = estimate_words.of_laboratory(bands.WITHIN, ABROAD, "rbds")
    assert "which the study file names" in whose and of == estimate_words.HOME and "times" not in mind
    one = ABROAD._replace(laboratories=["ja1"])
    assert "The other laboratory: one runner overground" in estimate_words.of_laboratory(bands.NEW, one)[2]


def test_laboratories_are_called_as_people_would_call_them():
    assert estimate_words.called("mine") == "the study mine"
    text = estimate_words.named("by what recordings of hamner and ja1 needed")
    assert text.startswith("by what recordings of five runners on a treadmill (Hamner") and "ja1" not in text


def test_the_page_says_where_no_other_laboratory_was_tried():
    whose, of, mind = estimate_words.of_laboratory(bands.UNKNOWN, None)
    assert "of the laboratory that trained the model" in whose and of == estimate_words.HOME
    assert "no other laboratory was tried" in mind and "make transfer" in mind
    assert not estimate_words.of_laboratory(bands.WITHIN, None)[2]

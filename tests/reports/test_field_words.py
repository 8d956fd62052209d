"""The five points of notebook 10 say what its tables hold, whatever that is."""

import numpy as np
import pandas as pd
from helpers import ABROAD

from grfkit.reports import field_words

TIMING = pd.DataFrame(
    [
        ("rule", "all", 100, 7, 0, 20.0, 11.0, 19.0),
        ("detector", "3.5 m/s", 60, 0, 0, 3.0, 3.1, 4.0),
        ("detector", "all", 100, 2, 1, 3.15, 3.56, 4.65),
    ],
    columns=["detector", "speed", "steps", "missed", "false", "touchdown_rmse_ms", "toeoff_rmse_ms", "contact_rmse_ms"],
)
SUMMARY = pd.DataFrame(
    [
        (name, direction, speed, rmse, 40 * rmse, ratio)
        for name, ratio in (("measured contacts", 1.0), ("detected contacts", 1.04))
        for direction, rmse in (("AP", 0.024), ("ML", 0.022), ("V", 0.058))
        for speed in ("3.5 m/s", "all")
    ],
    columns=["estimator", "direction", "speed", "rmse_bw", "nrmse_pct", "ratio"],
)
COVERAGE = pd.DataFrame(
    [
        ("2.5 m/s", "V", 88.6, 68.3),
        ("2.5 m/s", "all", 89.7, 78.0),
        ("all", "V", 89.0, 75.0),
        ("all", "all", 89.6, 77.6),
    ],
    columns=["speed", "direction", "covered_pct", "least_runner_pct"],
)
DEGRADED = pd.DataFrame(
    [("none", 0.0, 100.0, 0.058), ("noise", 0.001, 100.0, 0.068), ("noise", 0.005, 100.0, 0.172)]
    + [("missing", 0.01, 64.6, 0.06), ("missing", 0.05, 11.0, 0.083)],
    columns=["way", "amount", "estimated_pct", "rmse_bw_v"],
)


def said(timing=TIMING, degraded=DEGRADED):
    text = field_words.in_short(timing, SUMMARY, COVERAGE, degraded, runners=22, level=0.9)
    assert len(text.splitlines()) == 5 and "**Another laboratory** was not tried" in text
    return text.replace("\u00a0", " ")


def test_in_short_names_the_worst_runner_and_what_missing_points_cost():
    text = said()
    assert "Of 100 steps of 22 runners, each runner left out, 2 were missed and 1 found where there was none" in text
    assert "RMSE is 3.1 ms at touchdown, 3.6 ms at toe-off and 4.7 ms" in text or "and 4.6 ms for contact time" in text
    assert "RMSE of the vertical force is .058 BW" in text and "at most 1.04 times the error" in text
    assert "held 90 % of the samples, but only 68 % for the runner with the fewest (vertical, 2.5 m/s)" in text
    assert "With jitter of 5 mm" in text and "RMSE of the vertical force is .172 instead of .058 BW" in text
    assert "with 5 % of the points missing 89 % of the steps are lost." in text


def test_in_short_says_what_forces_are_off_at_home_and_abroad():
    text = field_words.in_short(TIMING, SUMMARY, COVERAGE, DEGRADED, runners=22, level=0.9, abroad=ABROAD)
    (line,) = [each for each in text.replace("\u00a0", " ").splitlines() if "At home and in other laboratories" in each]
    assert "RMSE of V is .074 BW here and .085 BW at hamner and ja1, which trained nothing" in line
    assert (
        "3.4, 7.9, 3.0 % here and 5.1, 24.0, 3.6 % there. Bands of a new laboratory are 2.0, 1.5, 1.9 times as wide."
        in line
    )


def test_in_short_leaves_out_what_was_not_counted_or_tried():
    """Overground nobody knows of false footsteps; a study may degrade in other ways."""
    text = said(TIMING.assign(false=np.nan), DEGRADED.iloc[:1])
    assert "found where" not in text and "were not tried" in text


def test_in_short_says_that_bands_are_for_all_laboratories_that_trained():
    several = field_words.in_short(TIMING, SUMMARY, COVERAGE, DEGRADED, runners=22, level=0.9, studies=2)
    assert "only for these laboratories" in several and "only for this laboratory" in said()


def transfer_tables(**changes):
    """Tables of 14: a model of `rbds` at home and at `hamner`, its network better in V."""
    rows = [
        ("rbds", tested, name, direction, "all", value, rmse, 0.6 * rmse, lag, low, 257, 5)
        for tested, name, value, rmse, lag, low in (
            ("rbds", "physics", 3.0, 0.06, 0.1, np.nan),
            ("hamner", "physics", 7.0, 0.134, 4.3, 15.0),
            ("hamner", "network", 6.5, 0.12, 3.0, 15.0),
        )
        for direction, value, rmse in (("AP", value + 1, rmse / 4), ("ML", value * 4, rmse / 5), ("V", value, rmse))
    ]
    names = "trained_on tested_on estimator direction speed nrmse_pct rmse_bw shifted_rmse_bw best_lag_ms lowpass_hz"
    curves = pd.DataFrame(rows, columns=[*names.split(), "n", "runners"]).assign(**changes)
    shares = [
        ("rbds", "hamner", "physics", name, "all", share + more, kind)
        for name, share in (("AP", 54), ("ML", 59), ("V", 44))
        for kind, more in (("within", 0), ("new laboratory", 35))
    ]
    columns = ["trained_on", "tested_on", "estimator", "direction", "speed", "covered_pct", "kind"]
    return {"curves": curves, "bands": pd.DataFrame(shares, columns=columns)}


def test_transfer_in_short_tells_of_each_pair_what_is_away_and_what_at_home():
    (line,) = field_words.transfer_in_short(transfer_tables(), level=0.9).replace("\u00a0", " ").splitlines()
    assert line.startswith("- **rbds \u2192 hamner** (257 stances, 5 runners, both sides low-passed at 15 Hz)")
    assert "nRMSE is 8.0, 28.0, 7.0 % (AP, ML, V), and 4.0, 12.0, 3.0 % at home" in line
    assert "RMSE of V is .134 BW, and .080 BW after each curve is shifted by its best lag" in line
    assert (
        "(the estimate is 4.3 ms early)" in line
        and "90 % band of rbds holds 54, 59, 44 % of the samples; the band of a new" in line
    )
    assert "as wide as the other laboratories needed, holds 89, 94, 79 %." in line
    assert "`network` is better in V (network 6.5 %)" in line


def test_transfer_in_short_says_late_and_leaves_out_what_was_not_low_passed():
    tables = transfer_tables(best_lag_ms=-2.0, lowpass_hz=np.nan)
    text = field_words.transfer_in_short(tables, level=0.9).replace("\u00a0", " ")
    assert "2.0 ms late" in text and "low-passed" not in text

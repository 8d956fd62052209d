"""Tables on pages: headings in words, units, digits and limits."""

import numpy as np
import pandas as pd

from grfkit.reports.plots import readable

CURVES = pd.DataFrame(
    [
        ("mean_curve", "AP", 0.98765, 0.0583, 0.0512, 0.0661, 12.345, 0.00004, True, 257),
        ("physics", "AP", 0.99123, 0.0421, np.nan, np.nan, 3.04, 0.0123, False, 1257),
    ],
    columns=["estimator", "direction", "r", "rmse_bw", "rmse_bw_low", "rmse_bw_high", "nrmse_pct", "p", "equal", "n"],
)


def test_table_writes_digits_by_unit_and_limits_in_the_cell_of_their_value():
    shown = readable.table(CURVES)
    assert list(shown.columns) == ["direction", "r", "RMSE (BW)", "nRMSE (%)", "p", "equal", "n"]
    assert list(shown.loc["mean curve"]) == [
        "AP",
        "0.988",
        "0.058 (0.051 to 0.066)",
        "12.3",
        "<\u00a0.001",
        "yes",
        "257",
    ]
    assert list(shown.loc["physics"]) == ["AP", "0.991", "0.042", "3.0", ".012", "no", "1,257"]


def test_table_reads_digits_without_a_unit_off_the_rows_feature():
    limits = pd.DataFrame(
        {"feature": ["vlr_bw_s", "active_peak_bw"], "bias": [-1.267, 0.0126], "low": [-5.04, -0.1], "high": [2.0, 0.2]}
        | {"off_pct": [1.234, 2.0], "off_pct_low": [-0.123, 0.5], "off_pct_high": [2.345, 3.0]}
    )
    shown = readable.table(limits)
    assert list(shown["bias"]) == ["−1.3", "0.013"] and list(shown.index) == ["VLR", "active peak"]
    assert list(shown["off (%)"]) == ["1.2 (−0.1 to 2.3)", "2.0 (0.5 to 3.0)"]
    assert list(shown["limits"]) == ["−5.0 to 2.0", "−0.100 to 0.200"]


def test_table_keeps_named_rows_and_takes_what_its_columns_measure():
    wide = CURVES.pivot(index="estimator", columns="direction", values="nrmse_pct")
    assert readable.table(wide, "nrmse_pct").loc["physics", "AP"] == "3.0"
    mixed = pd.DataFrame({"peak": [2.634], "peak_pct": [7.49]}, index=pd.Index(["ankle"], name="joint"))
    assert list(readable.table(mixed, "nm_kg").loc["ankle"]) == ["2.63", "7.5"]
    assert readable.table(pd.DataFrame({"nrmse_pct_ap": [1.0, np.nan]})).index.tolist() == ["1", "–"]


def test_by_lays_out_in_the_order_of_the_table():
    both = pd.concat([CURVES.assign(direction="V"), CURVES])
    shown = readable.by(both, rows="estimator", columns="direction", values=["r", "rmse_bw"])
    assert list(shown.columns) == [("r", "V"), ("r", "AP"), ("RMSE (BW)", "V"), ("RMSE (BW)", "AP")]
    assert list(shown.index) == ["mean curve", "physics"]
    assert shown.loc["mean curve", ("RMSE (BW)", "V")] == "0.058 (0.051 to 0.066)"
    assert list(shown.index.names) == [None] and list(shown.columns.names) == [None, "direction"]
    one = readable.by(both.iloc[:3], rows=["estimator"], columns="direction", values="r")
    assert one.loc["physics", "AP"] == "–" and list(one.columns) == ["V", "AP"]


def test_prose_cuts_no_sentence():
    about = pd.DataFrame({"recipe": ["mean_curve"], "about": ["the mean curve " * 9], "n": [3]})
    html = readable.prose(about).to_html()
    assert ("the mean curve " * 9).strip() in html and "text-align: left" in html
    assert readable.table(about).columns.name == "recipe"


def test_headings_name_direction_and_unit():
    names = ["rmse_bw_v", "nrmse_pct_ap", "toeoff_rmse_ms", "rmse_nm_kg", "published_r", "latency_p99_ms", "icc_a1"]
    assert [readable._heading(name) for name in names] == [
        "RMSE V (BW)",
        "nRMSE AP (%)",
        "toe-off RMSE (ms)",
        "RMSE (N m/kg)",
        "published r",
        "latency 99 % (ms)",
        "ICC(A,1)",
    ]

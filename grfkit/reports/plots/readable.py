"""Tables as a page shows them: headings in words with their unit, and only the digits that the data deserve.

In: a table of results, which keeps all its digits in results/. Out: a table of text. Nothing is computed. The digits
are our choice: of each unit, what differs between runners, and not what a rounding of the study changes.
"""

import re

import numpy as np
import pandas as pd

from grfkit.reports.words import FEATURES, feature_name, missing, p_value, written

UNITS = {  # how a column's name ends: its unit, and the decimals
    "bw_s": ("BW/s", 1),
    "nm_kg": ("N m/kg", 2),
    "m_s": ("m/s", 2),
    "bw": ("BW", 3),
    "pct": ("%", 1),
    "ms": ("ms", 1),
    "mm": ("mm", 1),
    "hz": ("Hz", 0),
    "gb": ("GB", 2),
}
DECIMALS = {"r": 3, "r_of_runners": 2, "icc_a1": 2, "ratio": 2, "share": 2, "minutes": 1, "seconds": 1, "exponent": 2}
DECIMALS |= {"between_share": 2, "in_range": 2, "unlike": 2, "gflop_s": 1, "matrix_gflop_s": 1}
USUAL = 3  # decimals of what has no unit of its own
HEADINGS = {"n": "n", "icc_a1": "ICC(A,1)", "r_of_runners": "r of runners", "p": "p", "about": "what it is"}
HEADINGS |= {"low_to_high": "limits", "low_to_high_outer": "outer limits", "naive_low_to_high": "naive limits"}
HEADINGS |= {"gflop_s": "Gflop/s", "matrix_gflop_s": "matrix product (Gflop/s)"}
HEADINGS |= {"low_to_high_pct": "interval (%)", "unlike": "out of range"}
SPELLED = {
    "rmse": "RMSE",
    "nrmse": "nRMSE",
    "toeoff": "toe-off",
    "ap": "AP",
    "ml": "ML",
    "v": "V",
    "p99": "99 %",
    "sd": "SD",
    "lowpass": "low-pass",
    "lowpassed": "low-passed",
}
UNIT = re.compile(rf"^(?P<stem>.+)_(?P<unit>{'|'.join(UNITS)})(?P<of>_(?:ap|ml|v))?$")


def table(results, measure=None):
    """Write a table of results as text, a DataFrame whose first column names the rows.

    The end of a column's name says its unit; where columns are directions or names, `measure` says what the numbers
    are, such as "rmse_bw". The columns x_low and x_high move behind x into one cell: 0.058 (0.051 to 0.066).
    """
    names = [name for name in results.index.names if name is not None]
    text = _as_text(results.reset_index() if names else results, measure)
    rows = names or [text.columns[0]]
    text = _with_headings(text.set_index(rows).rename_axis([None] * len(rows)))
    return text.rename_axis(columns=_heading(rows[0]) if len(rows) == 1 else None)  # in the corner: no row of its own


def prose(results):
    """Write a table of results as text as `table` does, its sentences to the left: a Styler, which cuts none."""
    text = table(results)
    return text.style.set_properties(**{"text-align": "left"}, subset=_long(text))


def by(results, *, rows, columns, values):
    """Write a table of results as text, with a column for each value of `columns`, all in their order.

    `rows` and `values` are a name each, or a list of names.
    """
    kept = _as_text(results)
    wide = kept.set_index([*([rows] if isinstance(rows, str) else rows), columns])[values].unstack(sort=False)
    wide.index.names = [None] * wide.index.nlevels
    wide.columns.names = [name and _heading(name) for name in wide.columns.names]
    return _with_headings(wide.fillna("–"))


def _as_text(results, measure=None):
    """Write each column as text, limits in the cell of their value; the names of the columns stay."""
    features = results["feature"] if "feature" in results else None
    text = {name: _column(results[name], name, features, measure) for name in results.columns}
    for name in [name for name in text if isinstance(name, str) and re.search(r"(^|_)low(_|$)", name)]:
        high = re.sub(r"(^|_)low(?=_|$)", r"\1high", name)
        value = re.sub(r"_low(?=_|$)", "", name)
        if high in text:
            spans = [
                "–" if "–" in both else " to ".join(both) for both in zip(text.pop(name), text.pop(high), strict=True)
            ]
            if value in text:
                both = zip(text[value], spans, strict=True)
                text[value] = [one if span == "–" else f"{one} ({span})" for one, span in both]
            else:
                text[name.replace("low", "low_to_high")] = spans
    order = [name for name in _order(results.columns) if name in text]
    return pd.DataFrame({name: list(text[name]) for name in order}, columns=_like(results.columns, order))


def _order(columns):
    """Give the names of columns once each; what joins low and high stands where low was."""
    joined = ((name, name.replace("low", "low_to_high")) if isinstance(name, str) else (name,) for name in columns)
    return list(dict.fromkeys(each for names in joined for each in names))


def _like(columns, names):
    """Keep the levels of `columns`."""
    return pd.MultiIndex.from_tuples(names, names=columns.names) if columns.nlevels > 1 else names


def _column(values, name, features, measure):
    """Write the values of one column; without a unit of its own it has that of `measure`, or of the row's feature."""
    name = name[0] if isinstance(name, tuple) else str(name)
    name = measure if measure and not _known(name) else name
    if name == "p" or name.startswith("p_"):
        return [p_value(value, bare=True) for value in values]
    if pd.api.types.is_bool_dtype(values):
        return ["yes" if value else "no" for value in values]
    if not pd.api.types.is_numeric_dtype(values):
        return [_value(value) for value in values]
    decimals = [_decimals(name, values)] * len(values)
    if features is not None and not _known(name) and not _whole(values):
        decimals = [_decimals(feature, values) for feature in features]
    return [written(value, digits) for value, digits in zip(values, decimals, strict=True)]


def _decimals(name, values):
    found, name = UNIT.match(_bare(name)), _bare(name)
    if _whole(values):
        return 0
    if found or name in UNITS:
        return UNITS[found["unit"] if found else name][1]
    return DECIMALS.get(name, USUAL)


def _known(name):
    """Say whether a name says by itself how many decimals it deserves."""
    return bool(UNIT.match(_bare(name))) or _bare(name) in DECIMALS or _bare(name) in UNITS


def _bare(name):
    """Take low and high out of a column's name: its limits have the digits of the value."""
    return re.sub(r"(^|_)(low|high)(?=_|$)", "", name).strip("_")


def _whole(values):
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return bool((known == np.rint(known)).all())


def _value(value):
    """Write a name as words: "mean_curve" as "mean curve", a feature without its unit; a sentence stays as it is."""
    if missing(value):
        return "–"
    if not isinstance(value, str) or " " in value:
        return value
    return feature_name(value) if value in FEATURES else re.sub("_bw(_s)?$", "", value).replace("_", " ")


def _heading(name):
    """Write the name of a column as a heading: "rmse_bw" as "RMSE (BW)"."""
    if name in HEADINGS or not isinstance(name, str) or " " in name:
        return HEADINGS.get(name, name)
    if name in FEATURES:
        return feature_name(name)
    found = UNIT.match(name)
    stem, unit = (found["stem"] + (found["of"] or ""), f" ({UNITS[found['unit']][0]})") if found else (name, "")
    return " ".join(SPELLED.get(word, word) for word in stem.split("_")) + unit


def _long(text):
    """List the columns that hold sentences."""
    return [name for name in text if text[name].str.len().max() > 20]


def _with_headings(text):
    if text.columns.nlevels == 1:
        return text.rename(columns=_heading)
    return text.rename(columns=_heading, level=0).rename(columns=_value, level=1)

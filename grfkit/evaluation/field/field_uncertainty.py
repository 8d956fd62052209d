"""The uncertainty of an estimate without plates: errors of left-out runners -> bands of curves, features, asymmetries.

In: ground_truth.Measured, contacts and their curves as in grfkit.evaluation.field.field_accuracy.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.estimators import samples
from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.field import bands
from grfkit.field.contacts import curve_features
from grfkit.field.summary import FEWEST_STEPS, asymmetry_pct
from grfkit.points import DIRECTIONS, FORCES


class Errors(NamedTuple):
    """Errors of left-out runners: of the contacts in `rows` (N,), `curves` (N, 101, 3) BW are estimated less measured.

    `features` is the table of feature_errors, `asymmetry` that of asymmetry_errors.
    """

    rows: np.ndarray
    curves: np.ndarray
    features: pd.DataFrame
    asymmetry: pd.DataFrame


def errors(measured, contacts, curves, *, vlr):
    """Compare the curves (S, 101, C) of left-out runners' contacts with what plates measured: Errors."""
    of_features = feature_errors(measured, contacts, curves, vlr=vlr)
    of_asymmetry = asymmetry_errors(of_features, measured.footsteps)
    return Errors(*curve_errors(measured, contacts, curves), of_features, of_asymmetry)


def curve_errors(measured, contacts, curves):
    """Subtract measured from estimated force, curves (S, 101, C): rows (N,) of contacts, errors (N, 101, 3)."""
    truth, footsteps = measured.samples, measured.footsteps
    frames, places = samples.rows_of_stances(truth), pd.Series(range(len(footsteps)), index=footsteps["stance"])
    rows = np.flatnonzero(contacts["stance"].notna())
    off = np.empty((len(rows), *curves.shape[1:2], len(DIRECTIONS)))
    force, times = truth.frames[FORCES].to_numpy(float), truth.frames["time_s"].to_numpy(float)
    for number, contact in enumerate(contacts.iloc[rows].itertuples()):
        place = places[contact.stance]
        own = frames[place]
        clock = footsteps["touchdown_s"].iloc[place] + times[own]
        nodes = np.linspace(contact.touchdown_s, contact.toeoff_s, curves.shape[1])
        plate = np.stack([np.interp(nodes, clock, column, left=0.0, right=0.0) for column in force[own].T], axis=1)
        off[number] = curves[rows[number], :, :3] - plate
    return rows, off


def coverage(inside, contacts):
    """Give the share (%) of samples `inside` (N, 101, 3) bool the bands: a row for each speed, direction and all.

    `least_runner_pct` is the share of the runner with the least. `contacts` (N rows) with `speed` and `runner`.
    """
    rows = []
    for speed in [*sorted(contacts["speed"].unique()), ALL]:
        mine = np.ones(len(inside), bool) if speed == ALL else (contacts["speed"] == speed).to_numpy()
        by_runner, here = _shares(inside[mine], contacts[mine]), inside[mine]
        for number, direction in enumerate(DIRECTIONS):
            rows.append((speed, direction, 100 * here[..., number].mean(), 100 * by_runner[direction].min()))
        rows.append((speed, ALL, 100 * here.mean(), 100 * by_runner.mean(axis=1).min()))
    return pd.DataFrame(rows, columns=["speed", "direction", "covered_pct", "least_runner_pct"])


def covered_by_runner(inside, contacts):
    """Give the share (%) of each runner's samples in the bands: runner and a column for each direction."""
    return (100 * _shares(inside, contacts)).rename_axis("runner").reset_index()


def _shares(inside, contacts):
    return pd.DataFrame(inside.mean(axis=1), columns=DIRECTIONS).groupby(contacts["runner"].to_numpy()).mean()


def typical(off, contacts, curves, model):
    """Take the contact whose error is the median: measured and estimated (101, 3) BW, half widths of its band (101, 3).

    `off` are Errors.
    """
    sizes = np.mean(off.curves**2, axis=(1, 2))
    middle = np.argsort(sizes)[len(sizes) // 2]
    row = off.rows[middle]
    estimated = curves[row, :, :3]
    half = model.bands.around(contacts["contact_s"].to_numpy()[[row]])[0]
    return estimated - off.curves[middle], estimated, half


def feature_errors(measured, contacts, curves, *, vlr):
    """Give the features of the contacts that plates measured: a row for each, `feature` and `feature_measured`.

    Each row also has runner, group, side and contact_s.
    """
    here, truth = contacts.dropna(subset="stance"), measured.samples
    plate = features.measured(truth.frames[truth.inside], vlr=vlr).set_index("stance").loc[here["stance"]]
    ours = curve_features(here["contact_s"], curves[contacts["stance"].notna()], vlr=vlr)
    about = here[["stance", "runner", "group", "side", "contact_s"]].reset_index(drop=True)
    return pd.concat([about, ours, plate.reset_index(drop=True).add_suffix("_measured")], axis=1)


def asymmetry_errors(table, footsteps):
    """Give the error (points of %) of each runner's left-right asymmetry at each speed: a row for each group.

    `table` as feature_errors gives; contact time is evaluated too. Groups with few footsteps of a side are left out.
    """
    contact_s = (footsteps["toeoff_s"] - footsteps["touchdown_s"]).set_axis(footsteps["stance"])
    table = table.assign(contact_s_measured=table["stance"].map(contact_s))
    quantities = [*features.FEATURES, "contact_s"]
    counts = table.groupby(["group", "side"]).size().unstack(fill_value=0).reindex(columns=["l", "r"], fill_value=0)
    kept = table[table["group"].isin(counts.index[(counts >= FEWEST_STEPS).all(axis=1)])]
    if kept.empty:
        return pd.DataFrame(columns=[*quantities, "runner"])

    def of_groups(quantity):
        means = kept.groupby(["group", "side"])[quantity].mean().unstack()
        return asymmetry_pct(means["l"], means["r"])

    off = {quantity: of_groups(quantity) - of_groups(f"{quantity}_measured") for quantity in quantities}
    return pd.DataFrame(off).assign(runner=kept.groupby("group")["runner"].first())


def feature_bands(table, *, level):
    """Calibrate a band for each feature on a table of feature_errors: {feature: Bands of one node}."""
    by_feature = {}
    for name in features.FEATURES:
        both = table.dropna(subset=[name, f"{name}_measured"])
        off = (both[name] - both[f"{name}_measured"]).to_numpy()[:, None, None]
        by_feature[name] = bands.fit(off, both["contact_s"].to_numpy(), both["runner"].to_numpy(), level=level)
    return by_feature


def asymmetry_limits(off, *, level):
    """Give the largest error of an asymmetry for a share `level` of asymmetry_errors: {quantity: points of %}.

    Larger asymmetries are detectable.
    """
    if off.empty:
        return {}
    values, ones = off.drop(columns="runner"), np.ones(len(off))
    widths = bands.fit(values.to_numpy()[:, None], ones, off["runner"].to_numpy(), level=level).half_widths[0]
    return dict(zip(values.columns, widths.tolist(), strict=True))

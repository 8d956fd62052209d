"""How sure an estimate in the field is: errors of runners who were left out, of curves, features and asymmetries, and the bands that they make.

Tables of contacts and steps are those of grfkit.evaluation.field.field_accuracy.
"""

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.estimators import samples
from grfkit.evaluation.field.field_accuracy import ALL
from grfkit.field import bands as force_bands
from grfkit.field import contacts as field_contacts
from grfkit.points import DIRECTIONS, FORCES


def residuals(taken, steps, contacts, curves):
    """Give how far the curves (S, 101, 3) BW of detected contacts are from the measured force at the same moments: rows (N,) of contacts, and
    estimated less measured (N, 101, 3)."""
    frames, which = samples.each(taken), pd.Series(range(len(steps)), index=steps["stance"])
    rows = np.flatnonzero(contacts["stance"].notna())
    differences = np.empty((len(rows), *curves.shape[1:2], len(DIRECTIONS)))
    force, times = taken.frames[FORCES].to_numpy(float), taken.frames["time_s"].to_numpy(float)
    frames = list(frames)
    for number, contact in enumerate(contacts.iloc[rows].itertuples()):
        mine = which[contact.stance]
        at, nodes = (
            steps["touchdown_s"].iloc[mine] + times[frames[mine]],
            np.linspace(contact.touchdown_s, contact.toeoff_s, curves.shape[1]),
        )
        plate = np.stack([np.interp(nodes, at, one, left=0.0, right=0.0) for one in force[frames[mine]].T], axis=1)
        differences[number] = curves[rows[number], :, :3] - plate
    return rows, differences


def coverage(inside, steps_of):
    """Give the share (%) of samples that lie in the bands (N, 101, 3) bool: a row for each speed and direction, and for all; with the share of the
    runner with the least. `steps_of` are the N contacts, with `speed` and `runner`."""
    rows = []
    for speed in [*sorted(steps_of["speed"].unique()), ALL]:
        mine = np.ones(len(inside), bool) if speed == ALL else (steps_of["speed"] == speed).to_numpy()
        by_runner = (
            pd.DataFrame(inside[mine].mean(axis=1), columns=DIRECTIONS)
            .groupby(steps_of["runner"].to_numpy()[mine])
            .mean()
        )
        rows += [
            (speed, direction, 100 * inside[mine][..., number].mean(), 100 * by_runner[direction].min())
            for number, direction in enumerate(DIRECTIONS)
        ]
        rows.append((speed, ALL, 100 * inside[mine].mean(), 100 * by_runner.mean(axis=1).min()))
    return pd.DataFrame(rows, columns=["speed", "direction", "covered_pct", "least_runner_pct"])


def covered_by_runner(inside, steps_of):
    """Give the share (%) of each runner's samples that lie in the bands: runner and a column for each direction."""
    shares = pd.DataFrame(100 * inside.mean(axis=1), columns=DIRECTIONS)
    return shares.groupby(steps_of["runner"].to_numpy()).mean().rename_axis("runner").reset_index()


def typical(off, contacts, curves, model):
    """Take a stance whose error is the median: measured and estimated (101, 3) BW, and the half widths of its band (101, 3)."""
    rows, errors = off
    sizes = np.mean(errors**2, axis=(1, 2))
    one = np.argsort(sizes)[len(sizes) // 2]
    estimated = curves[rows[one], :, :3]
    return estimated - errors[one], estimated, model.bands.around(contacts["contact_s"].to_numpy()[rows[[one]]])[0]


def feature_residuals(taken, contacts, curves, *, vlr):
    """Give each feature of the contacts that plates measured: a row for each, `feature` and `feature_measured`, with runner, group, side and contact_s."""
    here = contacts.dropna(subset="stance")
    plate = (
        features.measured(taken.frames[taken.inside], vlr=vlr)
        .set_index("stance")
        .loc[here["stance"]]
        .reset_index(drop=True)
    )
    ours = field_contacts.features_of(here["contact_s"], curves[contacts["stance"].notna()], vlr=vlr)
    steps = here[["stance", "runner", "group", "side", "contact_s"]].reset_index(drop=True)
    return pd.concat([steps, ours, plate.add_suffix("_measured")], axis=1)


def asymmetry_errors(table, steps):
    """Give the error of each runner's left-right asymmetry at each speed: a row for each group, in points of field.asymmetry_pct.

    `table` as feature_residuals gives; contact time is judged too. Groups with fewer than five steps of a side have no asymmetry to speak of.
    """
    table = table.assign(
        contact_s_measured=table["stance"].map((steps["toeoff_s"] - steps["touchdown_s"]).set_axis(steps["stance"]))
    )
    names = [*features.FEATURES, "contact_s"]
    counts = table.groupby(["group", "side"]).size().unstack(fill_value=0)
    kept = table[table["group"].isin(counts.index[(counts.reindex(columns=["l", "r"], fill_value=0) >= 5).all(axis=1)])]
    if kept.empty:
        return pd.DataFrame(columns=[*names, "runner"])
    runners = kept.groupby("group")["runner"].first()
    errors = {
        name: field_contacts.asymmetry_pct(kept, name) - field_contacts.asymmetry_pct(kept, f"{name}_measured")
        for name in names
    }
    return pd.DataFrame(errors).assign(runner=runners)


def feature_bands(table, *, level):
    """Calibrate a band for each feature on a table of feature_residuals: {feature: conformal.Bands of one node}."""
    bands = {}
    for name in features.FEATURES:
        known = table.dropna(subset=[name, f"{name}_measured"])
        errors = (known[name] - known[f"{name}_measured"]).to_numpy()[:, None, None]
        bands[name] = force_bands.fit(errors, known["contact_s"].to_numpy(), known["runner"].to_numpy(), level=level)
    return bands


def asymmetry_limits(errors, *, level):
    """Give how far an estimated asymmetry is off for a share `level` of asymmetry_errors: {quantity: points}; larger ones can be told from none."""
    if errors.empty:
        return {}
    ones, values = np.ones(len(errors)), errors.drop(columns="runner")
    widths = force_bands.fit(values.to_numpy()[:, None], ones, errors["runner"].to_numpy(), level=level).half_widths[0]
    return dict(zip(values.columns, widths.tolist(), strict=True))

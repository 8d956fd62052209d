"""Runs in files of any axes, and estimates of them in closed form, for the tests of what is written for others."""

from pathlib import Path

import numpy as np
import pandas as pd
from helpers import CASES, on_belt

from grfkit.points import POINTS
from grfkit.recordings import c3d, csv_points, discover

MASS_KG, WEIGHT_N = 70.0, 70.0 * 9.81
PEAK_BW, SPAN_S = 2.5, 0.24
OFFSET = (0.03, 0.01)  # m from the ankle: forward, to the left
CONTACTS = [("l", 0.20), ("r", 0.55), ("l", 0.90)]  # touchdowns, s
AXES = {  # of files: forward, up
    "z up": ("+x", "+z"),
    "z up, to the back": ("-y", "+z"),
    "y up": ("+x", "+y"),
    "y up, to the left": ("+z", "+y"),
    "x up": ("-z", "+x"),
}


def curve(share):
    """Give force (N) in AP, ML, V of a whole left contact at shares (T,) of its time."""
    arch = np.sin(np.pi * share)
    values = np.stack([-0.3 * np.sin(2 * np.pi * share), 0.05 * arch, PEAK_BW * arch], axis=1)
    return WEIGHT_N * np.where((share >= 0) & (share <= 1), 1.0, 0.0)[:, None] * values


def tables(contacts, name="run"):
    """Lay out contacts as field.estimate does: steps and curves."""
    starts = [start for _, start in contacts]
    steps = pd.DataFrame(
        {
            "file": name,
            "step": range(1, len(contacts) + 1),
            "side": [side for side, _ in contacts],
            "touchdown_s": starts,
            "toeoff_s": [start + SPAN_S for start in starts],
            "step_s": [*np.diff(starts), np.nan],
        }
    )
    share = np.linspace(0, 1, 101)
    rows = [
        pd.DataFrame(dict(zip(("est_ap", "est_ml", "est_v"), (curve(share) / WEIGHT_N).T, strict=True))).assign(
            step=number, time_s=SPAN_S * share, cop_ap=OFFSET[0], cop_ml=OFFSET[1]
        )
        for number in steps["step"]
    ]
    return steps, pd.concat(rows, ignore_index=True)


def recording(axes="z up", *, belt=False, start_s=0.0, file=Path("run.c3d")):
    """Give a run of 125 frames at 100 Hz in a file of these axes, and its points (F, 11, 3) m in them."""
    points = csv_points.read_csv(CASES / "00_reference" / "reference.csv")[0]  # AP, ML, V
    points = on_belt(points, 3.6 * 2) if belt else points  # HZ of helpers is 200
    rotation = c3d.axes(*AXES[axes])
    found = discover.Found(file, points, 100.0, belt, 3.6, [], rotation=rotation, start_s=start_s)
    return found, points @ rotation


def places(run, side, moments):
    """Give where a foot pushes at moments (M,) s, in the axes of the file (m): beside the ankle, on the ground."""
    ankle = run.points[:, POINTS.index(f"{side}_ankle")]
    at = np.stack([np.interp(moments, np.arange(len(ankle)) / 100, column) for column in ankle.T], axis=1)
    seen = at @ run.rotation.T + [*OFFSET, 0.0]
    seen[:, 2] = 0.0
    return seen @ run.rotation

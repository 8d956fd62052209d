"""What an estimator is given: the stances that a recipe trains on or estimates, as frames or as whole curves.

In: the tables of stances and frames that 01_preprocess saves, and a recipe. Out: Samples in the recipe's unit of
force, mirrored where the recipe mirrors; their inputs with derivatives; estimates turned back and balanced. N frames,
S stances.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from grfkit import metrics, transform
from grfkit.metrics import TOLERANCE_S
from grfkit.points import COMPONENTS, FORCES, INPUTS, MIRROR, POINTS, InputError, mirrored
from grfkit.study import store

KINDS = ("positions", "velocities", "accelerations")
NODES = 101  # of a force curve over stance: our choice, one a per cent
CORE_NODES, EDGE_NODES = 51, 3  # of the points over stance, and over the padding at either end: our choice, 5 ms apart
LEAST_BW = 0.5  # least mean vertical force that is balanced: trained recipes give .93 to 1.03 in rbds; our choice
SPEED_STEP = 0.5  # m/s: speeds other than the study's are rounded to this: our choice


@dataclass(frozen=True)
class Samples:
    """Stances as a recipe needs them: their table `stances` (S rows), and all their frames one after the other.

    `frames` (N rows) holds time, and the force of the measured side in the recipe's unit. `points` (N, 11, 3) m and
    `forces` (N, 3) BW are mirrored where `mirrored` (S,) is True. `lengths` (S,) counts frames, `inside` (N,) marks
    stance.
    """

    stances: pd.DataFrame
    frames: pd.DataFrame
    points: np.ndarray
    forces: np.ndarray
    lengths: np.ndarray
    inside: np.ndarray
    mirrored: np.ndarray

    def __len__(self):
        return len(self.stances)

    @property
    def runners(self):
        """The runner (S,) of each stance."""
        return self.stances["runner"].to_numpy()

    @property
    def at_study_speed(self):
        """Marks (S,) of the stances that are not of another speed than the study's."""
        return (self.stances["split"] != "other_speed").to_numpy()


def training_stances(stances, recipe):
    """Give the rows of stances.csv that a recipe trains on.

    These are those of split `train`, and with `speeds: all` other speeds of the same runners.
    """
    train = stances["split"] == "train"
    if recipe.speeds == "all":
        train |= (stances["split"] == "other_speed") & stances["runner"].isin(stances["runner"][train])
    return stances[train]


def read_training(results, recipe):
    """Read the Samples that a recipe trains on from what 01_preprocess saved in the folder `results`.

    Raises InputError if nobody is tested: then nobody is trained on either.
    """
    stances, frames = (store.read(results, f"01_preprocess/{name}") for name in ("stances.csv", "stances.parquet"))
    if not (stances["split"] == "test").any():
        found = stances["runner"].nunique()
        raise InputError(
            f"A study trains on some runners and tests others; 01_preprocess kept stances of {found} "
            f"runner{'s' if found != 1 else ''}, and none is tested. See 01_preprocess.html for the reason.",
            "Add recordings of another runner."
            if found == 1
            else "Correct `test_runners` or `n_test_runners` in the study file.",
        )
    return prepare(frames, training_stances(stances, recipe), recipe)


def prepare(frames, stances, recipe):
    """Take stances out of the tidy tables as a recipes.Recipe says; returns Samples.

    `frames` as in stances.parquet, `stances` as in stances.csv. The padding is cut to the recipe's, as far as it was
    recorded. With `body_weight: weighed`, force is in units of the weighed mass. A missing flight time is the mean of
    the runner's other stances at that speed. Raises ValueError if a stance has no frames, or no weighed mass although
    the recipe needs one.
    """
    ends = stances["toeoff_s"] - stances["touchdown_s"]
    beyond = frames["time_s"] - frames["stance"].map(ends.set_axis(stances["stance"]))
    wanted = (frames["time_s"] >= -recipe.padding_s - TOLERANCE_S) & (beyond <= recipe.padding_s + TOLERANCE_S)
    points, forces, lengths, rows = transform.arrays(frames if wanted.all() else frames[wanted], stances)
    if recipe.body_weight == "weighed":
        forces = forces * np.repeat(_unit(stances), lengths)[:, None]
        rows = rows.assign(**dict(zip(FORCES, np.float32(forces.T), strict=True)))
    left_legs = (stances["side"] == "l").to_numpy() & recipe.mirror
    left = np.repeat(left_legs, lengths)
    points, forces = points.reshape(-1, len(POINTS), 3), forces.astype(float)
    points[left], forces[left] = mirrored(points[left]), forces[left] * MIRROR
    speed = speed_names(stances)
    groups = stances["flight_s"].groupby([stances["runner"], speed])
    flight = stances["flight_s"].fillna(groups.transform("mean")).fillna(stances["flight_s"].mean())
    table = stances.assign(stance_s=ends, flight_s=flight, speed=speed, group=stances["runner"] + " at " + speed)
    inside = metrics.in_stance(rows, stances)
    return Samples(table.reset_index(drop=True), rows, points, forces, lengths, inside, left_legs)


def take(samples, index):
    """Keep the stances with these indices, in their order."""
    rows = transform.rows_of(samples.lengths, index)
    return replace(
        samples,
        stances=samples.stances.iloc[index].reset_index(drop=True),
        frames=samples.frames.iloc[rows],
        points=samples.points[rows],
        forces=samples.forces[rows],
        lengths=samples.lengths[index],
        inside=samples.inside[rows],
        mirrored=samples.mirrored[index],
    )


def frame_inputs(samples, kinds):
    """Lay the inputs of each frame side by side, (N, 33 for each of `kinds`).

    Positions are in m, velocities in m/s, accelerations in m/s^2.
    """
    if list(kinds) == ["positions"]:
        return samples.points.reshape(-1, len(INPUTS))
    inputs, times = (
        np.empty((len(samples.points), len(kinds), *samples.points.shape[1:]), samples.points.dtype),
        samples.frames["time_s"].to_numpy(float),
    )
    for rows, spline in _splines(samples):
        for number, kind in enumerate(kinds):
            inputs[rows, number] = spline(times[rows], KINDS.index(kind))
    return inputs.reshape(len(inputs), -1)


def curve_inputs(samples, kinds):
    """Bring the inputs of each stance to equally spaced nodes; returns {kind: (stance, padding)}.

    Of each kind of motion `stance` is (S, 51, 11, 3) and `padding` (S, 6, 11, 3), three nodes before touchdown and
    three after toe-off. Of "times" `stance` is (S, 2), stance and flight time in s, and `padding` has no columns.
    """
    motions, times = [kind for kind in kinds if kind in KINDS], samples.frames["time_s"].to_numpy(float)
    inputs = {
        kind: (
            np.empty((len(samples), CORE_NODES, len(POINTS), 3), np.float32),
            np.empty((len(samples), 2 * EDGE_NODES, len(POINTS), 3), np.float32),
        )
        for kind in motions
    }
    for stance, (rows, spline) in enumerate(_splines(samples) if motions else ()):
        first, last = times[rows[0]], times[rows[-1]]
        toeoff = times[rows][samples.inside[rows]][-1]
        edges = np.concatenate(
            [np.linspace(first, 0, EDGE_NODES, endpoint=False), np.linspace(last, toeoff, EDGE_NODES, endpoint=False)]
        )
        for kind, (core, padding) in inputs.items():
            core[stance] = spline(np.linspace(0, toeoff, CORE_NODES), KINDS.index(kind))
            padding[stance] = spline(edges, KINDS.index(kind))
    if "times" in kinds:
        inputs["times"] = (
            samples.stances[["stance_s", "flight_s"]].to_numpy(np.float32),
            np.empty((len(samples), 0), np.float32),
        )
    return inputs


def curve_targets(samples):
    """Bring the force of each stance to equally spaced nodes, (S, 101, 3) BW."""
    return np.stack(
        [
            transform.time_normalise(samples.forces[rows][samples.inside[rows]], NODES)
            for rows in rows_of_stances(samples)
        ]
    )


def spread(samples, curves):
    """Stretch estimated curves (S, 101, 3) BW over the frames of their stances, 0 in the padding; returns (N, 3) BW."""
    estimated = np.zeros((len(samples.points), len(COMPONENTS)))
    for rows, curve in zip(rows_of_stances(samples), curves, strict=True):
        inside = rows[samples.inside[rows]]
        estimated[inside] = transform.time_normalise(curve, len(inside))
    return estimated


def unmirror(samples, estimated):
    """Turn estimates (N, 3) of mirrored legs back to their own side."""
    return np.where(np.repeat(samples.mirrored, samples.lengths)[:, None], estimated * MIRROR, estimated)


def finish(samples, estimated, recipe):
    """Turn estimates (N, 3) of mirrored legs back, and balance them if the recipe balances."""
    estimated = unmirror(samples, estimated)
    return balance(samples, estimated) if recipe.balance else estimated


def balance(samples, estimated):
    """Correct estimates (N, 3) BW so that they balance over each runner's stances at one speed; returns (N, 3).

    Over whole strides of steady running on level ground the mean vertical force is one body weight, and the mean
    anterior-posterior force is zero (Newton). So the vertical force is scaled, and a share of it is subtracted from the
    anterior-posterior force. Components that were not estimated (NaN) stay as they are, and so does a group whose mean
    force is far too small (see corrections).
    """
    flight, times = samples.stances["flight_s"].to_numpy(), samples.frames["time_s"].to_numpy(float)
    contact = np.array(
        [samples.inside[rows].sum() * (times[rows[1]] - times[rows[0]]) for rows in rows_of_stances(samples)]
    )  # a frame is an interval
    means = np.stack([estimated[rows][samples.inside[rows]].mean(axis=0) for rows in rows_of_stances(samples)])
    factors, slopes = corrections(contact[:, None] * means, contact + flight, samples.stances["group"].to_numpy())
    balanced = estimated.copy()
    balanced[:, 2] *= np.repeat(factors, samples.lengths)
    balanced[:, 0] -= np.repeat(slopes, samples.lengths) * balanced[:, 2]
    return balanced


def corrections(impulses, steps_s, groups):
    """Compute what balances the estimates of each group, from impulses (S, 3) BW s and the times of steps (S,) s.

    Returns a factor (S,) for the vertical force, and the share (S,) of the scaled vertical force that is subtracted
    from the anterior-posterior one. A group whose mean vertical force is under LEAST_BW keeps factor 1 and share 0,
    with a warning: a large factor would make noise look like a force.
    """
    factors, slopes, left = np.ones(len(groups)), np.zeros(len(groups)), {}
    for group in np.unique(groups):
        mine = groups == group
        impulse, step = impulses[mine].sum(axis=0), steps_s[mine].sum()
        if impulse[2] < LEAST_BW * step:
            left[group] = impulse[2] / step
        else:
            factors[mine], slopes[mine] = step / impulse[2], impulse[0] / step
    if left:
        found = ", ".join(f"{mean:.2f} ({group})" for group, mean in left.items())
        warnings.warn(
            f"The mean vertical force over whole steps is 1 BW; an estimate gives {found}, too little to be balanced, "
            "and stays as it is. Train on more stances or for more epochs, or check the points.",
            stacklevel=2,
        )
    return factors, slopes


def speed_names(stances):
    """Name the speed of each stance (S,): the study's own by its mean, any other rounded to SPEED_STEP."""
    ours = stances["split"] != "other_speed"
    speed = (stances["speed_m_s"] / SPEED_STEP).round() * SPEED_STEP
    return speed.mask(ours, stances["speed_m_s"][ours].mean()).map("{:.1f} m/s".format)


def _unit(stances):
    """Give for each stance the factor from weights of `unit_kg` to weights of the weighed mass."""
    unknown = stances["weighed_kg"].isna().sum()
    if unknown:
        raise ValueError(
            f"Weighing a runner needs two steps in a row; {unknown} stances have no weighed mass. "
            "Use a recipe with `body_weight: study`."
        )
    return (stances["unit_kg"] / stances["weighed_kg"]).to_numpy()


def rows_of_stances(samples):
    """List the rows (frames) of each stance."""
    return [
        np.arange(first, first + length)
        for first, length in zip(transform.starts(samples.lengths), samples.lengths, strict=True)
    ]


def _splines(samples):
    times = samples.frames["time_s"].to_numpy(float)
    for rows in rows_of_stances(samples):
        yield rows, CubicSpline(times[rows], samples.points[rows])

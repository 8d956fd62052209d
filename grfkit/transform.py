"""Transformations of stances: filter, touchdown frame, normalised time, scaling, and the layout for the LSTM.

Arrays in, arrays out. Stances of different lengths are one array of rows (the frames of all stances, one after the
other) and the number of frames of each stance, `lengths` (S,).
"""

import numpy as np

from grfkit.points import FORCES, INPUTS, InputError


def lowpass(values, *, cutoff_hz, rate_hz):
    """Filter along the first axis without lag: a second-order Butterworth, forwards and backwards.

    The cutoff is corrected so that the two passes together are 3 dB down at `cutoff_hz`, at any rate. The correction is
    made after the tan of the bilinear transform, the frequency scale of a digital filter. Source: Winter 2009, 3.4.4;
    for the scale Oppenheim & Schafer 2010, 7.2.2.
    """
    from scipy.signal import butter, sosfiltfilt  # loading takes a second, and training does not need it

    if cutoff_hz >= rate_hz / 2:
        raise ValueError(
            f"A low-pass of {cutoff_hz} Hz needs a sampling rate above {2 * cutoff_hz:g} Hz; found {rate_hz} Hz. "
            "Lower the cutoff in the study file, or set it to null."
        )
    corrected = np.arctan(np.tan(np.pi * cutoff_hz / rate_hz) / (2**0.5 - 1) ** 0.25) * rate_hz / np.pi
    return sosfiltfilt(butter(2, corrected, fs=rate_hz, output="sos"), values, axis=0)


def to_touchdown_frame(points, pelvis_at_touchdown):
    """Move points (T, 11, 3) m so that the pelvis centre at touchdown (3,), projected on the ground, is the origin.

    The axes stay (paper section 1.4.2).
    """
    return points - ground_projection(pelvis_at_touchdown)


def ground_projection(point):
    """Project a point (3,) m on the ground, where V = 0."""
    return np.array([point[0], point[1], 0.0])


def time_normalise(curve, nodes):
    """Bring a curve (T, C) over stance to equally spaced nodes, returns (nodes, C), by linear interpolation."""
    old, new = np.linspace(0, 1, len(curve)), np.linspace(0, 1, nodes)
    return np.stack([np.interp(new, old, column) for column in curve.T], axis=1)


def fit_minmax(rows):
    """Fit the scaling of each variable to [0, 1] on training rows (N, C), and on no others (paper section 1.4.3)."""
    from sklearn.preprocessing import MinMaxScaler  # takes a second

    limits = np.stack([rows.min(axis=0), rows.max(axis=0)])  # the scaler needs no more, and all rows stay uncopied
    return MinMaxScaler().fit(limits.astype(float))  # double precision, so that saved limits give the same scaling


def starts(lengths):
    """Give the first row of each stance (S,) from the number of frames of each (S,)."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)


def group_frames(rows, lengths, frames_per_step):
    """Put the frames of each LSTM step side by side, padded to the longest stance.

    `rows` (N, C) of stances with `lengths` (S,) frames become (S, L, frames_per_step * C). `real` (S, L,
    frames_per_step) is False where a frame is padding: a copy of the stance's last frame. Source: our choice, because
    one step for each camera frame is several times faster than one for each frame of force, and just as accurate.
    """
    longest = -(-int(lengths.max()) // frames_per_step)
    frame = np.arange(longest * frames_per_step)
    index = starts(lengths)[:, None] + np.minimum(frame, lengths[:, None] - 1)
    real = (frame < lengths[:, None]).reshape(len(lengths), longest, frames_per_step)
    return rows[index].reshape(len(lengths), longest, -1), real


def middle_frames(rows, lengths, frames_per_step):
    """Take the middle frame of each LSTM step, as group_frames orders them: rows (N, C) become (S, L, C).

    Points between two camera frames are interpolated, so that one step for each camera frame loses nothing. Longer
    steps skip camera frames.
    """
    longest = -(-int(lengths.max()) // frames_per_step)
    middle = np.arange(longest) * frames_per_step + frames_per_step // 2
    return rows[starts(lengths)[:, None] + np.minimum(middle, lengths[:, None] - 1)]


def ungroup_frames(steps, lengths, *, channels):
    """Invert group_frames: LSTM steps (S, L, frames_per_step * channels) become rows (N, channels) of all stances."""
    frames = steps.reshape(len(steps), -1, channels)
    return frames[np.arange(frames.shape[1]) < lengths[:, None]]


def check_whitening(points, lengths, *, frames_per_step, window, shrinkage):
    """Raise InputError for training stances to which model.Whitening cannot be fitted.

    `points` (N, C) and `lengths` (S,) are those of training stances. Without window and shrinkage there is nothing to
    check.
    """
    if window is None and shrinkage is None:
        return
    if window is None or window < 1 or window % 2 == 0:
        raise InputError(
            f"A window of LSTM steps is an odd number, with as many steps before as after; found {window}.",
            "Set it to 5, 7 or 9.",
        )
    if shrinkage is None or not 0 < shrinkage < np.inf:
        raise InputError(
            f"A shrinkage is a share of the largest eigenvalue, a finite number above 0; found {shrinkage}.",
            "Set it to a number from 1.0e-5 to 0.3.",
        )
    steps, inputs = -(-np.asarray(lengths) // frames_per_step), points.shape[1]
    if steps.min() < window:
        raise InputError(
            f"A window is no longer than the shortest training stance; found a window of {window} LSTM steps and a "
            f"stance of {steps.min()} ({lengths.min()} frames, {frames_per_step} in a step).",
            "Use a shorter window or fewer frames per step, or leave that stance out.",
        )
    constant = np.flatnonzero(np.ptp(points, axis=0) == 0)
    if len(constant):
        names = [INPUTS[i] if inputs == len(INPUTS) else f"number {i + 1} of {inputs}" for i in constant]
        raise InputError(
            "An input variable that never changes cannot be scaled to unit variance; constant in all training "
            f"stances: {', '.join(names)}.",
            "Check that point in the recordings.",
        )
    if steps.sum() < window * inputs:
        raise InputError(
            f"Whitening needs at least as many LSTM steps as it has inputs; found {steps.sum()} steps in "
            f"{len(lengths)} training stances, and {window * inputs} inputs ({window} steps of {inputs} variables).",
            "Use more stances, a shorter window or fewer frames per step, or a recipe with `whiten: null`.",
        )


def rows_of(lengths, stances):
    """List the rows (frames) of the stances with these indices, in their order."""
    first = starts(lengths)
    return np.concatenate([np.arange(first[s], first[s] + lengths[s]) for s in stances])


def arrays(frames, stances):
    """Take some stances out of the tidy table of all frames, in the order of `stances`.

    Returns points (N, 33) m, forces (N, 3) BW and lengths (S,), and their rows of `frames` without the points. Raises
    ValueError for a stance without frames, and for no stance at all.
    """
    of_stance = frames.groupby("stance", sort=False).indices
    absent = [stance for stance in stances["stance"] if stance not in of_stance]
    if absent or not len(stances):
        raise ValueError(
            f"Training and testing need stances, and each needs its frames; of {len(stances)} stances, {len(absent)} "
            "have no frames. Run 01_preprocess again."
        )
    lengths = np.array([len(of_stance[stance]) for stance in stances["stance"]])
    index = np.concatenate([of_stance[stance] for stance in stances["stance"]])
    points = np.empty((len(index), len(INPUTS)), frames.dtypes[INPUTS[0]])
    for column, name in enumerate(INPUTS):  # one by one: a second copy of many stances would not fit into memory
        points[:, column] = frames[name].to_numpy()[index]
    rows = frames.drop(columns=INPUTS).iloc[index]
    return points, rows[FORCES].to_numpy(), lengths, rows

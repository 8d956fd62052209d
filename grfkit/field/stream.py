"""Forces during the stance: points frame by frame -> the force under each foot, a fixed lag later.

A stream uses only the frames so far: a window of the motion relative to the pelvis, so that treadmill and overground
running look alike. Any camera rate works. Points are in m, AP forward, ML to the left, V up from the ground; forces are
in body weights. A stream does not check the points. Estimate a recording of the same cameras (grfkit.field.estimate) to
learn whether they are smoother or noisier than the points that trained the model.

    from grfkit.field import stream
    streaming = stream.Stream(stream.load("MODEL"), lag_s=0.02)
    forces = streaming.push(points, time_s)  # (11, 3) m, s
"""

from typing import NamedTuple

import numpy as np

from grfkit import features
from grfkit.field.contacts import SHORTEST_S
from grfkit.field.stream_model import (
    CHANNELS,
    HORIZONTAL,
    ON,
    Model,
    Settings,
    estimate,
    load,
    save,
    smoother,
    whole_window_inputs,
)
from grfkit.points import MIRROR, POINTS, mirrored, number

__all__ = ["Forces", "Model", "Settings", "Step", "Stream", "load", "run", "save"]
SLACK_S = 1e-6  # times are compared to this: they are sums of frame times
FEWEST = 4  # frames of a window in which a point is seen: our choice, a parabola and one more
BATCH = 512  # windows that are smoothed at a time, 5 MB: our choice
TALLEST_M = 3.0  # no pelvis is higher above the ground: our choice


class Step(NamedTuple):
    """One completed contact: times in s, and the five features that grfkit.features reads off its force."""

    side: str
    touchdown_s: float
    toeoff_s: float
    features: dict


class Forces(NamedTuple):
    """What is known at `time_s`: the force (2, 3) BW under left and right foot, and which is on the ground (2,).

    A force is 0 off the ground and NaN where it is not known. `steps` are the contacts that ended with this frame.
    """

    time_s: float
    force: np.ndarray
    on_ground: np.ndarray
    steps: list


class Stream:
    """Takes points frame by frame and keeps those of one window; `lag_s` is one of the model's lags."""

    def __init__(self, model, *, lag_s, vlr="touchdown_to_13"):
        self.model, self.lag_s, self._lag = model, number(lag_s), _lag(model, lag_s)
        self._times, self._points, self._feet = [], [], [_Foot(side, vlr) for side in "lr"]

    def push(self, points, time_s):
        """Take the next frame, points (11, 3) m, NaN where missing, at time_s (s): the Forces at time_s - lag_s.

        Raises ValueError for another shape, points that cannot be in m, or a time that is not later than the last.
        """
        points, time_s = np.array(points, float), number(time_s)
        self._check(points, time_s)
        self._times.append(time_s)
        self._points.append(points)
        first = _first(np.array(self._times), self.model.settings)
        del self._times[:first], self._points[:first]
        inputs = _inputs(self.model.settings, np.array(self._points), np.array(self._times))
        return _forces(self._feet, time_s - self.lag_s, estimate_feet(self.model, inputs[None])[0, self._lag])

    def _check(self, points, time_s):
        _check_metres(points, 2)
        last = self._times[-1] if self._times else -np.inf
        if not (isinstance(time_s, (int, float, np.number)) and last < time_s < np.inf):
            raise ValueError(
                f"Frames come in order of time, in s; found {time_s!r} after {last:g} s. "
                "Leave out frames that come late, or begin a new Stream."
            )


def run(model, points, rate_hz, *, lag_s, vlr="touchdown_to_13"):
    """Stream a whole recording, points (F, 11, 3) m: times (F,) s, forces (F, 2, 3) BW, on_ground (F, 2), and steps.

    It gives the same as pushing each frame at frame / rate_hz, and is faster: many windows are smoothed at once.
    """
    points, rate_hz = np.asarray(points, float), number(rate_hz)
    if not rate_hz > 0:
        raise ValueError(f"A recording has a rate in Hz; found {rate_hz!r}. Give the rate of the cameras.")
    _check_metres(points, 3)
    lag_s, times = number(lag_s), np.arange(len(points)) / rate_hz
    lag = _lag(model, lag_s)
    channels = estimate_feet(model, window_inputs(model.settings, points, times))[:, lag]
    return decide_contacts(times - lag_s, channels, vlr=vlr)


def decide_contacts(times, channels, *, vlr="touchdown_to_13"):
    """Decide frame by frame which foot is on the ground, from channels (F, 2, C) of times (F,) s: what `run` gives."""
    feet = [_Foot(side, vlr) for side in "lr"]
    frames = [_forces(feet, time, both) for time, both in zip(times, channels, strict=True)]
    steps = [step for frame in frames for step in frame.steps]
    return times, np.array([frame.force for frame in frames]), np.array([frame.on_ground for frame in frames]), steps


def estimate_feet(model, inputs):
    """Estimate the channels (N, K, 2, C) of the left and the right foot from inputs (N, I), NaN where inputs are."""
    channels = np.full((len(inputs), len(model.settings.lags_s), 2, len(CHANNELS)), np.nan)
    whole = np.isfinite(inputs).all(axis=1)
    channels[whole, :, 0] = estimate(model, as_right_foot(model.settings, inputs[whole])) * [*MIRROR, 1.0]
    channels[whole, :, 1] = estimate(model, inputs[whole])
    return channels


def window_inputs(settings, points, times, *, every=1):
    """Lay out the window of one frame in `every`: inputs (F / every, I) from points (F, 11, 3) m at times (F,) s.

    NaN where the window is not whole. Windows of the same frame times are smoothed together.
    """
    frames = range(0, len(points), every)
    inputs = np.full((len(frames), settings.size), np.nan)
    seen, same_times = np.isfinite(points).all(axis=(1, 2)), {}
    for row, newest in enumerate(frames):
        window = slice(_first(times[: newest + 1], settings), newest + 1)
        if seen[window].all() and _long(settings, times[window]):
            same_times.setdefault(_micros(times[window]), []).append((row, newest))
        else:
            inputs[row] = _inputs(settings, points[window], times[window])
    for micros, rows in same_times.items():
        if not _whole(settings, np.array(micros), np.ones(len(micros), bool)):
            continue
        (row, newest), reach = np.array(rows).T, np.arange(1 - len(micros), 1)
        for part in np.array_split(np.arange(len(row)), -(-len(row) // BATCH)):
            inputs[row[part]] = whole_window_inputs(settings, points[newest[part, None] + reach], micros)
    return inputs


def as_right_foot(settings, inputs):
    """Turn the inputs (N, I) of a left foot into those of a right one."""
    shaped = inputs.reshape(len(inputs), 3 * settings.nodes, len(POINTS), 3)
    return mirrored(shaped).reshape(inputs.shape)


def _inputs(settings, points, times):
    """Lay out one window (W, 11, 3) m, the newest frame last: motion relative to the pelvis' even way.

    NaN where the window is not whole. Points that were seen in the same frames are smoothed together.
    """
    if not _long(settings, times):
        return np.full(settings.size, np.nan)
    micros, seen = np.array(_micros(times)), np.isfinite(points).all(axis=2)
    patterns = np.unique(seen, axis=1).T
    if not all(_whole(settings, micros, frames) for frames in patterns):
        return np.full(settings.size, np.nan)
    moved = np.empty((3 * settings.nodes, len(POINTS), 3))
    for frames in patterns:
        mine = (seen == frames[:, None]).all(axis=0)
        smooth, way = smoother(settings, tuple(micros[frames].tolist()))
        moved[:, mine] = np.tensordot(smooth, points[np.ix_(frames, mine)], axes=1)
        if mine[0]:
            pelvis = way @ points[frames, 0] * HORIZONTAL
    return (moved - pelvis[:, None]).ravel()


def _long(settings, times):
    """Tell whether frames at times (W,) s, the newest last, span a window."""
    return len(times) >= FEWEST and times[0] <= times[-1] - settings.window_s + SLACK_S


def _micros(times):
    """Give times (W,) s as whole us before the newest."""
    return tuple(np.rint(1e6 * (times - times[-1])).astype(int).tolist())


def _whole(settings, micros, seen):
    """Tell whether a point that was `seen` (W,) in some frames of a window has no gap longer than max_gap_s."""
    spacing = np.median(np.diff(micros))
    edges = np.concatenate([[micros[0] - spacing], micros[seen], [spacing]])
    return seen.sum() >= FEWEST and np.diff(edges).max() - spacing <= 1e6 * (settings.max_gap_s + SLACK_S)


def _first(times, settings):
    """Find the first frame of the newest frame's window: the last that is as old as the window."""
    return max(0, int(np.searchsorted(times, times[-1] - settings.window_s + SLACK_S, side="right")) - 1)


def _forces(feet, time_s, channels):
    """Decide which foot is on the ground, from both feet's channels (2, C), and note the contacts that end."""
    force, on_ground = channels[:, :3], channels[:, 3] > ON
    force = np.where(on_ground[:, None] | np.isnan(force), force, 0.0)
    ended = [foot.take(time_s, own) for foot, own in zip(feet, channels, strict=True)]
    return Forces(time_s, force, on_ground, [step for step in ended if step])


def _lag(model, lag_s):
    lags_s, lag_s = model.settings.lags_s, number(lag_s)
    if lag_s not in lags_s:
        raise ValueError(
            f"A stream lags by what its model was trained for: {', '.join(f'{lag:g}' for lag in lags_s)} s; "
            f"found {lag_s:g}. Choose one of them."
        )
    return lags_s.index(lag_s)


def _check_metres(points, dimensions):
    """Check that a frame (11, 3) or a recording (F, 11, 3) is in m."""
    if points.ndim != dimensions or points.shape[-2:] != (len(POINTS), 3):
        raise ValueError(
            f"{'A frame is (11, 3)' if dimensions == 2 else 'A recording is (F, 11, 3)'}: AP, ML and V of the points "
            f"{', '.join(POINTS)}; found {points.shape}. Arrange it in this way."
        )
    highest = np.abs(points[..., 0, 2]).max(initial=0, where=np.isfinite(points[..., 0, 2]))
    if highest > TALLEST_M:
        raise ValueError(
            f"Points are in m above the ground; found a pelvis at {highest:,.0f}. If they are in mm, divide by 1000."
        )


class _Foot:
    """One foot's contact while it lasts: (time, channels) from touchdown on."""

    def __init__(self, side, vlr):
        self.side, self.vlr, self.before, self.contact = side, vlr, None, []

    def take(self, time_s, channels):
        """Take the channels (C,) of a moment: the Step that ended, or None.

        A contact that was interrupted, or whose beginning was not seen, is no step.
        """
        before, self.before = self.before, (time_s, channels)
        if before is None or not np.isfinite(channels).all() or not np.isfinite(before[1]).all():
            self.contact = []
        elif not self.contact and channels[3] > ON >= before[1][3]:
            self.contact = [_crossing(before, self.before), self.before]
        elif self.contact and channels[3] > ON:
            self.contact.append(self.before)
        elif self.contact:
            step, self.contact = [*self.contact, _crossing(before, self.before)], []
            return self._step(*map(np.array, zip(*step, strict=True)))
        return None

    def _step(self, times, channels):
        if times[-1] - times[0] < SHORTEST_S:
            return None
        found = features.extract(channels[:, :3], times - times[0], vlr=self.vlr)
        return Step(self.side, float(times[0]), float(times[-1]), found)


def _crossing(before, after):
    """Interpolate where contact begins or ends between two moments (time, channels)."""
    share = (ON - before[1][3]) / (after[1][3] - before[1][3])
    return before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])

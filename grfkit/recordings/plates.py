"""Force plates: their zero level, contacts, steps over several plates, and what a runner weighs.

In: c3d.Plate, or a vertical force (T,) N. Out: forces (T, 3) N, centres of pressure (T, 3) m, contacts in frames, kg.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from grfkit.points import GRAVITY

SMALLEST_PEAK_N = 100.0  # below this a blip above the threshold is noise, not a foot: our choice
LONGEST_DROPOUT_S = 0.015  # force below the threshold for so short a time does not end a contact: our choice
LOADED_N, MARGIN_S = 50.0, 0.010  # certainly a contact, and how long a plate may ring before and after it: our choice
THRESHOLD_N, NOISE_SD = 20.0, 3  # lowest contact threshold, and its multiple of the unloaded plates' SD: our choice
UNLOADED_N = 30.0  # how far unloaded frames may lie from the lowest tenth: our choice
WINDOW_S = 1.0  # the zero level is found again in each second: our choice, two steps or more of running
NEIGHBOURS_M = 0.1  # a foot may stand on two plates that lie no further apart: our choice
STANDING_N = 150.0  # a second whose lowest force is this far above the others' is loaded throughout: our choice
LOW_SHARE = 0.1  # of its peak: the vertical force of a stance is below this only briefly; our choice
LONGEST_FLIGHT_S = 0.25  # a longer pause between two contacts holds a step that was not recorded: our choice
CLIPPED_FRAMES = 4  # so many frames in a row at the same extreme are not by chance: our choice
ESTIMATED = "estimated by grfkit"  # name of the plates in our own files, which measured nothing (reports.exports)
CLIPPED_COUNTS = (0.5, 2.5, 4.5)  # steps of the converter by which a clipped channel may still vary: our choice
# At twice the distance from its peak, a parabola has fallen 4 times as far, a quartic 16 times; a clipped peak falls at
# once. Our choice: more than either.
SHOULDER = 20.0
END_SHARE = 0.05  # of a channel's range: an extreme this near to the unloaded level is noise, not a peak; our choice


class Contact(NamedTuple):
    """One step on the plates, from frame `first` to `end` (exclusive)."""

    first: int
    end: int
    parts: list  # (number of the plate, first, end)
    plates: frozenset  # numbers of all plates that feel the step


def zeroed(plate, hz):
    """Remove offset and drift from the force and the centre of pressure of a c3d.Plate."""
    moments = np.nan_to_num(plate.force[:, 2:] * plate.cop)  # they have an offset, as the force does
    level = zero_level(np.column_stack([plate.force, moments]), plate.force[:, 2], hz)
    force = plate.force - level[:, :3]
    return replace(plate, force=force, cop=(moments - level[:, 3:]) / np.where(force[:, 2:] == 0, np.nan, force[:, 2:]))


def combined(plates, *, threshold_n=0.0, frames=slice(None)):
    """Combine several plates (c3d.Plate, zeroed): force (T, 3) N and centre of pressure (T, 3) m of some frames.

    The centre of pressure is the mean over the plates, weighted by their vertical forces; NaN where their total force
    is not above the threshold.
    """
    force = sum(plate.force[frames] for plate in plates)
    moments = sum(np.nan_to_num(plate.force[frames, 2:] * plate.cop[frames]) for plate in plates)
    loaded = force[:, 2:] > threshold_n
    return force, np.where(loaded, moments / np.where(loaded, force[:, 2:], 1.0), np.nan)


def zero_level(values, vertical, hz):
    """Estimate a plate's unloaded reading (offset and drift): (T, C) from values (T, C) and vertical force (T,) N.

    In each second it is the median over the unloaded frames, those near the lowest tenth of the vertical force; between
    seconds it is interpolated (our choice). A second that is loaded throughout takes the level of its neighbours.
    """
    windows = np.array_split(np.arange(len(values)), max(1, round(len(values) / hz / WINDOW_S)))
    lows = np.array([np.quantile(vertical[frames], 0.1, method="lower") for frames in windows])
    centres, levels = [], []
    for frames, low in zip(windows, lows, strict=True):
        if low - lows.min() < STANDING_N:
            unloaded = frames[np.abs(vertical[frames] - low) < UNLOADED_N]
            centres.append(unloaded.mean())
            levels.append(np.median(values[unloaded], axis=0))
    return np.stack([np.interp(np.arange(len(values)), centres, level) for level in np.transpose(levels)], axis=1)


def noise(forces, hz):
    """Measure the SD (N) of the worst plate's vertical force while nobody is on any plate; NaN if somebody always is.

    `forces` (T, 3) N of each plate, zeroed.
    """
    busy = np.zeros(len(forces[0]) if forces else 0, bool)
    for force in forces:
        for first, end in contacts(force[:, 2], threshold_n=LOADED_N, rate_hz=hz):
            busy[max(0, first - round(MARGIN_S * hz)) : end + round(MARGIN_S * hz)] = True
    return max(float(force[~busy, 2].std()) for force in forces) if (~busy).sum() > MARGIN_S * hz else float("nan")


def threshold(noise_n):
    """Give a contact threshold (N) above the noise (N) of unloaded plates, which is NaN if not known."""
    return THRESHOLD_N if np.isnan(noise_n) else max(THRESHOLD_N, 10 * float(np.ceil(NOISE_SD * noise_n / 10)))


def saturated(channels, vertical):
    """Find the frames in which a raw channel of a loaded plate is clipped: (T,) bool.

    `channels` are (T, C) as recorded, in any units, `vertical` (T,) N is positive. A channel is clipped at its largest
    or smallest value in the recording if it stays there for CLIPPED_FRAMES and leaves abruptly at both ends: a real
    peak is round. Its unloaded level does not count as an extreme. Source: our choice.
    """
    if not channels.size:
        return np.zeros(len(vertical), bool)
    loaded = vertical > LOW_SHARE * vertical.max()
    level = np.median(channels[vertical <= np.quantile(vertical, 0.1)], axis=0)
    ends = [_clipped(sign * values) for values in (channels - level).T for sign in (1, -1)]
    return loaded & np.any(ends, axis=0)


def _clipped(values):
    """Find the frames (T,) in which values (T,), 0 where unloaded, are cut off at their largest."""
    none, top, reach = np.zeros(len(values), bool), values.max(), np.ptp(values)
    few = len(values) - min(CLIPPED_FRAMES, len(values))
    if top <= END_SHARE * reach or top - np.partition(values, few)[few] > END_SHARE * reach:  # most channels end here
        return none
    gaps = np.diff(np.unique(values))
    count = gaps[gaps > 1e-6 * reach].min()  # a smaller one is the rounding of single precision
    for slack in CLIPPED_COUNTS:
        near = values >= top - slack * count
        if any(_abrupt(values, first, end, SHOULDER * slack * count) for first, end in _runs(near)):
            return near
    return none


def _abrupt(values, first, end, fall):
    """Tell whether values fall by more than `fall` within half the length of the run from `first` to `end`."""
    aside = (end - first - 1) // 2
    if end - first < CLIPPED_FRAMES or first < aside or end + aside > len(values):
        return False
    return values[first:end].max() - max(values[first - aside], values[end + aside - 1]) > fall


def _runs(flags):
    """List the runs of true frames in flags (T,): arrays (N, 2) of first and end, exclusive."""
    return np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int))).reshape(-1, 2)


def contacts(vertical, *, threshold_n, rate_hz, smallest_n=SMALLEST_PEAK_N):
    """Find contacts in a vertical force (T,) N: runs of frames above the threshold (paper section 1.4.1).

    A run that stays under `smallest_n` is noise; two runs with only a short dropout between them are one contact.
    Returns a list of (first, end), end exclusive.
    """
    runs = []
    for first, end in _runs(vertical > threshold_n):
        if vertical[first:end].max() <= smallest_n:
            continue
        if runs and first - runs[-1][1] <= LONGEST_DROPOUT_S * rate_hz:
            first = runs.pop()[0]
        runs.append((int(first), int(end)))
    return runs


def steps(plates, *, threshold_n, rate_hz, longest_s):
    """Find the steps on several plates (c3d.Plate, zeroed); returns a list of Contact in order of time.

    A runner has only one foot on the ground: contacts on neighbouring plates that overlap in time are parts of one
    step, unless the feet show otherwise. A plate that is loaded for longer than the longest stance, `longest_s`, is not
    part of a step on another plate.
    """
    forces, numbers = [plate.force[:, 2] for plate in plates], range(len(plates))
    beside = [
        [one != two and gap(plates[one].corners, plates[two].corners) < NEIGHBOURS_M for two in numbers]
        for one in numbers
    ]
    parts = sorted(
        (first, end, number)
        for number, force in enumerate(forces)
        for first, end in contacts(force, threshold_n=threshold_n, rate_hz=rate_hz)
    )
    found, alone = [], []
    for first, end, number in parts:
        part = Contact(first, end, [(number, first, end)], frozenset([number]))
        last = found[-1] if found else None
        if end - first > longest_s * rate_hz:
            alone.append(part)
        elif (
            last
            and first <= last.end + LONGEST_DROPOUT_S * rate_hz
            and any(beside[number][other] for other in last.plates)
        ):
            found[-1] = Contact(last.first, max(last.end, end), last.parts + part.parts, last.plates | part.plates)
        else:
            found.append(part)
    for number in (number for number in numbers if any(beside[number])):
        # a plate that a foot only touches counts if its neighbour carries the foot
        for first, end in contacts(forces[number], threshold_n=threshold_n, rate_hz=rate_hz, smallest_n=0):
            found = [
                step._replace(plates=step.plates | {number})
                if step.first <= first and end <= step.end and any(beside[number][other] for other in step.plates)
                else step
                for step in found
            ]
    return sorted(found + alone)


def gap(one, two):
    """Measure how far (m) two plates (4, 3) m lie apart, along the edges of either; negative if they overlap."""
    return min(beyond(corner, plate) for corners, plate in ((one, two), (two, one)) for corner in corners)


def beyond(place, corners):
    """Measure how far (m) a place (3,) m lies beyond a plate (4, 3) m, along the plate's edges; negative is inside."""
    reach = []
    for edge in (corners[1] - corners[0], corners[3] - corners[0]):
        length = np.linalg.norm(edge[:2])
        along = (place - corners[0])[:2] @ edge[:2] / length
        reach += [-along, along - length]
    return max(reach)


def longest_low(vertical):
    """Count the frames of the longest time for which a vertical force (T,) stays below a tenth of its peak."""
    return int(np.diff(np.concatenate([[-1], _loaded(vertical), [len(vertical)]])).max()) - 1


def middle(vertical):
    """Find the middle frame of a contact's vertical force (T,), of the frames above a tenth of its peak."""
    loaded = _loaded(vertical)
    return int(loaded[0] + loaded[-1]) // 2


def _loaded(vertical):
    return np.flatnonzero(vertical > LOW_SHARE * vertical.max())


def weigh(vertical, steps, *, hz):
    """Sum the impulse (N s) of the vertical force (T,) N of all plates over whole strides, and their duration (s).

    `steps` are (first, end) frames of whole stances in order; a long pause or an overlap divides them into rows. Three
    or more stances in a row give whole strides, from touchdown to touchdown of the same foot; two give one step, which
    is less certain. Mean force / g is the mass, because over whole strides the body neither rises nor sinks. Source:
    our choice.
    """
    impulse, duration, run = 0.0, 0.0, []
    for first, end in [*steps, (np.inf, np.inf)]:
        if run and not 0 < first - run[-1][1] < LONGEST_FLIGHT_S * hz:
            count = len(run) - 1
            last = count - count % 2 if count > 1 else count
            impulse += vertical[run[0][0] : run[last][0]].sum() / hz
            duration += (run[last][0] - run[0][0]) / hz
            run = []
        run.append((first, end))
    return impulse, duration


def mass(impulse, duration):
    """Turn the sums of `weigh` into kg; NaN if nothing was weighed."""
    return impulse / duration / GRAVITY if duration else float("nan")

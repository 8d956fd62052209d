"""Place the rows of a text file on even frames, by their times.

In: the time of each row. Out: the number of its frame, and the rate.
"""

from typing import NamedTuple

import numpy as np

JITTER = 0.3  # of a frame, by which a time may differ from an even one: our choice; rounding to 1 ms is .12 at 240 Hz
LONGEST_GAPS = 5  # with more than so many times as many frames as rows, it is not a recording: our choice


class Frames(NamedTuple):
    """The frames to which rows belong."""

    index: np.ndarray  # (N,) the frame of each row, the first is 0
    rate_hz: float
    start_s: float  # the time of frame 0, on the file's own clock


def place(when, *, name, lines, column):
    """Place rows on even frames by their times (N,) s; returns Frames.

    `name` is the file's, `lines` the number of the line of each row, `column` the name of the times. Raises ValueError
    for times that do not rise, or are not evenly spaced; gaps of whole frames are allowed.
    """
    steps = np.diff(when)
    bad = np.flatnonzero(~(steps > 0))
    if len(bad) or len(when) < 3:
        found = f"breaks this in row {lines[bad[0] + 1]}, column {column}" if len(bad) else f"has {len(when)} row(s)"
        raise ValueError(
            f"The times of a recording must be numbers that rise from row to row, in at least three rows; {name} "
            f"{found}. Export each recording to its own file, with times to a thousandth of a second."
        )
    usual = steps[np.abs(steps / np.median(steps) - 1) < 0.5].mean()
    index = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(steps / usual)))]).astype(int)
    each, start = np.polyfit(index, when, 1)
    off = np.abs(when - start - each * index) / each
    if off.max() > JITTER or abs(each / usual - 1) > JITTER / 3 or index[-1] > LONGEST_GAPS * len(when):
        raise ValueError(
            f"The frames of a recording must be evenly spaced, except for gaps of whole frames; {name} is "
            f"{off.max():.2f} of a frame off "
            f"in row {lines[int(off.argmax())]}, column {column} ({len(when)} rows, {1 / usual:.1f} Hz). Export it "
            "at one rate."
        )
    return Frames(index, round(1 / each, 3), round(float(start), 9) + 0.0)  # no -0

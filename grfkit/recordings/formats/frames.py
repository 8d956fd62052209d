"""Place the rows of a text file on even frames, by their times.

In: the time of each row. Out: the number of its frame, and the rate.
"""

from typing import NamedTuple

import numpy as np

JITTER = 0.3  # of a frame, by which a time may be off an even one: our choice; rounding to 1 ms is .12 at 240 Hz
LONGEST_GAPS = 5  # times as many frames as rows: more, and the times are no recording's: our choice


class Frames(NamedTuple):
    """The frames on which rows lie."""

    index: np.ndarray  # (N,) the frame of each row, the first is 0
    rate_hz: float
    start_s: float  # the time of frame 0, on the file's own clock


def place(when, *, name, lines, column):
    """Place rows on even frames by their times (N,) s; returns Frames.

    `name` is that of the file, `lines` the number of the line of each row, `column` the name of the times. Raises
    ValueError for times that do not rise, or are not even but for gaps of whole frames.
    """
    steps = np.diff(when)
    bad = np.flatnonzero(~(steps > 0))
    if len(bad) or len(when) < 3:
        row = f"row {lines[bad[0] + 1]}" if len(bad) else f"having {len(when)}"
        raise ValueError(
            f"The times of a recording are numbers that rise from row to row, three rows at least; {name} "
            f"breaks this in {row}, "
            f"column {column}. Export each recording to a file of its own, with times to a thousandth of a second."
        )
    usual = steps[np.abs(steps / np.median(steps) - 1) < 0.5].mean()
    index = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(steps / usual)))]).astype(int)
    each, start = np.polyfit(index, when, 1)
    off = np.abs(when - start - each * index) / each
    if off.max() > JITTER or abs(each / usual - 1) > JITTER / 3 or index[-1] > LONGEST_GAPS * len(when):
        raise ValueError(
            f"The frames of a recording are evenly spaced, but for gaps of whole frames; {name} is "
            f"{off.max():.2f} of a frame off "
            f"in row {lines[int(off.argmax())]}, column {column} ({len(when)} rows, {1 / usual:.1f} Hz). Export it "
            "at one rate."
        )
    return Frames(index, round(1 / each, 3), round(float(start), 9) + 0.0)  # no -0

"""How long steps take on this machine. Two ways of a step are timed in turns, so that a slow moment slows both.

In: functions to time. Out: rows of bench.csv and cost.csv. Ratios are of wall-clock times, medians with quartiles. The
ratio of processor times is given too, because other programs disturb it less. grfkit.evaluation.cost.cost_cases has the
steps that are timed.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd

MATRIX = 1024  # rows of the square matrices whose product tells what the machine can do: our choice


def measure(ours, against, *, repeats):
    """Time two functions by turns; returns (repeats, 2, 2) s: ours and the other one, wall-clock and processor time."""
    times = np.empty((repeats, 2, 2))
    for turn in range(repeats):
        for which in (0, 1) if turn % 2 else (1, 0):
            wall, cpu = time.perf_counter(), time.process_time()
            (ours, against)[which]()
            times[turn, which] = time.perf_counter() - wall, time.process_time() - cpu
    return times


def ratio_row(step, case, against, times, *, at_most=np.nan, at_least=np.nan, ms_at_most=np.nan):
    """Lay out `times` (n, 2, 2) s of measure as a row of bench.csv, with a bar for ratio or milliseconds."""
    ratios = times[:, 0] / np.maximum(times[:, 1], 1e-9)
    low, middle, high = np.quantile(ratios[:, 0], [0.25, 0.5, 0.75])
    ms, other = 1000 * np.median(times[..., 0], axis=0)
    return {
        "bench": step,
        "case": case,
        "against": against,
        "n": len(times),
        "ms": ms,
        "against_ms": other,
        "ratio": middle,
        "ratio_low": low,
        "ratio_high": high,
        "cpu_ratio": np.median(ratios[:, 1]),
        **(_bar(ms, at_most=ms_at_most, unit=" ms") if np.isfinite(ms_at_most) else _bar(middle, at_most, at_least)),
    }


def number_row(step, case, against, number, *, at_most=np.nan, at_least=np.nan):
    """Lay out a number that is no time as a row of bench.csv."""
    return {"bench": step, "case": case, "against": against, "ratio": number, **_bar(number, at_most, at_least)}


def _bar(number, at_most=np.nan, at_least=np.nan, unit=""):
    """Say what a number should be, and whether it is; nothing where there is no bar."""
    if np.isnan([at_most, at_least]).all():
        return {"bar": "", "met": ""}
    bar = f"at most {at_most:g}{unit}" if np.isfinite(at_most) else f"at least {at_least:g}{unit}"
    return {"bar": bar, "met": "no" if number > at_most or number < at_least else "yes"}


def as_text(rows):
    """Lay rows of bench.csv out for reading: one column of times, ratios with their quartiles."""
    columns = ["case", "against", "ms", "against_ms", "ratio", "ratio_low", "ratio_high", "cpu_ratio", "bar", "met"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    ratios = [
        f"{row.ratio:.2f}" + (f" ({row.ratio_low:.2f} to {row.ratio_high:.2f})" if np.isfinite(row.ratio_low) else "")
        for row in table.itertuples()
    ]
    times = [f"{row.ms:,.1f} : {row.against_ms:,.1f}" if np.isfinite(row.ms) else "" for row in table.itertuples()]
    cpu = [f"{ratio:.2f}" if np.isfinite(ratio) else "" for ratio in table["cpu_ratio"]]
    table = table.assign(ms=times, ratio=ratios, cpu_ratio=cpu).set_index("case").rename_axis(None)
    return table[["against", "ms", "ratio", "cpu_ratio", "bar", "met"]]


def matrix_rate(*, repeats=20):
    """Measure the floating-point operations a second of a product of large single-precision matrices, on one thread."""
    import torch

    torch.set_num_threads(1)
    a, seconds = torch.rand(MATRIX, MATRIX), []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / np.median(seconds)


def cost_by_number(work, stances, numbers, *, seed):
    """Do a task on n virtual stances, for each of `numbers`; returns a table work, n, seconds, peak_gb, exponent.

    `work` is a function of points (N, C), forces (N, 3) and lengths (S,), of which `stances` are some. Each number has
    a process of its own; `peak_gb` is the most memory that it ever held, stances, Python and torch included. The
    exponent is that of the time against the row before.
    """
    rows = []
    for n in numbers:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            seconds, peak_gb = fresh.submit(_in_process, work, stances, n, seed).result()
        rows.append({"work": work.__name__, "n": n, "seconds": seconds, "peak_gb": peak_gb})
    table = pd.DataFrame(rows)
    return table.assign(exponent=np.log(table["seconds"]).diff() / np.log(table["n"]).diff())


def exponent(table):
    """Fit the exponent of time against number of stances to a table of cost_by_number: the slope of the logarithms."""
    return float(np.polyfit(np.log(table["n"]), np.log(table["seconds"]), 1)[0])


def grow(points, forces, lengths, n, *, seed):
    """Make n virtual stances in memory out of some, drawn anew, each some per cent larger or smaller.

    Returns points (N, C), forces (N, 3) and lengths (n,).
    """
    from grfkit import transform

    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(lengths), n)
    rows = transform.rows_of(lengths, chosen)
    size = np.repeat(rng.uniform(0.95, 1.05, n).astype(np.float32), lengths[chosen])[:, None]
    points, forces = points.astype(np.float32)[rows], forces.astype(np.float32)[rows]
    points *= size
    forces *= size
    return points, forces, lengths[chosen]


def _in_process(work, stances, n, seed):
    """Do the work on n stances: seconds, and the most memory (GB) of this process."""
    data = grow(*stances, n, seed=seed)
    work(*grow(*stances, 20, seed=seed))  # imports and first calls are not what grows
    del stances
    start = time.perf_counter()
    work(*data)
    return time.perf_counter() - start, _peak_gb()


def _peak_gb():
    """Give the most memory that this process ever held, in GB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB, or on a Mac in bytes
    return peak / (1e9 if sys.platform == "darwin" else 1e6)

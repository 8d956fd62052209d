"""What things cost: each pair is measured in the same run, one and the other by turns, so that a slow moment slows both.

    grfkit bench --study params/virtual.yaml --reports reports/bench

runs notebooks/bench.ipynb with one thread for matrix products, as a worker has it, and gives index.html and its tables. Ratios are
of wall-clock times, medians with quartiles; beside them stands that of processor times, which other programs disturb less. What
is measured is in grfkit.evaluation.cost.cost_cases.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd

MATRIX = 1024  # rows of the square matrices whose product tells what the machine can do: our choice
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def measure(ours, against, *, repeats):
    """Time two functions by turns; returns (repeats, 2, 2): ours and the other one, wall-clock and processor time in s."""
    times = np.empty((repeats, 2, 2))
    for turn in range(repeats):
        for which in (0, 1) if turn % 2 else (1, 0):
            wall, cpu = time.perf_counter(), time.process_time()
            (ours, against)[which]()
            times[turn, which] = time.perf_counter() - wall, time.process_time() - cpu
    return times


def row(bench, case, against, times, *, at_most=np.nan, at_least=np.nan, ms_at_most=np.nan):
    """Summarise `times` (n, 2, 2) s of measure as a row of bench.csv, with the bar for the ratio, or for our own milliseconds."""
    ratios = times[:, 0] / np.maximum(times[:, 1], 1e-9)
    low, middle, high = np.quantile(ratios[:, 0], [0.25, 0.5, 0.75])
    ms, other = 1000 * np.median(times[..., 0], axis=0)
    bar = _bar(ms, ms_at_most, np.nan, " ms") if np.isfinite(ms_at_most) else _bar(middle, at_most, at_least)
    return {
        "bench": bench,
        "case": case,
        "against": against,
        "n": len(times),
        "ms": ms,
        "against_ms": other,
        "ratio": middle,
        "ratio_low": low,
        "ratio_high": high,
        "cpu_ratio": np.median(ratios[:, 1]),
        **bar,
    }


def value(bench, case, against, number, *, at_most=np.nan, at_least=np.nan):
    """Lay out a number that is no time as a row of bench.csv."""
    return {"bench": bench, "case": case, "against": against, "ratio": number, **_bar(number, at_most, at_least)}


def _bar(number, at_most, at_least, unit=""):
    """Say what a number should be, and whether it is; nothing where there is no bar."""
    if np.isnan([at_most, at_least]).all():
        return {"bar": "", "met": ""}
    named = f"at most {at_most:g}{unit}" if np.isfinite(at_most) else f"at least {at_least:g}{unit}"
    return {"bar": named, "met": "no" if number > at_most or number < at_least else "yes"}


def shown(rows):
    """Lay rows of bench.csv out for reading: one column of times, ratios with their quartiles."""
    table = pd.DataFrame(rows).reindex(
        columns=["case", "against", "ms", "against_ms", "ratio", "ratio_low", "ratio_high", "cpu_ratio", "bar", "met"]
    )
    spread = [
        f"{row.ratio:.2f}" + (f" ({row.ratio_low:.2f} to {row.ratio_high:.2f})" if np.isfinite(row.ratio_low) else "")
        for row in table.itertuples()
    ]
    times = [f"{row.ms:,.1f} : {row.against_ms:,.1f}" if np.isfinite(row.ms) else "" for row in table.itertuples()]
    cpu = [f"{ratio:.2f}" if np.isfinite(ratio) else "" for ratio in table["cpu_ratio"]]
    laid = table.assign(ms=times, ratio=spread, cpu_ratio=cpu)[
        ["case", "against", "ms", "ratio", "cpu_ratio", "bar", "met"]
    ]
    return laid.set_index("case").rename_axis(None)


def matrix_rate(*, repeats=20):
    """Measure the floating-point operations a second of a product of two large matrices in single precision, on one thread."""
    import torch

    torch.set_num_threads(1)
    a, seconds = torch.rand(MATRIX, MATRIX), []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / np.median(seconds)


def cost_of(work, stances, numbers, *, seed):
    """Do a work (a function of points, forces and lengths) on so many virtual stances; returns a table n, seconds, peak_gb, exponent.

    Each number has a process of its own; peak_gb is the most that it ever held, stances, Python and torch included. The exponent is that
    of the time against the row before.
    """
    rows = []
    for n in numbers:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            seconds, peak_gb = fresh.submit(_in_process, work, stances, n, seed).result()
        rows.append({"work": work.__name__, "n": n, "seconds": seconds, "peak_gb": peak_gb})
    table = pd.DataFrame(rows)
    return table.assign(exponent=np.log(table["seconds"]).diff() / np.log(table["n"]).diff())


def exponent(table):
    """Fit the exponent of time against number of stances to a table of cost_of: the slope of the logarithms."""
    return float(np.polyfit(np.log(table["n"]), np.log(table["seconds"]), 1)[0])


def _in_process(work, stances, n, seed):
    data = grown(*stances, n, seed=seed)
    work(*grown(*stances, 20, seed=seed))  # imports and first calls are not what grows
    del stances
    start = time.perf_counter()
    work(*data)
    return time.perf_counter() - start, _peak_gb()


def grown(points, forces, lengths, n, *, seed):
    """Make n virtual stances in memory out of some, drawn anew, each some per cent larger or smaller; returns points, forces, lengths."""
    from grfkit import transform

    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(lengths), n)
    rows, size = (
        transform.rows_of(lengths, chosen),
        np.repeat(rng.uniform(0.95, 1.05, n).astype(np.float32), lengths[chosen])[:, None],
    )
    points, forces = points.astype(np.float32)[rows], forces.astype(np.float32)[rows]
    points *= size
    forces *= size
    return points, forces, lengths[chosen]


def _peak_gb():
    """Give the most memory that this process ever held, in GB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB, or on a Mac in bytes
    return peak / (1e9 if sys.platform == "darwin" else 1e6)

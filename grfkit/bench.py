"""What things cost: each pair is measured in the same run, one and the other by turns, so that a slow moment slows both.

    python -m grfkit.bench --study params/virtual.yaml --reports reports/bench

runs notebooks/bench.ipynb with one thread for matrix products (as a worker has it), and gives index.html and bench.csv. Numbers
are ratios of wall-clock times, medians with quartiles; beside them stands the ratio of processor times, which other programs on
the machine disturb less.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from inspect import signature
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

MATRIX = 1024  # rows of the square matrices whose product tells what the machine can do: our choice


def measure(ours, against, *, repeats):
    """Time two functions by turns; returns (repeats, 2, 2): ours and the other one, wall-clock and processor time in s."""
    times = np.empty((repeats, 2, 2))
    for turn in range(repeats):
        for which in (0, 1) if turn % 2 else (1, 0):
            wall, cpu = time.perf_counter(), time.process_time()
            (ours, against)[which]()
            times[turn, which] = time.perf_counter() - wall, time.process_time() - cpu
    return times


def row(bench, case, against, times, *, unit=1, at_most=np.nan, at_least=np.nan):
    """Summarise `times` (n, 2, 2) s of measure, as one row of bench.csv: seconds for each of `unit` things, ratio, and what it should be."""
    ratios = times[:, 0] / times[:, 1]
    low, middle, high = np.quantile(ratios[:, 0], [0.25, 0.5, 0.75])
    seconds, other = np.median(times[..., 0], axis=0) / unit
    met = "" if np.isnan([at_most, at_least]).all() else "yes" if not (middle > at_most or middle < at_least) else "no"
    return {"bench": bench, "case": case, "against": against, "n": len(times), "seconds": seconds, "against_seconds": other, "ratio": middle,
            "ratio_low": low, "ratio_high": high, "cpu_ratio": np.median(ratios[:, 1]), "at_most": at_most, "at_least": at_least, "met": met}


def preprocessing(section):
    """Take from a study's section 01_preprocess what stance.collect is given."""
    from grfkit import stance
    given = {name: section[name] for name in signature(stance.collect).parameters if name in section}
    return given | {"landmark_source": {name: section[name] for name in ("points", "theia", "clusters")}, "limits": section["checks"]}


def reading(trials, folder, settings):
    """Read, track, cut and check the trials of each runner, against ezc3d's bare reading of the same files; returns times (runners, 2, 2)."""
    import ezc3d

    from grfkit import stance
    times = []
    for turn, (_, mine) in enumerate(trials.groupby("runner")):
        files = [*mine["file"], *sorted({*mine["static"]} - {""})]
        pair = measure(lambda: stance.collect(mine, folder, **settings),  # noqa: B023 (called at once)
                       lambda: [ezc3d.c3d(str(Path(folder) / file), extract_forceplat_data=True) for file in files],  # noqa: B023
                       repeats=2)
        times.append(pair[turn % 2])  # the files are in memory by then
    return np.stack(times)


def on_workers(trials, folder, results, settings, *, repeats):
    """Cut a cohort on one worker process and on two, which have started before; returns times (repeats, 2, 2), one worker first."""
    from dask.distributed import LocalCluster

    from grfkit import cohort
    with (cohort.quiet() as level,
          LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=level) as one,
          LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=level) as two):
        runs = [lambda cluster=cluster: cohort.collect(trials, folder, results, engine=cluster.scheduler_address, progress=False, **settings)
                for cluster in (one, two)]
        for warm in runs:
            warm()
        return measure(*runs, repeats=repeats)


class Epochs:
    """One epoch of training, ours and the floor: a bare torch.nn.LSTM and Adam over the same batches of the same shape, ready in memory."""

    def __init__(self, points, forces, lengths, *, frames_per_step, units, layers, dropout, batch_size):
        import torch
        from torch import nn

        from grfkit import model, transform
        torch.set_num_threads(1)
        self.model, self.torch, self.batch_size = model, torch, batch_size
        scalers = transform.fit_minmax(points), transform.fit_minmax(forces)
        self.training = model.tensors(points, forces, lengths, scalers, frames_per_step)
        steps, targets, _, buckets = self.training
        self.batches = [(steps[part, :count].contiguous(), targets[part, :count].contiguous()) for count, stances in buckets
                        for part in stances.tensor_split(-(-len(stances) // batch_size))]
        inputs, outputs = steps.shape[-1], targets.shape[-1]
        self.net = model.ForceLSTM(inputs, outputs, units=units, layers=layers, dropout=dropout).to(steps.device)
        self.adam = torch.optim.Adam(self.net.parameters(), fused=True)
        self.scaler = torch.amp.GradScaler(model.DEVICE, enabled=model.DEVICE == "cuda")
        self.bare = nn.ModuleList([nn.LSTM(inputs, units, layers, batch_first=True, bidirectional=True), nn.Linear(2 * units, outputs)]).to(steps.device)
        self.bare_adam = torch.optim.Adam(self.bare.parameters())
        columns = [inputs + units, *[3 * units] * (layers - 1)]  # each gate of each direction sees the inputs and its own state
        products = sum(2 * 4 * units * width for width in columns) + 2 * units * outputs
        self.flops = 3 * 2 * products * sum(x.shape[0] * x.shape[1] for x, _ in self.batches)  # backwards costs twice as much as forwards

    def ours(self):
        self.model.train_epoch(self.net, self.adam, self.scaler, self.training, self.batch_size)

    def floor(self):
        lstm, head = self.bare
        for x, y in self.batches:
            loss = self.torch.nn.functional.mse_loss(head(lstm(x)[0]), y)
            self.bare_adam.zero_grad()
            loss.backward()
            self.bare_adam.step()


def matrix_rate(*, repeats=20):
    """Measure the floating-point operations a second of a product of two large matrices on one thread, in single precision."""
    import torch
    torch.set_num_threads(1)
    a = torch.rand(MATRIX, MATRIX)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / np.median(seconds)


def held_out_error(training, validation, *, seeds, **settings):
    """Fit to some stances and give the error on others, once for each seed: (len(seeds), 2), error (root mean square of the scaled forces) and s."""
    from grfkit import model, transform
    points, forces, lengths = training
    scaler = transform.fit_minmax(forces)
    found = []
    for seed in seeds:
        start = time.perf_counter()
        fitted = model.fit(points, forces, lengths, seed=seed, **settings)
        seconds = time.perf_counter() - start
        error = scaler.transform(model.predict(fitted, validation[0], validation[2])) - scaler.transform(validation[1])
        found.append((np.sqrt(np.mean(error**2)), seconds))
    return np.array(found)


def grown(points, forces, lengths, n, *, seed):
    """Make n virtual stances in memory out of some: each one of those, stretched in size by some per cent; returns points, forces, lengths."""
    from grfkit import transform
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(lengths), n)
    rows, more = transform.rows_of(lengths, chosen), lengths[chosen]
    size = np.repeat(rng.uniform(0.95, 1.05, n).astype(np.float32), more)[:, None]
    points = points.astype(np.float32)[rows]
    points *= size
    return points, forces.astype(np.float32)[rows] * size, more


def cost_of(stances, numbers, work, *, seed):
    """Do `work` on 10^2, 10^3, ... virtual stances, each in a process of its own; returns a table n, seconds, peak_gb, exponent.

    `stances` are points (N, C), forces (N, 3), lengths (S,); `work` is one of `one_epoch` and `one_factorisation`. The exponent of a row is that of
    its time against the row before; memory is the most that the process ever held, Python and torch included.
    """
    rows = []
    for n in numbers:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            seconds, peak_gb = fresh.submit(_in_process, work, stances, n, seed).result()
        rows.append({"n": n, "seconds": seconds, "peak_gb": peak_gb})
    table = pd.DataFrame(rows)
    return table.assign(exponent=np.log(table["seconds"]).diff() / np.log(table["n"]).diff())


def exponent(table):
    """Fit the exponent of time against number of stances to a table of cost_of: the slope of the logarithms."""
    return float(np.polyfit(np.log(table["n"]), np.log(table["seconds"]), 1)[0])


def one_epoch(points, forces, lengths):
    """Train the default network for one epoch."""
    from grfkit import model
    model.fit(points, forces, lengths, seed=0, frames_per_step=10, units=64, layers=2, dropout=0.1, learning_rate=0.005, batch_size=32, epochs=1)


def one_factorisation(points, forces, lengths):
    """Leave groups of stances out of a kernel ridge regression by one candidate: what `physics` does, with positions alone."""
    from grfkit import kernel, transform
    starts = transform.starts(lengths)
    curves = [(points[first:first + length], forces[first:first + length]) for first, length in zip(starts, lengths, strict=True)]
    motion = np.stack([transform.time_normalise(own, 51) for own, _ in curves]).astype(np.float32)
    targets = np.stack([transform.time_normalise(force, 101) for _, force in curves])
    alike = kernel.Alike({"positions": (motion, motion[:, :0])}, shape="gaussian")
    kernel.left_out(alike, targets, np.arange(len(lengths)) % 20, {"positions_m": 0.1, "noise": 0.01, "edges": 0.0})


def _in_process(work, stances, n, seed):
    data = grown(*stances, n, seed=seed)
    del stances
    work(*[part[:1000] if part is not data[2] else part[:0] for part in data]) if False else None
    start = time.perf_counter()
    work(*data)
    return time.perf_counter() - start, _peak_gb()


def _peak_gb():
    """Give the most memory that this process ever held, in GB."""
    if sys.platform == "win32":
        import psutil
        return psutil.Process().memory_info().peak_wset / 1e9
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak / 1e6

"""Cuts a cohort's recordings into stances, one runner at a time: here, in several processes, or elsewhere (Dask).

In: the table of trials, and the study's Preprocessing. Out: stances.parquet, and the tables of stances, exclusions and
weights. A chunk of work is one runner, from files to finished rows, so that no chunk needs another. Rows are written in
the order of runners while the work goes on, so that no process holds more than a few runners. The file does not depend
on where the work was done.
"""

import asyncio
import logging
import platform
import re
import warnings
from collections import deque
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from itertools import islice
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from grfkit.points import FORCES, GRAVITY
from grfkit.recordings import versions
from grfkit.recordings.trials import named_files
from grfkit.stances import cut, plate_signs
from grfkit.study import store
from grfkit.study.provenance import hash_code

FRAMES, STANCES = "01_preprocess/stances.parquet", "01_preprocess/stances.csv"
SMALL_MB = 32  # of recordings: reading less takes less time than starting processes (2 to 4 s, measured); our choice
ANSWER_S = 10  # for which a scheduler is given time to answer: our choice
WORKER_S = 60  # for which a cluster may have no worker: our choice
SAME_RATE = 1.02  # largest ratio of the highest rate to the lowest: our choice
MOST_PAIRS = 5  # of equal files that a message names: our choice
LIGHT = {  # Dask's monitoring of itself takes a tenth of a processor by default
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.profile.enabled": False,
}


def collect(trials, folder, results, settings, *, engine=None):
    """Cut all trials of a table into stances and write their frames, a row group of stances.parquet for each runner.

    `trials` is read_trials' table; its order does not matter, as runners and files are sorted by name. `settings` is
    the study's Preprocessing. `engine` is threads, processes (as many as there are processors), the address of a Dask
    scheduler (tcp://host:port or tls://host:port), or None, which starts processes if there is enough work for them.
    Returns DataFrames as in stances.csv and excluded.csv, and one of the weights. A file that cannot be used is a row
    of `excluded`.

    Raises ValueError if no file can be used, if there is no stance at all, if two files hold equal forces, if a plate's
    axes are wrong, and if the engine does not answer or cannot see the recordings. The results then stay as they were.
    """
    folder, names = Path(folder).resolve(), list(zip(trials["runner"], trials["file"], strict=True))
    trials = trials.iloc[sorted(range(len(trials)), key=lambda row: natural(names[row]))]
    runners = [rows for _, rows in trials.groupby("runner", sort=False)]
    cut_runner = partial(_cut_runner, folder=str(folder), settings=settings, code=fingerprint())
    tables, marks, rates, count = [], [], set(), 0
    with (
        _engine(engine or _default(folder, trials), len(runners)) as run,
        store.growing(results, FRAMES) as append,
        tqdm(total=len(trials), desc="reading and cutting", unit="file", mininterval=1) as bar,
    ):
        for rows, (stances, frames, *others) in zip(runners, run(cut_runner, runners), strict=True):
            if len(stances):
                append(frames.assign(stance=frames["stance"] + count))
                marks += _marks(stances, frames)
                rates |= _rates(stances, frames)
            count += len(stances)
            tables.append((stances, *others))
            bar.update(len(rows))
        _say_rates(rates)
        stances, excluded, weights, felt = (_stacked(kind) for kind in zip(*tables, strict=True))
        cut.check_files(excluded, trials)
        plate_signs.check_study(felt)
        excluded = plate_signs.name_far(excluded, felt)
        if not count:
            raise ValueError(
                f"A study needs stances; none of {len(trials)} trials holds a valid one. Most frequent reasons: "
                f"{excluded['reason'].value_counts().head(3).to_dict()}. Check the axes and the thresholds in the "
                "study file."
            )
        _check_recorded_once(list(stances["file"]), marks)
        (Path(results) / STANCES).unlink(missing_ok=True)  # an earlier run's stances do not belong to these frames
    return stances.assign(stance=range(count)), excluded, weights


def _marks(stances, frames):
    """Give the marks of the force (N) of each stance, by which the same stance is recognised in another file."""
    newtons, marks = dict(zip(stances["stance"], stances["unit_kg"] * GRAVITY, strict=True)), []
    for stance, rows in frames.groupby("stance", sort=False) if len(stances) else ():
        marks.append(versions.mark(rows["time_s"].to_numpy(), rows[FORCES].to_numpy() * newtons[stance]))
    return marks


def _rates(stances, frames):
    """Give the rates (Hz) of the forces of a runner's files."""
    first = frames[frames["stance"].isin(stances.drop_duplicates("file")["stance"])]
    return {round(1 / times.diff().median()) for _, times in first.groupby("stance")["time_s"]}


def _say_rates(rates):
    """Warn of forces at several rates: LSTM steps then differ in duration."""
    if rates and max(rates) > SAME_RATE * min(rates):
        warnings.warn(
            "All forces of a study should have one sampling rate, or the LSTM's steps of `frames_per_step` frames "
            f"differ in duration; found {', '.join(map(str, sorted(rates)))} Hz. Set `force_hz` in the section "
            "01_preprocess, which brings them to one rate.",
            stacklevel=3,
        )


def _check_recorded_once(files, marks):
    """Check that no two files hold the same stance, given the file and the marks of each stance."""
    equal = versions.equal_forces(files, marks)
    if equal:
        pairs = [f"  {one} and {other}: {count} stance(s)" for (one, other), count in equal.items()]
        raise ValueError(
            f"Each recording may be in a study only once; {len(pairs)} pair(s) of files hold equal forces. The same "
            "step would count twice, or be both trained on and tested:\n"
            + "\n".join(pairs[:MOST_PAIRS])
            + f"\n{'  ...' * (len(pairs) > MOST_PAIRS)}"
            "Delete one row of each pair from the table of trials. Of files of Theia3D, keep pose_filt."
        )


def natural(names):
    """Give a key that sorts names as people do, with numbers in order of size: 9 before 010."""
    return [[int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)] for name in names], names


@cache
def fingerprint():
    """Name the program that cuts: a checksum of grfkit's modules, and the versions of the packages they use."""
    versions = [f"{package} {metadata.version(package)}" for package in ("numpy", "scipy", "pandas", "ezc3d")]
    return ", ".join([f"grfkit {hash_code()[:12]}", f"Python {platform.python_version()}", *versions])


def _cut_runner(trials, *, folder, settings, code):
    """Cut the trials of one runner on any worker that has the same program and the same recordings."""
    if code != fingerprint():
        raise ValueError(
            f"Every worker must run this program, {code}; found {fingerprint()} on {platform.node()}. "
            "Install the same version there, from the same requirements.lock, and start its workers again."
        )
    if not Path(folder).is_dir():
        raise ValueError(
            f"Every worker must find the recordings under the same path; {folder} is not there on {platform.node()}. "
            "Mount the folder there under that path, and start again."
        )
    return cut.collect(trials, folder, settings)


def _stacked(tables):
    """Stack tables without the empty ones, whose columns have no types."""
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _default(folder, trials):
    """Choose the engine if none is named: processes, if they save more time than they take to start."""
    import joblib

    files = {name for trial in trials.itertuples() for name in named_files(trial)}
    size_mb = sum((folder / file).stat().st_size for file in files) / 1e6
    return "processes" if size_mb > SMALL_MB and joblib.cpu_count() > 1 and trials["runner"].nunique() > 1 else "here"


@contextmanager
def _engine(name, most):
    """Give `run(function, chunks)`, which yields results in the order of the chunks; at most `most` workers start."""
    if name == "here":
        yield map
    elif name in ("threads", "processes"):
        import dask
        import joblib
        from dask.distributed import Client, LocalCluster

        with (
            _quiet() as level,
            dask.config.set(LIGHT),
            LocalCluster(
                n_workers=min(most, joblib.cpu_count()),
                threads_per_worker=1,
                processes=name == "processes",
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=level,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield partial(_run, client)
    elif re.fullmatch(r"(tcp|tls)://.+:\d+", name):
        with _quiet(), _connected(name) as client:
            yield partial(_run, client)
    else:
        raise ValueError(
            "DASK is threads, processes, or the address of a scheduler such as tcp://host:8786; "
            f"found {name!r}. Correct it, or leave it out."
        )


@contextmanager
def _quiet():
    """Keep Dask's messages about lost workers out of the notebook; gives the level of its log."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield logging.CRITICAL
    finally:
        logger.setLevel(before)


def _connected(address):
    """Connect to the scheduler of a cluster if one answers; without this check Dask's client may wait for ever."""
    from dask.distributed import Client

    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread runs an event loop already
            thread.submit(asyncio.run, _greet(address)).result()
        return Client(address)
    except Exception as error:  # of the network, a certificate, or another program that listens there
        raise ValueError(
            f"DASK names a Dask scheduler that is running; {address} did not answer as one within {ANSWER_S} s "
            f"({str(error) or 'silence'}). Start it (`dask scheduler`), or correct the address."
        ) from None


async def _greet(address):
    from distributed.comm import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=ANSWER_S, **arguments), ANSWER_S)
    comm.abort()


def _run(client, function, chunks):
    """Yield the result of each chunk, in order; at most two chunks for each worker thread are in progress."""
    chunks, waiting = iter(chunks), deque()
    while True:
        room = 2 * max(1, sum(client.nthreads().values())) - len(waiting)
        waiting.extend(client.submit(function, chunk, pure=False) for chunk in islice(chunks, max(room, 0)))
        if not waiting:
            return
        yield _result(client, waiting.popleft())


def _result(client, future):
    """Wait for one chunk; raises ValueError if the chunk does, or if the cluster cannot compute it."""
    from dask.distributed import KilledWorker

    while True:
        try:
            return future.result(timeout=WORKER_S)
        except TimeoutError:
            if not client.nthreads():
                raise ValueError(
                    f"A Dask scheduler needs workers; it had none for {WORKER_S} s. Start some "
                    "(`dask worker ADDRESS --nthreads 1`), then run this again."
                ) from None
        except KilledWorker as error:
            raise ValueError(
                f"A worker cuts one runner at a time; {error.allowed_failures + 1} workers died at the same runner. "
                "The usual cause is too little memory: start fewer workers on each machine."
            ) from None
        except CancelledError:
            raise ValueError(
                "A Dask scheduler must run until the last runner is cut; its connection was lost. Start the scheduler "
                "again, then run this again."
            ) from None
        except ImportError as error:
            raise ValueError(
                f"Every worker needs grfkit and its packages; found: {error}. Install the same version there, "
                "from the same requirements.lock, and start its workers again."
            ) from None

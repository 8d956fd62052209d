"""A cohort is cut runner by runner: who works, and in which order, changes no byte; a failure leaves nothing behind.

`python tests/stances/test_cohort.py FOLDER RESULTS` cuts the recordings of a folder over and over, to be stopped from
outside.
"""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import dask
import ezc3d
import pandas as pd
import psutil
import pyarrow.parquet
import pytest
from dask.distributed import Client, LocalCluster
from distributed import WorkerPlugin
from helpers import CASES, ROOT, preprocessing, script_environment

from grfkit.recordings import c3d
from grfkit.recordings import trials as trials_table
from grfkit.reports import index
from grfkit.stances import cohort, cut
from grfkit.study import file as study_file
from grfkit.study import store

PARAMS = ROOT / "params" / "smoke.yaml"
SLOW_FOR = "v02"  # the runner at whom a worker stops and waits


SETTINGS = preprocessing("smoke")
CASE = preprocessing("smoke", points=None, theia=True)  # of the recordings in tests/cases


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    from grfkit.virtual import laboratory as virtual

    folder = tmp_path_factory.mktemp("virtual")
    design = {"men": 3, "women": 3, "trials": 2, "missed_plate_steps": 3}
    virtual.record(folder, study_file.load(PARAMS).laboratory.model_copy(update=design), seed=5)
    return folder


@pytest.fixture
def trials(virtual):
    return trials_table.read_trials(virtual, table="trials.csv")


@pytest.fixture(scope="module")
def here(virtual, tmp_path_factory):
    """What one process leaves."""
    return leave(
        trials_table.read_trials(virtual, table="trials.csv"), virtual, tmp_path_factory.mktemp("here"), "here"
    )


@pytest.fixture(scope="module")
def cluster():
    """A scheduler with two workers, as on other machines: it is known by its address alone."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as started:
        yield started.scheduler_address


def leave(trials, folder, results, engine):
    """Cut a cohort; returns the bytes of all four tables."""
    tables = cohort.collect(trials, folder, results, SETTINGS, engine=engine)
    assert not list(Path(results).rglob("~*"))
    return (results / cohort.FRAMES).read_bytes(), *(table.to_csv() for table in tables)


def test_collect_leaves_the_rows_that_all_runners_at_once_leave(virtual, trials, here, tmp_path):
    tables = cohort.collect(trials, virtual, tmp_path, SETTINGS)
    stances, frames, excluded, weights, _ = cut.collect(trials, virtual, SETTINGS)
    for one, other in zip(tables, (stances, excluded, weights), strict=True):
        pd.testing.assert_frame_equal(one, other)  # the recordings' own order is that of runners and files
    pd.testing.assert_frame_equal(store.read(tmp_path, cohort.FRAMES), frames)
    assert pyarrow.parquet.ParquetFile(tmp_path / cohort.FRAMES).num_row_groups == stances["runner"].nunique() == 6
    assert (tmp_path / cohort.FRAMES).read_bytes() == here[0]


@pytest.mark.parametrize("engine", ["threads", "processes", "cluster"])
def test_collect_leaves_the_same_bytes_whoever_works(virtual, trials, here, tmp_path, cluster, engine):
    assert leave(trials, virtual, tmp_path, cluster if engine == "cluster" else engine) == here


def test_collect_leaves_the_same_bytes_in_whatever_order_the_table_is(virtual, trials, here, tmp_path, cluster):
    for seed, engine in ((0, "here"), (1, cluster)):
        assert leave(trials.sample(frac=1, random_state=seed), virtual, tmp_path / str(seed), engine) == here


def test_natural_sorts_numbers_by_size():
    names = ["10", "9", "010", "b", "a10", "a9", "", "03", "3"]
    assert sorted(names, key=lambda name: cohort.natural((name,))) == [
        "",
        "03",
        "3",
        "9",
        "010",
        "10",
        "a9",
        "a10",
        "b",
    ]


def stop_once(marker):
    """Make a worker stop at one runner, the first time: it leaves its process id and waits for what comes."""
    whole = cut.collect

    def collect(trials, folder, settings):
        if trials["runner"].iloc[0] == SLOW_FOR and not Path(marker).exists():
            Path(marker).with_suffix(".part").write_text(str(os.getpid()), encoding="utf-8")
            os.replace(Path(marker).with_suffix(".part"), marker)
            time.sleep(600)
        return whole(trials, folder, settings)

    cut.collect = collect


def kill_when(marker, killed):
    while not marker.exists():
        time.sleep(0.02)
    process = psutil.Process(int(marker.read_text(encoding="utf-8")))
    process.kill()
    process.wait(10)
    killed.append(process.pid)


def test_collect_leaves_the_same_bytes_when_a_worker_is_killed_in_the_middle_of_a_runner(
    virtual, trials, here, tmp_path, cluster
):
    marker, killed = tmp_path / "pid", []
    with Client(cluster) as client:
        client.run(stop_once, str(marker))
        thread = threading.Thread(target=kill_when, args=(marker, killed), daemon=True)
        thread.start()
        assert leave(trials, virtual, tmp_path, cluster) == here
        assert killed and killed[0] not in client.run(os.getpid).values()
        client.restart()  # the other worker still has the changed collect


def test_collect_holds_a_runner_and_not_the_cohort(virtual, trials, tmp_path, monkeypatch):
    """A runner is cut eight times: what is held when the last is cut is no more than when the third is.

    Frames are so many that all else is small. Half a runner's frames cover the small tables and other threads.
    """
    one, held, whole, given = trials[trials["runner"] == "v01"], [], cut.collect, SETTINGS

    def collect(*arguments):
        gc.collect()  # what Python has not yet thrown away is not held
        held.append(tracemalloc.get_traced_memory()[0] + pyarrow.total_allocated_bytes())
        stances, frames, *others = whole(*arguments)
        return stances, pd.concat([frames] * 60, ignore_index=True), *others

    monkeypatch.setattr(cut, "collect", collect)
    many = pd.concat([one.assign(runner=f"r{number}") for number in range(8)])
    tracemalloc.start()
    try:
        cohort.collect(many, virtual, tmp_path, given, engine="here")
    finally:
        tracemalloc.stop()
    size = store.read(tmp_path, cohort.FRAMES).memory_usage(index=False).sum() / 8
    assert len(held) == 8 and size > 5e6
    assert held[-1] - held[2] < size / 2


def test_collect_opens_each_file_once(rbds, virtual, trials, tmp_path, monkeypatch):
    """A trial, and a static trial that is of three trials."""
    opened, whole = Counter(), c3d.isolated
    monkeypatch.setattr(
        c3d, "isolated", lambda of, path, **given: opened.update([path.name]) or whole(of, path, **given)
    )
    cohort.collect(trials, virtual, tmp_path, SETTINGS, engine="here")
    table = trials_table.read_trials(rbds, table="rbds")
    cohort.collect(table[table["runner"] == "002"], rbds, tmp_path, preprocessing("rbds"), engine="here")
    assert opened == Counter(
        [Path(file).name for file in trials["file"]]
        + ["RBDS002static.c3d", *(f"RBDS002runT{speed}.c3d" for speed in (25, 35, 45))]
    )


@pytest.fixture
def earlier(tmp_path):
    """Results of an earlier run."""
    for name in (cohort.FRAMES, cohort.STANCES):
        store.save(tmp_path, name, pd.DataFrame({"stance": [1]}))
    return tmp_path


def check_untouched(results):
    assert (
        store.read(results, cohort.FRAMES)["stance"].tolist()
        == store.read(results, cohort.STANCES)["stance"].tolist()
        == [1]
    )
    assert not list(results.rglob("~*"))


def test_collect_leaves_out_broken_files_whoever_reads_them_and_names_them(virtual, trials, tmp_path, cluster):
    folder = tmp_path / "recordings"
    shutil.copytree(virtual, folder)
    broken = trials["file"][[5, 9]].tolist()
    for file in broken:
        (folder / file).write_bytes(b"no C3D")
    whole = cohort.collect(trials, virtual, tmp_path / "whole", SETTINGS, engine="here")
    left = [
        cohort.collect(trials, folder, tmp_path / str(n), SETTINGS, engine=e) for n, e in enumerate(["here", cluster])
    ]
    for one, other in zip(*left, strict=True):
        pd.testing.assert_frame_equal(one, other)
    stances, excluded, _ = left[0]
    faults = cut.unread(excluded)
    assert faults["file"].tolist() == broken and faults["reason"].str.contains("cannot be read").all()
    rows = excluded[excluded["file"].isin(broken)]
    assert (
        (rows["side"] == "").all() and rows["touchdown_s"].isna().all() and not rows["reason"].str.contains("\n").any()
    )
    counts = cut.exclusions(excluded, trials)
    assert counts.loc["file cannot be used"].sum() == 2 and not counts.index.str.startswith("file: ").any()
    assert dict(index.reasons(excluded))["file cannot be used"] == 2
    others = whole[0][~whole[0]["file"].isin(broken)]
    assert stances["touchdown_s"].tolist() == others["touchdown_s"].tolist()


def test_collect_ends_where_no_file_can_be_used_and_keeps_the_earlier_results(
    virtual, trials, tmp_path, earlier, cluster
):
    folder = tmp_path / "recordings"
    shutil.copytree(virtual, folder)
    for file in trials["file"]:
        (folder / file).write_bytes(b"no C3D")
    messages = set()
    for engine in ("here", cluster):
        with pytest.raises(ValueError, match=rf"^{trials['file'][0]}: .* cannot be read") as error:
            cohort.collect(trials, folder, earlier, SETTINGS, engine=engine)
        messages.add(str(error.value))
    assert len(messages) == 1 and messages.pop().endswith("All 12 files that were read have such a fault.")
    check_untouched(earlier)


def test_collect_ends_where_files_are_gone(virtual, trials, tmp_path, earlier):
    """What a worker does not see is no fault of a file: the results would depend on who worked."""
    folder = tmp_path / "recordings"
    shutil.copytree(virtual, folder)
    (folder / trials["file"][5]).unlink()
    with pytest.raises(ValueError, match=f"{trials['file'][5]} does not exist"):
        cohort.collect(trials, folder, earlier, SETTINGS, engine="here")
    check_untouched(earlier)


def test_collect_knows_the_same_forces_in_files_of_two_runners(virtual, trials, tmp_path, earlier):
    """A copy under another name and runner, of another listed mass."""
    folder = tmp_path / "recordings"
    shutil.copytree(virtual, folder)
    shutil.copy(folder / trials["file"][0], folder / "copy.c3d")
    copy = trials.iloc[[0]].assign(file="copy.c3d", runner="v07", mass_kg=0.95 * trials["mass_kg"][0])
    table = pd.concat([trials, copy], ignore_index=True)
    for engine in ("here", "threads"):
        with pytest.raises(ValueError, match=rf"once; 1 pair.*\n  {trials['file'][0]} and copy\.c3d: 2 stance"):
            cohort.collect(table, folder, earlier, SETTINGS, engine=engine)
    check_untouched(earlier)


def test_collect_without_a_stance_says_why_and_keeps_the_earlier_results(virtual, trials, earlier):
    with pytest.raises(
        ValueError, match=r"none of 12 trials holds a valid one. Most frequent reasons: {'vertical peak under 9"
    ):
        cohort.collect(trials, virtual, earlier, preprocessing("smoke", checks={"min_peak_bw": 9.0}))
    check_untouched(earlier)


def test_collect_goes_on_without_a_runner_of_no_valid_stance(virtual, trials, tmp_path):
    off = trials["mass_kg"].where(trials["runner"] != "v03", 0.8 * trials["mass_kg"])
    stances, excluded, weights = cohort.collect(trials.assign(mass_kg=off), virtual, tmp_path, SETTINGS)
    assert stances["stance"].tolist() == list(range(len(stances))) and set(stances["runner"]) == set(
        trials["runner"]
    ) - {"v03"}
    assert len(weights) == 6 and excluded["reason"].str.startswith("mass: the plates weigh").sum() >= 2
    frames = store.read(tmp_path, cohort.FRAMES)
    assert (
        frames["stance"].unique().tolist() == stances["stance"].tolist()
        and (frames.groupby("stance")["frame"].min() == 0).all()
    )
    assert stances.dtypes.equals(cohort.collect(trials, virtual, tmp_path, SETTINGS)[0].dtypes)


def test_collect_leaves_no_older_stances_beside_new_frames(virtual, trials, earlier):
    cohort.collect(trials, virtual, earlier, SETTINGS)
    with pytest.raises(ValueError, match="Run 01_preprocess first"):
        store.read(earlier, cohort.STANCES)


def test_collect_says_that_a_worker_does_not_see_the_recordings_or_runs_another_program(
    virtual, trials, earlier, cluster, monkeypatch
):
    with pytest.raises(ValueError, match="same path; .*elsewhere is not there on .* Mount"):
        cohort.collect(trials, virtual / "elsewhere", earlier, SETTINGS, engine=cluster)
    monkeypatch.setattr(cohort, "fingerprint", lambda: "grfkit of tomorrow")
    with pytest.raises(
        ValueError,
        match="run this program, grfkit of tomorrow; found grfkit [0-9a-f]{12}, Python .* Install the same version",
    ):
        cohort.collect(trials, virtual, earlier, SETTINGS, engine=cluster)
    check_untouched(earlier)


def test_collect_says_that_nobody_answers(virtual, trials, earlier, monkeypatch):
    import socket

    monkeypatch.setattr(cohort, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address in ("tcp://127.0.0.1:1", f"tcp://127.0.0.1:{silent.getsockname()[1]}"):
            with pytest.raises(ValueError, match=f"{address} did not answer as one within 0.5 s .* Start it"):
                cohort.collect(trials, virtual, earlier, SETTINGS, engine=address)
    with pytest.raises(ValueError, match="DASK is threads, processes, or the address .*; found 'proceses'"):
        cohort.collect(trials, virtual, earlier, SETTINGS, engine="proceses")
    check_untouched(earlier)


def test_collect_says_that_a_cluster_has_no_workers(virtual, trials, earlier, monkeypatch):
    monkeypatch.setattr(cohort, "WORKER_S", 0.5)
    with (
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as empty,
        pytest.raises(ValueError, match="needs workers; it had none for 0.5 s"),
    ):
        cohort.collect(trials, virtual, earlier, SETTINGS, engine=empty.scheduler_address)
    check_untouched(earlier)


class Dying(WorkerPlugin):
    """Every worker, a new one too, dies at one runner."""

    def setup(self, worker):
        whole = cut.collect
        cut.collect = lambda trials, folder, settings: (
            os._exit(1) if trials["runner"].iloc[0] == SLOW_FOR else whole(trials, folder, settings)
        )


@pytest.mark.slow
def test_collect_says_that_workers_die_at_a_runner_and_that_a_scheduler_is_gone(virtual, trials, earlier, tmp_path):
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as started,
    ):
        with Client(started) as client:
            client.register_plugin(Dying())
        with pytest.raises(ValueError, match="2 workers died at the same runner. The usual cause is too little memory"):
            cohort.collect(trials, virtual, earlier, SETTINGS, engine=started.scheduler_address)
    check_untouched(earlier)
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(tmp_path / "s.json"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as scheduler:
        wait_until((tmp_path / "s.json").is_file)
        address = store.json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["address"]
        threading.Timer(2, scheduler.kill).start()
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "2s"}),
            pytest.raises(ValueError, match="its connection was lost"),
        ):
            cohort.collect(trials, virtual, earlier, SETTINGS, engine=address)
    check_untouched(earlier)


def wait_until(true, seconds=60):
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are of another kind on Windows")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_collect_stopped_leaves_no_process(virtual, tmp_path, how):
    command = [sys.executable, __file__, str(virtual), str(tmp_path)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=script_environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        wait_until(lambda: list(tmp_path.rglob("~*")))  # the first runner is written
        processes = psutil.Process(running.pid).children(recursive=True)
        assert len(processes) >= 2
        running.send_signal(how)
        said = running.communicate(timeout=30)[1]
    gone, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive and not (tmp_path / cohort.FRAMES).exists()
    if how == signal.SIGINT:
        assert said.rstrip().endswith("KeyboardInterrupt") and not list(tmp_path.rglob("~*"))


if __name__ == "__main__":
    rows = trials_table.read_trials(sys.argv[1], table="trials.csv")
    repeated = pd.concat([rows.assign(runner=rows["runner"] + f"_{number}") for number in range(100)])
    cohort.collect(repeated, sys.argv[1], sys.argv[2], SETTINGS, engine="processes")


def test_collect_names_theias_two_versions_of_a_trial(tmp_path):
    """Without a word the four files gave eight stances of four."""
    folder = CASES / "03_two_versions_of_a_trial"
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.c3d"))]
    body = {"mass_kg": 56.5, "height_m": 1.706, "sex": "f", "speed_m_s": 3.646, "shoe": "own", "lap": "0", "trial": "1"}
    table = pd.DataFrame([body | {"file": file, "runner": file[:3], "static": ""} for file in files])
    with pytest.raises(ValueError, match=r"once; 2 pair\(s\)[^P]*P03/Run1/pose_0.c3d and P03/Run1/pose_filt_0.c3d: 2 "):
        cohort.collect(table, folder, tmp_path, CASE, engine="here")
    stances, *_ = cohort.collect(table[table["file"].str.contains("filt")], folder, tmp_path, CASE, engine="here")
    assert len(stances) == 4


def test_of_two_persons_in_a_trial_the_one_who_loads_the_plates_is_cut(tmp_path):
    """The other, in a file of the same forces, stands a metre beside."""
    trial = CASES / "03_two_versions_of_a_trial" / "P03" / "Run1" / "pose_filt_0.c3d"
    shutil.copy(trial, tmp_path / "pose_filt_1.c3d")
    content = ezc3d.c3d(str(trial))
    content["data"]["rotations"][1, 3] += 1000.0  # mm
    del content["data"]["meta_points"]
    content.write(str(tmp_path / "pose_filt_0.c3d"))
    body = {"mass_kg": 56.5, "height_m": 1.706, "sex": "f", "speed_m_s": 3.646, "shoe": "own", "lap": "0", "trial": "1"}
    files = ["pose_filt_0.c3d", "pose_filt_1.c3d"]
    table = pd.DataFrame([body | {"file": file, "runner": "P03", "static": ""} for file in files])
    stances, excluded, _ = cohort.collect(table, tmp_path, tmp_path / "results", CASE, engine="here")
    assert stances["file"].tolist() == ["pose_filt_1.c3d"] * 2
    assert set(excluded["file"]) == {"pose_filt_0.c3d"}
    assert (excluded["reason"] == "foot far from the centre of pressure: missed plate or wrong person").sum() == 2

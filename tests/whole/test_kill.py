"""Killed at a random moment, the pipeline ends as if nothing had been; no half-written file is ever read."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from helpers import ROOT, make, make_command

from grfkit.reports import run
from grfkit.study import file as study_file
from grfkit.study import store
from grfkit.virtual import laboratory as virtual_laboratory

STAGES = ("recordings", "01_preprocess", "02_search", "03_train")
LEFTOVERS = ("~*", "*.tmp", "*.part", "*.running.ipynb", "*.failed.ipynb", "*.lock", "*.rename")


def begin_at(project, smoke, name, stage):
    """Copy the study smoke and what it made before a stage to a study of another name, files as old as they are."""
    shutil.copy2(project / "params" / "smoke.yaml", project / "params" / f"{name}.yaml")
    reports = project / "reports" / name
    if stage == "recordings":
        return reports
    shutil.copytree(smoke, reports)
    for path in [*reports.glob("[0-9]*"), *reports.glob("results/*")]:
        if path.name >= stage:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (reports / "index.html").unlink()
    return reports


def duration_s(smoke, stage):
    return (
        4.0
        if stage == "recordings"
        else json.loads((smoke / f"{stage}.json").read_text(encoding="utf-8"))["duration_s"] + 2
    )


def kill(project, study, when, *, all_at_once):
    """Start `make reproduce`, call `when` and kill it: its group of processes, as a terminal does, or every process, as
    a power cut does.

    Jupyter's kernel has a group of its own and ends by itself when it misses its parent. Returns the processes there
    were."""
    command, environment = make_command("reproduce", f"STUDY={study}")
    running = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    when()
    assert running.poll() is None, "the run was over before it was killed"
    processes = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGKILL)
    for process in processes if all_at_once else []:
        if process.is_running():
            process.kill()
    running.wait()
    return processes


def tables(reports):
    """Give the bytes of every table that `make reproduce` saves, of the chosen settings, and of the weights."""
    return {
        path.relative_to(reports).as_posix(): path.read_bytes()
        for path in sorted(reports.glob("results/0[1-7]_*/*"))
        if path.suffix in (".csv", ".yaml", ".parquet", ".safetensors")
    }


def check_goes_on(project, smoke, study, processes):
    """Check that `make reproduce` ends a killed run with the tables of an undisturbed one, and that nothing is left."""
    reports = project / "reports" / Path(study).stem
    done = make(project, "reproduce", f"STUDY={study}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert tables(reports) == tables(smoke) and len(tables(smoke)) > 10
    assert not [path for pattern in LEFTOVERS for path in reports.rglob(pattern)]
    assert not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


posix = pytest.mark.skipif(os.name != "posix", reason="a group of processes is killed in another way on Windows")


@posix
def test_a_second_study_ends_with_the_same_tables_though_its_search_was_killed(project, smoke):
    """The same content and seed under another name, which is the path of a YAML file; everything is made again."""
    twin = project / "elsewhere" / "twin.yaml"
    twin.parent.mkdir()
    shutil.copy(project / "params" / "smoke.yaml", twin)

    def when():
        for _ in range(3000):
            if (project / "reports" / "twin" / "01_preprocess.html").exists():
                break
            time.sleep(0.1)
        time.sleep(np.random.default_rng(2025).uniform(0.3, duration_s(smoke, "02_search")))

    check_goes_on(project, smoke, "elsewhere/twin.yaml", kill(project, "elsewhere/twin.yaml", when, all_at_once=False))


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 22))
def test_make_after_a_kill_anywhere_ends_with_the_tables_of_an_undisturbed_run(project, smoke, number):
    rng, stage = np.random.default_rng([2025, number]), STAGES[number % 4]
    study = f"killed{number}_{stage[:2]}"
    begin_at(project, smoke, study, stage)
    seconds = rng.uniform(0.3, duration_s(smoke, stage))
    processes = kill(project, study, lambda: time.sleep(seconds), all_at_once=number % 2 == 1)
    check_goes_on(project, smoke, study, processes)
    shutil.rmtree(project / "reports" / study)


class Torn:
    """A table or figure that is killed half-way through being written."""

    def to_csv(self, path, **_):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    to_parquet = savefig = to_csv


def tear(*arguments, **_):
    """Write half of a text or of weights, then be killed: takes the place of Path.write_text and of safetensors'
    save_file."""
    path = arguments[0] if isinstance(arguments[0], Path) else arguments[1]
    path.write_bytes(b"half")
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "s.yaml", "s.json", "f.png", "f.svg", "w.safetensors"])
def test_save_killed_half_way_keeps_the_old_file(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(Path, "write_text", tear)
    monkeypatch.setattr("safetensors.numpy.save_file", tear)
    with pytest.raises(KeyboardInterrupt):
        store.save(tmp_path, name, Torn() if name[0] in "tf" else {"a": np.zeros(1)} if name[0] == "w" else {"a": 1})
    assert (tmp_path / name).read_bytes() == b"old"
    assert store.path(tmp_path, name) == tmp_path / name


def test_a_report_killed_half_way_keeps_the_old_one(tmp_path, monkeypatch):
    store.write_text(tmp_path / "index.html", "old")
    monkeypatch.setattr(Path, "write_text", tear)
    with pytest.raises(KeyboardInterrupt):
        store.write_text(tmp_path / "index.html", "new")
    assert (tmp_path / "index.html").read_bytes() == b"old"


def test_a_new_folder_of_recordings_is_not_remembered_before_make_can_see_it(tmp_path, monkeypatch):
    """Killed between the two notes, `make` must still find that the recordings moved: data.mk, by which it sees that,
    comes last."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run.remember(tmp_path, (tmp_path / "a").as_posix())
    written = []

    def killed(path, text):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(run, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        run.remember(tmp_path, (tmp_path / "b").as_posix())
    assert (tmp_path / "data.mk").read_text(encoding="utf-8").rstrip().endswith("/a")


@pytest.mark.parametrize("killed", ["planted", "trials"])
def test_a_recording_killed_while_it_writes_its_tables_has_no_table_of_trials(
    tmp_path, monkeypatch, laboratory, killed
):
    virtual_laboratory.record(tmp_path, laboratory, seed=1)
    whole = (tmp_path / "trials.csv").read_bytes()

    def tear_table(self, path, **_):
        path.write_bytes(b"half")
        if path.stem == f"~{killed}":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", tear_table)
        with pytest.raises(KeyboardInterrupt):
            virtual_laboratory.record(tmp_path, laboratory, seed=1)
    assert not (tmp_path / "trials.csv").exists()  # so that make records again, and 01 reads nothing
    virtual_laboratory.record(tmp_path, laboratory, seed=1)
    assert (tmp_path / "trials.csv").read_bytes() == whole and not list(tmp_path.glob("~*"))


@pytest.fixture
def laboratory():
    """The laboratory of the study smoke with one runner and no planted fault."""
    settings = study_file.load(ROOT / "params" / "smoke.yaml").laboratory
    no_faults = dict.fromkeys(virtual_laboratory.FAULTS.values(), 0)
    return settings.model_copy(update=no_faults | {"men": 1, "women": 0})

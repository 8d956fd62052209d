"""What a user did wrong stops `make reproduce` with one message; these tests run beside the whole run."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from helpers import make, words


@pytest.fixture(scope="module")
def recordings(project):
    """The recordings of the study smoke in the copy of the project."""
    done = make(project, "reports/smoke/recordings/trials.csv", "STUDY=smoke")
    assert done.returncode == 0, done.stderr[-3000:]
    return project / "reports" / "smoke" / "recordings"


def edit(project, name, change):
    content = yaml.safe_load((project / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    change(content)
    path = project / "params" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return name


def mass(table):
    return table.assign(mass_kg=[6370.0, *table["mass_kg"][1:]])


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("no_column", lambda folder, table: table.drop(columns="mass_kg"), "lacks mass_kg"),
        ("heavy", lambda folder, table: mass(table), "mass_kg must be a number from 20 to 250; found"),
        ("empty_table", lambda folder, table: table.head(0), "A study needs recordings; found none"),
        ("no_table", lambda folder, table: None, "A folder of recordings needs a table trials.csv"),
        (
            "missing_file",
            lambda folder, table: (folder / table["file"][0]).unlink() or table,
            "Each file of the table of trials must exist",
        ),
        (
            "no_c3d",
            lambda folder, table: [(folder / file).write_bytes(b"no C3D") for file in table["file"]] and table,
            "cannot be read",
        ),
    ],
)
def test_bad_recordings_give_one_clear_message_and_leave_nothing_half_written(
    project, recordings, tmp_path, name, spoil, message
):
    folder = tmp_path / "recordings"
    shutil.copytree(recordings, folder)
    table = spoil(folder, pd.read_csv(folder / "trials.csv"))
    (folder / "trials.csv").unlink()
    if table is not None:
        table.to_csv(folder / "trials.csv", index=False)
    study = edit(project, name, lambda content: content["study"].update(name=name))
    done = make(project, "reproduce", f"STUDY={study}", f"DATA={folder.as_posix()}")
    assert done.returncode != 0 and message in done.stderr
    assert "Traceback" not in done.stderr
    reports = project / "reports" / name
    assert not list(reports.glob("results/*/*")) and not list(reports.glob("0*.html"))
    assert "failed" in (reports / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "unknown",
            lambda content: content["03_train"].update(epoch=1),
            "03_train.epoch: unknown key. Keys allowed here: epochs",
        ),
        ("text", lambda content: content["02_search"].update(learning_rate=["1e-3", 0.01]), "YAML read it as text"),
    ],
)
def test_bad_settings_stop_before_anything_runs(project, name, change, message):
    done = make(project, "reproduce", f"STUDY={edit(project, name, change)}")
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr
    assert not list((project / "reports" / name).glob("*.html"))


def test_an_empty_folder_and_a_folder_that_is_not_there_are_named(project, tmp_path):
    name = edit(project, "nowhere", lambda content: None)
    done = make(project, "reproduce", f"STUDY={name}", f"DATA={tmp_path.as_posix()}/")
    assert done.returncode != 0 and "A folder of recordings needs a table trials.csv" in done.stderr
    done = make(project, "reproduce", f"STUDY={name}", f"DATA={tmp_path.as_posix()}/none")
    assert done.returncode != 0 and "none does not exist. Give it with DATA=DIR" in done.stderr
    remembered = (project / "reports" / name / "data.mk").read_text(encoding="utf-8")
    assert remembered == f"LAST_DATA := {tmp_path.as_posix()}\n"  # a typing error is not


@pytest.mark.parametrize(
    ("name", "runners", "trials", "change", "says", "parts"),
    [
        ("one_stance", 1, 1, {}, "kept stances of 1 runner, and none is tested", "unused 1 1 kept 1"),
        pytest.param(
            *("no_test", 3, 6, {"n_test_runners": 0}, "kept stances of 3 runners, and none is tested", "unused"),
            marks=pytest.mark.slow,
        ),
        ("few", 2, 4, {"n_test_runners": 1}, "there is 1 for 3 folds. If 01 left runners out", "test"),
    ],
)
def test_runners_too_few_leave_01_and_an_index_of_what_is_there(
    project, recordings, tmp_path, name, runners, trials, change, says, parts
):
    """One message ends the run; 01 and the index show what was recorded."""
    table = pd.read_csv(recordings / "trials.csv", dtype=str)
    table = table[table["runner"].isin(table["runner"].unique()[:runners])].head(trials)
    for file in table["file"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recordings / file, tmp_path / file)
    table.to_csv(tmp_path / "trials.csv", index=False)
    study = edit(project, name, lambda content: content["01_preprocess"].update(change))
    done = make(project, "reproduce", f"STUDY={study}", f"DATA={tmp_path.as_posix()}")
    assert done.returncode != 0 and done.stderr.count("error: ") == 1 and says in done.stderr
    assert "Traceback" not in done.stderr
    reports = project / "reports" / name
    assert sorted(path.name for path in reports.glob("*.html")) == ["01_preprocess.html", "index.html"]
    page = words((reports / "index.html").read_text(encoding="utf-8"))
    assert "02_search failed , 03_train not run" in page and says in page and f"part stances runners {parts}" in page
    report = (reports / "01_preprocess.html").read_text(encoding="utf-8")
    told = "No runner is tested and none is trained on" in report
    assert told == (name != "few")


def test_the_command_exits_with_status_1(project):
    command = [
        sys.executable,
        "-m",
        "grfkit",
        "run",
        "notebooks/01_preprocess.ipynb",
        "--reports",
        "reports/none",
    ]
    done = subprocess.run([*command, "--study", "params/nobody.yaml"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: A study is a YAML file")


def test_an_absent_marker_and_a_study_that_is_not_there_are_named(project, recordings):
    name = edit(project, "marker", lambda content: content["01_preprocess"]["points"].update(l_heel="LHEE"))
    done = make(project, "reproduce", f"STUDY={name}", "DATA=reports/smoke/recordings")
    assert done.returncode != 0 and "'LHEE' is not in the file" in done.stderr and "l_heel" in done.stderr
    done = make(project, "reproduce", "STUDY=nobody")
    assert done.returncode != 0 and "params/nobody.yaml does not exist" in done.stderr
    done = make(project, "reproduce", "RECIPE=magic")
    assert done.returncode != 0 and "RECIPE=magic names params/recipes/magic.yaml, which does not exist" in done.stderr

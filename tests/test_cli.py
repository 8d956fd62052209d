"""The command `grfkit`: quick help, one message and exit status 1 for what a user did, and the same as a script and as
a module."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from helpers import ROOT

import grfkit
from grfkit import cli

SUBCOMMANDS = [
    "run",
    "index",
    "remember",
    "record",
    "fetch",
    "new-study",
    "estimate",
    "estimate-page",
    "search-worker",
    "course",
    "bench",
]
VIRTUAL = ROOT / "params" / "virtual.yaml"
ABSENT = ["--study", "params/absent.yaml", "--reports", "reports/x"]


def test_help_lists_every_subcommand_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom grfkit.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', sorted({'numpy', 'pandas', 'torch', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"\n    {name}" in done.stdout for name in SUBCOMMANDS) and "LOADED []" in done.stdout


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_each_subcommand_has_a_help_of_its_own(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0 and f"grfkit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["run", "notebooks/01_preprocess.ipynb", *ABSENT],
        ["index", *ABSENT],
        ["remember", "--reports", "reports/x", "--data", "nowhere"],
        ["record", "--study", "params/absent.yaml", "--out", "x"],
        ["fetch", "--study", "params/absent.yaml", "--out", "x"],
        ["new-study", "--name", "a b", "--data", "nowhere"],
        ["estimate", "nowhere", "--model", "nowhere"],
        ["estimate-page", "--model", "nowhere"],
        ["search-worker", "--recipe", "params/absent.yaml", *ABSENT],
        ["course", "9_absent"],
        ["course"],
        ["bench", *ABSENT],
    ],
    ids=lambda command: command[0],
)
def test_what_a_user_did_wrong_is_one_message_and_status_1(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and "Traceback" not in said.err and not said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("into", ["taken", "taken/below"])
@pytest.mark.parametrize(
    "command",
    [
        ["run", "notebooks/01_preprocess.ipynb", "--study", str(VIRTUAL), "--reports"],
        ["index", "--study", str(VIRTUAL), "--reports"],
        ["remember", "--reports"],
        ["record", "--study", str(VIRTUAL), "--out"],
        ["fetch", "--study", str(VIRTUAL.with_name("rbds.yaml")), "--out"],
        ["bench", "--study", str(VIRTUAL), "--reports"],
    ],
    ids=lambda command: command[0],
)
def test_a_file_in_place_of_the_folder_to_write_to_is_named(command, into, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("my work", encoding="utf-8")
    assert cli.main([*command, into]) == 1
    assert capsys.readouterr().err.startswith("error: What is written goes to a folder; taken is a file. Give another")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["my work"]


def test_a_file_in_place_of_the_recordings_is_called_a_file(capsys, tmp_path):
    (tmp_path / "a.c3d").touch()
    for command in (["remember"], ["run", str(ROOT / "notebooks" / "01_preprocess.ipynb"), "--study", str(VIRTUAL)]):
        assert cli.main([*command, "--data", str(tmp_path / "a.c3d"), "--reports", str(tmp_path / "reports")]) == 1
        assert "a.c3d is a file. Give DATA=" in capsys.readouterr().err
    assert not (tmp_path / "reports").exists()


def test_an_interruption_is_one_line_and_status_130(capsys, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "index", (interrupt, *cli.COMMANDS["index"][1:]))
    assert cli.main(["index", *ABSENT]) == 130
    assert capsys.readouterr().err == "\ninterrupted: nothing was written\n"
    monkeypatch.setitem(cli.COMMANDS, "run", (interrupt, *cli.COMMANDS["run"][1:]))
    assert cli.main(["run", "notebooks/03_train.ipynb", *ABSENT]) == 130
    assert "interrupted: 03_train has no new report" in capsys.readouterr().err


def test_the_script_that_is_installed_is_the_same_command():
    scripts = metadata.entry_points(group="console_scripts", name="grfkit")
    assert [script.value for script in scripts] == ["grfkit.cli:main"]


def test_the_package_loads_what_users_type_only_when_it_is_asked_for():
    code = (
        "import sys, grfkit\nassert 'numpy' not in sys.modules\n"
        "print([getattr(grfkit, name).__name__ for name in ('estimate', 'from_array', 'load_model', 'read')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['estimate', 'from_array', 'load', 'read']"
    with pytest.raises(AttributeError, match="has no attribute 'estimates'"):
        grfkit.estimates  # noqa: B018

"""The command `grfkit`: quick help, one message and exit status 1 for what a user did, and the same as a script and as
a module."""

import subprocess
import sys
from importlib import metadata

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
    "search-worker",
    "course",
    "bench",
]
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
        ["estimate", "--model", "nowhere", "--data", "nowhere"],
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
        "print([getattr(grfkit, name).__name__ for name in ('estimate', 'load_model', 'read')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['estimate_all', 'load', 'read']"
    with pytest.raises(AttributeError, match="has no attribute 'estimates'"):
        grfkit.estimates  # noqa: B018

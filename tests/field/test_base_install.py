"""An estimate with what `pip install` of grfkit alone brings; what goes beyond says which extra it needs."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
from helpers import CASES, ROOT

FILES = ["00_reference/reference.c3d", "00_reference/reference.csv", "18_trc/run.trc"]


def with_base_alone(*arguments, folder):
    command = [sys.executable, ROOT / "tests" / "only_base.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def test_estimate_needs_the_base_alone_and_gives_the_same(lab, tmp_path, capsys):
    from grfkit.cli import main

    data = tmp_path / "data"
    data.mkdir()
    for name in FILES:
        shutil.copy(CASES / name, data)
    command = ["estimate", "--model", str(lab.model), "--data", str(data), "--mass", "56"]
    done = with_base_alone(*command, "--out", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    tables = sorted(path.name for path in (tmp_path / "whole").glob("*.csv"))
    assert "plates.csv" in tables and len(pd.read_csv(tmp_path / "whole" / "plates.csv")) == 1  # plates are read too
    for name in ["index.html", *tables]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_python_reads_with_the_base_alone(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import only_base\n"
        "sys.meta_path.insert(0, only_base.OnlyBase())\n"
        f"import grfkit; print(grfkit.read({str(CASES / '18_trc' / 'run.trc')!r}).points.shape)\n"
        "grfkit.estimate, grfkit.load_model\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and ", 11, 3)" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "command, extra",
    [
        (["fetch", "--study", str(ROOT / "params" / "rbds.yaml"), "--out", "x"], "study"),
        (["index", "--study", str(ROOT / "params" / "smoke.yaml"), "--reports", "x"], "study"),
        (["course", "--index"], "course"),
    ],
)
def test_what_needs_an_extra_says_so_in_one_line(command, extra, tmp_path):
    done = with_base_alone(*command, folder=tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("error: ") and f'pip install "grfkit[{extra}]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_new_study_needs_the_base_alone(tmp_path):
    params, data = tmp_path / "params", tmp_path / "data"
    params.mkdir()
    data.mkdir()
    shutil.copy(ROOT / "params" / "virtual.yaml", params)
    shutil.copy(CASES / "00_reference" / "reference.c3d", data)
    done = with_base_alone("new-study", "--name", "mine", "--data", "data", folder=tmp_path)
    assert done.returncode == 0 and (params / "mine.yaml").is_file(), done.stderr

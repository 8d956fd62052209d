"""An estimate with what `pip install` of grfkit alone brings; what goes beyond says which extra it needs."""

import shutil
import subprocess
import sys

import ezc3d
import numpy as np
import pandas as pd
import pytest
from helpers import CASES, ROOT, script_environment

FILES = ["00_reference/reference.c3d", "00_reference/reference.csv", "18_trc/run.trc"]


def with_base_alone(*arguments, folder, start=(ROOT / "tests" / "only_base.py",), env=None):
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8")


def test_estimate_by_the_model_that_ships_needs_the_base_alone_and_gives_the_same(tmp_path):
    """On one thread both times: how many add up shows in the last bit."""
    one = script_environment() | {"OPENBLAS_NUM_THREADS": "1"}
    data = tmp_path / "data"
    data.mkdir()
    for name in FILES:
        shutil.copy(CASES / name, data)
    command = ["estimate", str(data), "--mass", "56", "--format", "html,csv,mot,c3d"]
    for out, start in (("out", (ROOT / "tests" / "only_base.py",)), ("whole", ("-m", "grfkit"))):
        done = with_base_alone(*command, "--out", out, folder=tmp_path, start=start, env=one)
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert {"index.html", "steps.csv", "plates.csv", "run.mot", "run.c3d"} <= set(files)
    assert len(pd.read_csv(tmp_path / "whole" / "plates.csv")) == 1  # plates are read too
    for name in files:
        one, other = (tmp_path / folder / name for folder in ("out", "whole"))
        if name.endswith(".c3d"):  # mm and N in single precision, whose last digit is another one in another process
            for part in ("points", "analogs"):
                of = [ezc3d.c3d(str(path))["data"][part] for path in (one, other)]
                np.testing.assert_allclose(*of, rtol=1e-5, atol=1e-2, err_msg=name)
        else:
            assert one.read_bytes() == other.read_bytes(), name


def test_five_lines_of_python_need_the_base_alone(lab, tmp_path):
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "tests")!r}); import only_base
sys.meta_path.insert(0, only_base.OnlyBase())
import grfkit
run = grfkit.read({str(CASES / "18_trc" / "run.trc")!r})
result = grfkit.estimate(grfkit.from_array(run.points, run.rate_hz), mass_kg=70, model={str(lab.model)!r})
result = grfkit.estimate(run, mass_kg=70, model={str(lab.model)!r})
result.plot()[0].figure.savefig("forces.png")
result._repr_html_(), run._repr_html_(), result.save("report")
from dataclasses import replace  # this model gives no centre of pressure
result = replace(result, curves=result.curves.assign(cop_ap=0.05, cop_ml=0.0))
result.to_c3d("forces.c3d"), result.to_mot("forces.mot")
"""
    given = {"cwd": tmp_path, "env": script_environment(), "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **given)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"forces.png", "report", "forces.c3d", "forces.mot", "forces_ExternalLoads.xml"}


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
    assert done.stderr.startswith("error: ") and f'pip install ".[{extra}]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_new_study_needs_the_base_alone(tmp_path):
    params, data = tmp_path / "params", tmp_path / "data"
    params.mkdir()
    data.mkdir()
    shutil.copy(ROOT / "params" / "virtual.yaml", params)
    shutil.copy(CASES / "00_reference" / "reference.c3d", data)
    done = with_base_alone("new-study", "--name", "mine", "--data", "data", folder=tmp_path)
    assert done.returncode == 0 and (params / "mine.yaml").is_file(), done.stderr

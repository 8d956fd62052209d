"""`make transfer` in a copy of the project: what it refuses before anything is made, and what it leaves."""

import json

import pandas as pd
import pytest
import yaml
from helpers import make

from grfkit.reports.html import needs_network


def write_study(project, name, change):
    """Write params/NAME.yaml: smoke with a change of its content."""
    content = yaml.safe_load((project / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["study"]["name"] = name
    change(content)
    (project / "params" / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_transfer_names_all_studies_that_are_unknown_or_have_no_recordings_and_trains_nothing(project):
    before = tree(project)
    done = make(project, "transfer", "STUDY=rbds", "OTHERS=nobody hamner no1")
    assert done.returncode != 0 and not done.stdout.strip()
    for name in (
        "rbds: the folder of its recordings is not known",
        "nobody: A study is a YAML file",
        "hamner: the folder of its recordings is not known",
        "no1: A study is",
    ):
        assert f"  {name}" in done.stderr
    none, typed = make(project, "transfer", "STUDY=rbds"), make(project, "transfer", "OTHERS=hamner", "DATA=/tmp")
    assert "none was named" in none.stderr and "where the recordings of each study are; DATA=/tmp" in typed.stderr
    assert none.returncode and typed.returncode and before == tree(project)


@pytest.mark.slow  # two minutes
def test_transfer_trains_on_each_of_two_laboratories_and_tests_on_the_other(project, smoke):
    """The other study's recordings and stances are made first; means alone are left, and a second run does nothing."""

    def small(content):
        content["study"]["seed"] = 7
        content["laboratory"] |= {"men": 1, "women": 2}
        content["01_preprocess"]["n_test_runners"] = 1

    write_study(project, "other", small)
    done = make(project, "transfer", "STUDY=smoke", "OTHERS=other")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("reports/smoke/14_transfer.html")
    curves = pd.read_csv(smoke / "results" / "14_transfer" / "curves.csv")
    pairs = {(one, two) for one in ("smoke", "other") for two in ("smoke", "other")}
    assert set(zip(curves["trained_on"], curves["tested_on"], strict=True)) == pairs
    assert set(curves["estimator"]) == {"physics", "network", "ridge", "mean_curve"}
    saved = {path.name for path in (smoke / "results" / "14_transfer").iterdir()}
    assert saved == {f"{name}.csv" for name in ("curves", "timing", "features", "bands", "needed")} | {
        "errors.png",
        "bands.png",
    }
    page = (smoke / "14_transfer.html").read_text(encoding="utf-8")
    assert not needs_network(page) and "14_transfer.html" in (smoke / "index.html").read_text(encoding="utf-8")
    noted = json.loads((smoke / "14_transfer.json").read_text(encoding="utf-8"))
    assert {"../other/results/01_preprocess/stances.csv", "../../params/other.yaml"} <= set(noted["inputs"])
    before = tree(smoke)
    again = make(project, "transfer", "STUDY=smoke", "OTHERS=other")
    assert "14_transfer.html' is up to date" in again.stdout
    after = tree(smoke)
    assert {path for path in before if before[path] != after[path]} <= {smoke / "index.html"}

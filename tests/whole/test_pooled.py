"""`make field STUDY="one two"` in a copy of the project: what it refuses, and what it leaves."""

import json

import pandas as pd
import pytest
import yaml
from helpers import make

from grfkit.field import model as field_model


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_several_studies_name_all_that_is_missing_and_train_nothing(project):
    before = tree(project)
    done = make(project, "field", "STUDY=rbds nobody hamner")
    assert done.returncode != 0 and not done.stdout.strip()
    for name in (
        "rbds: the folder of its recordings is not known",
        "nobody: A study is a YAML file",
        "hamner: the folder of its recordings is not known",
    ):
        assert f"  {name}" in done.stderr
    typed = make(project, "field", "STUDY=rbds hamner", "DATA=/tmp")
    assert "where the recordings of each study are; DATA=/tmp" in typed.stderr
    assert typed.returncode and before == tree(project)


@pytest.mark.parametrize("target", ["reproduce", "beyond", "transfer", "estimate", "explore"])
def test_every_other_target_takes_one_study(project, target):
    done = make(project, target, "STUDY=rbds hamner")
    assert done.returncode and f'STUDY="rbds hamner" names 2. Name one: make {target} STUDY=rbds.' in done.stderr


@pytest.mark.slow  # three minutes
def test_two_studies_train_one_model_in_a_folder_of_its_own(project, smoke):
    content = yaml.safe_load((project / "params" / "smoke.yaml").read_text(encoding="utf-8"))
    content["study"] |= {"name": "other", "seed": 7}
    content["laboratory"] |= {"men": 1, "women": 2}
    content["01_preprocess"]["n_test_runners"] = 1
    (project / "params" / "other.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    before = tree(smoke / "results")
    done = make(project, "field", "STUDY=smoke other")
    assert done.returncode == 0, done.stderr[-3000:]
    reports = project / "reports" / "smoke+other"
    where = "MODEL=reports/smoke+other/results/10_field/model  reports/smoke+other/10_field.html"
    assert done.stdout.splitlines()[-1] == where and (reports / "10_field.html").is_file()
    assert before == tree(smoke / "results")
    table = pd.read_csv(reports / "results" / "10_field" / "studies.csv", index_col="study")
    assert list(table.index) == ["smoke", "other"] and (table["steps"] > 0).all()
    model, card = field_model.load(reports / "results" / "10_field" / "model")
    assert list(model.settings["trained_on"]) == ["smoke", "other"]
    assert f"{table['steps'].sum()} steps of {table['runners'].sum()} runners trained it" in card["data"]
    noted = json.loads((reports / "10_field.json").read_text(encoding="utf-8"))
    assert {"../other/results/01_preprocess/stances.csv", "../../params/other.yaml"} <= set(noted["inputs"])
    beside = (project / "reports" / "index.html").read_text(encoding="utf-8")
    assert "One model of several studies: smoke+other" in beside and 'href="smoke+other/10_field.html"' in beside
    again = make(project, "field", "STUDY=smoke other")
    assert "10_field.html' is up to date" in again.stdout

"""A study file is read whole or not at all, with its table of trials and the paper's numbers."""

import ast
import json
from dataclasses import replace

import pytest
from helpers import ROOT, write_trials

from grfkit.recordings.trials import read_trials
from grfkit.study.file import load, preprocessing, table_beside
from grfkit.study.schema import StudyError

PARAMS = ROOT / "params"
FETCH = {"url": "https://example.org/data", "sums": "set.sha256", "tables": {"people.csv": ["FileName"]}}


@pytest.mark.parametrize("name", ["virtual", "paper", "rbds", "smoke", "hamner", "ja1"])
def test_load_accepts_the_studies_of_the_project(name):
    loaded = load(PARAMS / f"{name}.yaml")
    assert loaded.name == name
    assert list(loaded.sections)[:7] == [
        "01_preprocess",
        "02_search",
        "03_train",
        "04_table1",
        "05_table2",
        "06_table3",
        "07_figure4",
    ]


@pytest.mark.parametrize("stem", sorted(p.stem for p in (ROOT / "notebooks").glob("[0-9]*.ipynb")))
def test_parameters_cell_holds_the_values_of_virtual(stem):
    """So that Run All in JupyterLab is the default study."""
    cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    values = {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse("".join(cell["source"])).body}
    section = load(PARAMS / "virtual.yaml").sections[stem]
    assert section == {name: values[name] for name in section}
    assert values["results"] == "../reports/by_hand/virtual/results"  # never what is published
    given = {"data", "study", "results", "published", "seed", "recipe", "recipes", "others", "pooled"}
    assert set(values) - set(section) <= given


def test_load_keeps_what_to_fetch(edited):
    assert load(edited(lambda c: None)).fetch is None
    assert load(edited(lambda c: c.update(fetch=FETCH))).fetch == FETCH
    assert load(edited(lambda c: c.update(fetch={key: FETCH[key] for key in ("url", "sums")}))).fetch["tables"] == {}


def test_load_wants_all_11_points_from_one_source(edited):
    with pytest.raises(StudyError, match=r"missing: \['l_heel'\]"):
        load(edited(lambda c: c["01_preprocess"]["points"].pop("l_heel")))
    with pytest.raises(StudyError, match=r"missing: \['l_ankle'"):
        load(edited(lambda c: c["01_preprocess"].update(points={})))
    with pytest.raises(StudyError, match="found none"):
        load(edited(lambda c: c["01_preprocess"].update(points=None)))
    with pytest.raises(StudyError, match="found points and theia"):
        load(edited(lambda c: c["01_preprocess"].update(theia=True)))
    assert load(edited(lambda c: c["01_preprocess"].update(points=None, theia=True))).sections["01_preprocess"]["theia"]


def test_load_wants_a_direction_on_a_treadmill(edited):
    assert load(edited(lambda c: c["01_preprocess"].update(forward="found")))
    with pytest.raises(StudyError, match="on a treadmill the pelvis stays in place"):
        load(edited(lambda c: c["01_preprocess"].update(forward="found", treadmill=True)))


def beside(edited, name):
    return edited(lambda c: c["01_preprocess"].update(table=name))


def test_table_beside_is_a_path_only_of_a_table_that_lies_beside_the_study(edited, tmp_path, monkeypatch):
    """In the data folder, or derived from it, it is none; nor of a file that lies where one happens to be."""
    for name in ("trials.csv", "rbds"):
        (tmp_path / name).touch()  # what lies beside by chance is not meant
        assert table_beside(load(beside(edited, name))) is None
    (tmp_path / "mine.csv").touch()
    loaded = load(beside(edited, "mine.csv"))
    assert table_beside(loaded) == tmp_path / "mine.csv"
    (tmp_path / "mine.csv").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.csv").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(
        StudyError,
        match=r"edited\.yaml names .* mine\.csv, which must lie next to it; .*mine\.csv does not exist\. Create it",
    ):
        table_beside(loaded)


def test_a_study_that_names_no_table_has_none_beside_it(edited):
    loaded = load(edited(lambda c: None))
    assert table_beside(replace(loaded, sections={"03_train": {}})) is None
    assert table_beside(replace(loaded, sections={"01_preprocess": {"cutoff_hz": 20}})) is None


def test_preprocessing_is_the_section_with_the_table_where_it_can_be_read(edited, tmp_path, monkeypatch):
    """From any folder: the trials come out of the table beside the study; a table in the data folder keeps its name."""
    path = beside(edited, "trials.csv")
    section = load(path).sections["01_preprocess"]
    assert preprocessing(path).model_dump() == section and section["table"] == "trials.csv"
    write_trials(tmp_path, runner="one").joinpath("trials.csv").rename(tmp_path / "mine.csv")
    write_trials(tmp_path, runner="other")
    path = beside(edited, "mine.csv")
    monkeypatch.chdir("/")
    read = preprocessing(path)
    assert read_trials(path.parent, table=read.table)["runner"].tolist() == ["one", "one"]
    assert read.model_dump() == section | {"table": read.table}


def test_load_says_which_studies_there_are():
    with pytest.raises(StudyError, match=r"nobody\.yaml does not exist\. Choose one of .*rbds.*virtual"):
        load(PARAMS / "nobody.yaml")


def test_load_refuses_what_is_not_yaml(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(StudyError, match="cannot be read as YAML"):
        load(tmp_path / "broken.yaml")

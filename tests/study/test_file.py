"""What a person types is read strictly, and an error says the rule, what was found and what to do."""

import ast
import json
from dataclasses import replace

import pandas as pd
import pytest
import yaml
from helpers import ROOT

from grfkit.recordings import trials as trials_table
from grfkit.study import file as study_file
from grfkit.study.schema import StudyError

PARAMS = ROOT / "params"


@pytest.fixture
def edited(tmp_path):
    """Write params/virtual.yaml with a change, return its path."""

    def write(change):
        content = yaml.safe_load((PARAMS / "virtual.yaml").read_text(encoding="utf-8"))
        change(content)
        path = tmp_path / "edited.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", ["virtual", "paper", "rbds", "smoke"])
def test_load_accepts_the_studies_of_the_project(name):
    loaded = study_file.load(PARAMS / f"{name}.yaml")
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
    section = study_file.load(PARAMS / "virtual.yaml").sections[stem]
    assert section == {name: values[name] for name in section}
    assert set(values) - set(section) <= {"data", "study", "results", "published", "seed", "recipe", "recipes"}


def test_load_names_an_unknown_key_and_the_known_ones(edited):
    with pytest.raises(StudyError, match=r"03_train\.epoch: unknown key\. Known here: epochs"):
        study_file.load(edited(lambda c: c["03_train"].update(epoch=3)))


def test_load_names_an_unknown_key_in_a_nested_section(edited):
    with pytest.raises(StudyError, match=r"01_preprocess\.checks\.stance: unknown key\. Known here: stance_s"):
        study_file.load(edited(lambda c: c["01_preprocess"]["checks"].update(stance=3)))


def test_load_says_why_1e_3_is_text(tmp_path):
    text = (PARAMS / "virtual.yaml").read_text(encoding="utf-8").replace("alpha: 0.05", "alpha: 5e-2")
    (tmp_path / "typed.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"07_figure4\.alpha: found '5e-2'.*YAML read it as text: write 1e-3 as 1\.0e-3"
    ):
        study_file.load(tmp_path / "typed.yaml")


def test_load_names_a_missing_key_a_wrong_type_and_a_value_out_of_range_at_once(edited):
    def change(content):
        del content["03_train"]["epochs"]
        content["02_search"]["folds"] = 1
        content["01_preprocess"]["treadmill"] = "yes"

    with pytest.raises(StudyError, match="breaks 3 rule") as error:
        study_file.load(edited(change))
    for key in ("03_train.epochs: missing", "02_search.folds: found 1", "01_preprocess.treadmill: found 'yes'"):
        assert key in str(error.value)


def cluster(content):
    """Put the clusters of rbds in the place of the points."""
    rbds = yaml.safe_load((PARAMS / "rbds.yaml").read_text(encoding="utf-8"))
    content["01_preprocess"] |= {"points": None, "clusters": rbds["01_preprocess"]["clusters"]}
    return content["01_preprocess"]["clusters"]


FETCH = {"url": "https://example.org/data", "sums": "set.sha256", "tables": {"people.csv": ["FileName"]}}


def test_load_keeps_what_to_fetch(edited):
    assert study_file.load(edited(lambda c: None)).fetch is None
    assert study_file.load(edited(lambda c: c.update(fetch=FETCH))).fetch == FETCH
    assert (
        study_file.load(edited(lambda c: c.update(fetch={key: FETCH[key] for key in ("url", "sums")}))).fetch["tables"]
        == {}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["02_search"].update(learning_rate=[0.02, 0.002]), "the lower limit comes first"),
        (lambda c: c["02_search"].update(learning_rate=[0.0, 0.02]), "greater than 0"),
        (lambda c: c["02_search"].update(dropout=[0.0, 1.5]), "less than 1"),
        (lambda c: c["02_search"].update(layers=[0, 2]), "greater than or equal to 1"),
        (lambda c: c["02_search"].update(batch_size=[0]), "greater than or equal to 1"),
        (lambda c: c["01_preprocess"].update(speed_m_s=[3.8, 3.4]), "the lower limit comes first"),
        (lambda c: c.pop("laboratory"), "there is no section `laboratory`"),
        (lambda c: c.update(fetch=FETCH | {"from": "x"}), r"fetch\.from: unknown key\. Known here: url, sums, tables"),
        (lambda c: c.update(fetch={"url": FETCH["url"]}), r"fetch\.sums: missing"),
        (lambda c: c.update(fetch=FETCH | {"url": "ftp://example.org"}), r"fetch\.url: found 'ftp://example\.org'"),
        (lambda c: c.update(fetch=FETCH | {"tables": {"people.csv": []}}), r"fetch\.tables\.people\.csv: found \[\]"),
        (
            lambda c: c["10_field"]["degraded"].update(rate=[]),
            r"10_field\.degraded\.rate: found \[\]",
        ),  # its figure has a column for each way
        (
            lambda c: c["10_field"].update(other_cutoffs_hz=[6.0, 9.0, 12.0]),
            r"10_field\.other_cutoffs_hz: found",
        ),  # three lines
        (lambda c: c["10_field"]["about"].update(licence=""), r"10_field\.about\.licence: found ''"),
        (lambda c: cluster(c)["pelvis_markers"].pop("l_psis"), r"pelvis_markers\.l_psis: missing"),
        (
            lambda c: cluster(c)["landmarks"]["l_hip"].update(foo=1),
            r"l_hip\.foo: unknown key\. Known here: segment, markers",
        ),
        (lambda c: cluster(c)["landmarks"]["l_hip"].pop("regression"), "either markers or a regression"),
        (
            lambda c: cluster(c)["landmarks"].update(l_knee={"segment": "l_thigh", "regression": "harrington2007"}),
            "found one for l_knee",
        ),
        (lambda c: cluster(c)["landmarks"]["l_knee"].update(segment="tail"), r"segments without markers: \['tail'\]"),
    ],
)
def test_load_refuses_what_would_fail_later(edited, change, message):
    with pytest.raises(StudyError, match=message):
        study_file.load(edited(change))


def test_load_wants_all_11_points_from_one_source(edited):
    with pytest.raises(StudyError, match=r"missing: \['l_heel'\]"):
        study_file.load(edited(lambda c: c["01_preprocess"]["points"].pop("l_heel")))
    with pytest.raises(StudyError, match="found none"):
        study_file.load(edited(lambda c: c["01_preprocess"].update(points=None)))
    with pytest.raises(StudyError, match="found points and theia"):
        study_file.load(edited(lambda c: c["01_preprocess"].update(theia=True)))
    assert study_file.load(edited(lambda c: c["01_preprocess"].update(points=None, theia=True))).sections[
        "01_preprocess"
    ]["theia"]


def test_load_wants_a_direction_on_a_treadmill(edited):
    assert study_file.load(edited(lambda c: c["01_preprocess"].update(forward="found")))
    with pytest.raises(StudyError, match="on a treadmill the pelvis stays in place"):
        study_file.load(edited(lambda c: c["01_preprocess"].update(forward="found", treadmill=True)))


def beside(edited, name):
    return edited(lambda c: c["01_preprocess"].update(table=name))


def test_table_beside_is_a_path_only_of_a_table_that_lies_beside_the_study(edited, tmp_path, monkeypatch):
    """In the data folder, or derived from it, it is none; nor of a file that lies where one happens to be."""
    for name in ("trials.csv", "rbds"):
        (tmp_path / name).touch()  # what lies beside by chance is not meant
        assert study_file.table_beside(study_file.load(beside(edited, name))) is None
    (tmp_path / "mine.csv").touch()
    loaded = study_file.load(beside(edited, "mine.csv"))
    assert study_file.table_beside(loaded) == tmp_path / "mine.csv"
    (tmp_path / "mine.csv").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.csv").touch()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(
        StudyError,
        match=r"edited\.yaml names .* mine\.csv, which lies beside it; .*mine\.csv does not exist\. Write it",
    ):
        study_file.table_beside(loaded)


def test_a_study_that_names_no_table_has_none_beside_it(edited):
    loaded = study_file.load(edited(lambda c: None))
    assert study_file.table_beside(replace(loaded, sections={"03_train": {}})) is None
    assert study_file.table_beside(replace(loaded, sections={"01_preprocess": {"cutoff_hz": 20}})) is None


def test_preprocessing_is_the_section_with_the_table_where_it_can_be_read(edited, folder, monkeypatch):
    """From any folder: the trials come out of the table beside the study; a table in the data folder keeps its name."""
    path = beside(edited, "trials.csv")
    section = yaml.safe_load(path.read_text(encoding="utf-8"))["01_preprocess"]
    assert (
        study_file.preprocessing(path) == study_file.load(path).sections["01_preprocess"]
        and study_file.preprocessing(path)["table"] == "trials.csv"
    )
    folder(runner="one").joinpath("trials.csv").rename(
        path.parent / "mine.csv"
    )  # both lie in the folder of recordings here
    folder(runner="other")
    path = beside(edited, "mine.csv")
    monkeypatch.chdir("/")
    read = study_file.preprocessing(path)
    assert trials_table.read_trials(path.parent, table=read["table"])["runner"].tolist() == ["one", "one"]
    assert {name: read[name] for name in section if name != "table"} == {
        name: section[name] for name in section if name != "table"
    }


def test_load_says_which_studies_there_are():
    with pytest.raises(StudyError, match=r"nobody\.yaml does not exist\. Those in .*rbds.*virtual"):
        study_file.load(PARAMS / "nobody.yaml")


def test_load_refuses_what_is_not_yaml(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(StudyError, match="cannot be read as YAML"):
        study_file.load(tmp_path / "broken.yaml")


@pytest.fixture
def folder(tmp_path):
    """A folder with a table of two trials."""
    rows = [
        dict(
            zip(
                trials_table.TRIAL_COLUMNS,
                [f"{n}.c3d", "002", "63.7", "1.70", "f", "3.6", "A", "0", "1", ""],
                strict=True,
            )
        )
        for n in "ab"
    ]
    for n in "ab":
        (tmp_path / f"{n}.c3d").touch()

    def write(**changes):
        pd.DataFrame(rows).assign(**changes).to_csv(tmp_path / "trials.csv", index=False)
        return tmp_path

    return write


def test_read_trials_keeps_names_as_text(folder):
    trials = trials_table.read_trials(folder(), table="trials.csv")
    assert trials["runner"].tolist() == ["002", "002"] and trials["mass_kg"].tolist() == [63.7, 63.7]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mass_kg": "6370"},
            r"mass_kg must be a number from 20 to 250; found 6370|mass_kg must be a number from 20 to 250; found '6370'",
        ),
        ({"height_m": "170"}, "height_m must be a number from 1.0 to 2.5"),
        ({"speed_m_s": "fast"}, "speed_m_s must be a number .* found 'fast'"),
        ({"file": "a.c3d"}, "Each C3D file has one row; a.c3d has several"),
        ({"runner": " "}, "runner must not be empty; found 2 row"),
        ({"static": "none.c3d"}, "Each file of the table of trials must exist; 1 of 3 do not: none.c3d"),
    ],
)
def test_read_trials_names_what_is_wrong(folder, changes, message):
    with pytest.raises(StudyError, match=message):
        trials_table.read_trials(folder(**changes), table="trials.csv")


def test_read_trials_names_a_missing_column_table_or_folder(folder, tmp_path):
    path = folder() / "trials.csv"
    pd.read_csv(path).drop(columns="mass_kg").to_csv(path, index=False)
    with pytest.raises(StudyError, match="lacks mass_kg"):
        trials_table.read_trials(tmp_path, table="trials.csv")
    path.unlink()
    with pytest.raises(StudyError, match="A folder of recordings holds trials.csv"):
        trials_table.read_trials(tmp_path, table="trials.csv")
    with pytest.raises(StudyError, match="does not exist. Give it with DATA=DIR"):
        trials_table.read_trials(tmp_path / "nowhere", table="trials.csv")


def test_read_trials_says_that_a_table_is_empty(folder):
    path = folder() / "trials.csv"
    pd.read_csv(path).head(0).to_csv(path, index=False)
    with pytest.raises(StudyError, match="found none"):
        trials_table.read_trials(path.parent, table="trials.csv")


@pytest.mark.parametrize("content", [b"", "runner\nJ\u00fcrgen".encode("latin-1")])
def test_read_trials_says_how_to_save_a_table(tmp_path, content):
    (tmp_path / "trials.csv").write_bytes(content)
    with pytest.raises(StudyError, match="Save it again as `CSV UTF-8`"):
        trials_table.read_trials(tmp_path, table="trials.csv")


def test_read_trials_derives_the_public_set(rbds):
    trials = trials_table.read_trials(rbds, table="rbds")
    assert len(trials) == 66 and trials["runner"].nunique() == 22  # three speeds each
    second = trials[(trials["runner"] == "002") & (trials["speed_m_s"] == 3.5)].iloc[0]
    assert (second["mass_kg"], second["height_m"], second["static"]) == (80.0, 1.83, "RBDS002/RBDS002static.c3d")

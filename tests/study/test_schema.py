"""What a person types is checked strictly, and an error says the rule, what was found and what to do."""

import pytest
import yaml
from helpers import ROOT

from grfkit.study.file import load
from grfkit.study.schema import StudyError

PARAMS = ROOT / "params"
FETCH = {"url": "https://example.org/data", "sums": "set.sha256", "tables": {"people.csv": ["FileName"]}}


def test_load_names_an_unknown_key_and_the_known_ones(edited):
    with pytest.raises(StudyError, match=r"03_train\.epoch: unknown key\. Keys allowed here: epochs"):
        load(edited(lambda c: c["03_train"].update(epoch=3)))


def test_load_names_an_unknown_key_in_a_nested_section(edited):
    with pytest.raises(StudyError, match=r"01_preprocess\.checks\.stance: unknown key\. Keys allowed here: stance_s"):
        load(edited(lambda c: c["01_preprocess"]["checks"].update(stance=3)))


def test_load_says_why_1e_3_is_text(tmp_path):
    text = (PARAMS / "virtual.yaml").read_text(encoding="utf-8").replace("alpha: 0.05", "alpha: 5e-2")
    (tmp_path / "typed.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"07_figure4\.alpha: found '5e-2'.*YAML read it as text: write 1e-3 as 1\.0e-3"
    ):
        load(tmp_path / "typed.yaml")


def test_load_names_a_missing_key_a_wrong_type_and_a_value_out_of_range_at_once(edited):
    def change(content):
        del content["03_train"]["epochs"]
        content["02_search"]["folds"] = 1
        content["01_preprocess"]["treadmill"] = "yes"

    with pytest.raises(StudyError, match="breaks 3 rule") as error:
        load(edited(change))
    for key in ("03_train.epochs: missing", "02_search.folds: found 1", "01_preprocess.treadmill: found 'yes'"):
        assert key in str(error.value)


def cluster(content):
    """Put the clusters of rbds in the place of the points."""
    rbds = yaml.safe_load((PARAMS / "rbds.yaml").read_text(encoding="utf-8"))
    content["01_preprocess"] |= {"points": None, "clusters": rbds["01_preprocess"]["clusters"]}
    return content["01_preprocess"]["clusters"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["08_generalisation"]["network"].update(window=6),
            r"network\.window: found 6; a window must be odd",
        ),
        (lambda c: c["08_generalisation"]["network"].update(shrinkage=0.0), r"network\.shrinkage: found 0\.0"),
        (lambda c: c["02_search"].update(learning_rate=[0.02, 0.002]), "the lower limit must come first"),
        (lambda c: c["02_search"].update(learning_rate=[0.0, 0.02]), "greater than 0"),
        (lambda c: c["02_search"].update(dropout=[0.0, 1.5]), "less than 1"),
        (lambda c: c["02_search"].update(layers=[0, 2]), "greater than or equal to 1"),
        (lambda c: c["02_search"].update(batch_size=[0]), "greater than or equal to 1"),
        (lambda c: c["01_preprocess"].update(speed_m_s=[3.8, 3.4]), "the lower limit must come first"),
        (lambda c: c.pop("laboratory"), "there is no section `laboratory`"),
        (
            lambda c: c.update(fetch=FETCH | {"from": "x"}),
            r"fetch\.from: unknown key\. Keys allowed here: url, sums, tables",
        ),
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
        (
            lambda c: c["08_generalisation"].update(ensemble=["other", "physics"]),
            r"_generalisation: `ensemble` and `examined` may name only recipes that .*; found other\. Add them",
        ),
        (lambda c: c["08_generalisation"].update(examined="other"), "recipes that are in `compared`; found other"),
        (lambda c: c["10_field"]["about"].update(licence=""), r"10_field\.about\.licence: found ''"),
        (lambda c: cluster(c)["pelvis_markers"].pop("l_psis"), r"pelvis_markers\.l_psis: missing"),
        (
            lambda c: cluster(c)["landmarks"]["l_hip"].update(foo=1),
            r"l_hip\.foo: unknown key\. Keys allowed here: segment, markers",
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
        load(edited(change))


@pytest.mark.parametrize(
    ("value", "said"),
    [("0.06", "less than or equal to 0.05"), ("-1.0", "greater than or equal to -0.05"), ("late", "valid number")],
)
def test_an_offset_of_cameras_and_plates_is_bounded(tmp_path, value, said):
    text = (
        (PARAMS / "virtual.yaml")
        .read_text(encoding="utf-8")
        .replace("cameras_late_s: null", f"cameras_late_s: {value}")
    )
    (tmp_path / "late.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=rf"01_preprocess\.cameras_late_s: found .*{said}"):
        load(tmp_path / "late.yaml")

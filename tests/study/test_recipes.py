"""Recipes: those of the project are whole, and a wrong one is named."""

import pytest
import yaml
from helpers import ROOT

from grfkit.study import file as study_file
from grfkit.study import recipes
from grfkit.study.schema import StudyError

FOLDER = ROOT / "params" / "recipes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_of_the_project_loads_and_has_its_files_name(name):
    recipe = recipes.load(FOLDER / f"{name}.yaml")
    assert recipe.name == name and recipe.about and "touchdown" in recipes.needs(recipe)[0]


def test_the_plain_recipe_is_the_paper():
    """Zhou 2025, sections 1.4.2 and 1.4.3: an LSTM on positions, 10 ms of padding, legs not mirrored, random folds."""
    plain = recipes.load(FOLDER / "plain.yaml")
    assert (
        plain.estimator,
        plain.inputs,
        plain.padding_s,
        plain.mirror,
        plain.folds,
        plain.body_weight,
        plain.speeds,
        plain.balance,
        plain.whiten,
        plain.offset_m,
    ) == ("lstm", ["positions"], 0.010, False, "stances", "study", "study", False, None, 0.0)
    assert recipes.needs(plain) == ["touchdown and toe-off"]


def test_the_papers_recipe_is_plain_but_for_what_is_ours():
    paper, plain, network, physics = (
        recipes.load(FOLDER / f"{name}.yaml") for name in ("paper", "plain", "network", "physics")
    )
    ours = {"name", "about", "whiten", "mirror", "folds", "offset_m"}
    assert plain.model_dump(exclude=ours) == paper.model_dump(exclude=ours)
    assert paper.whiten and paper.mirror and paper.offset_m and paper.folds == "runners"
    same = {"padding_s", "mirror", "folds", "body_weight", "speeds", "balance"}
    assert network.whiten and network.model_dump(include=same) == physics.model_dump(include=same)


@pytest.mark.parametrize("name", ["virtual", "rbds", "smoke", "paper"])
def test_every_study_compares_recipes_that_exist(name):
    section = study_file.load(ROOT / "params" / f"{name}.yaml").sections["08_generalisation"]
    assert {*section["compared"], section["examined"]} <= set(NAMES) and set(section["ensemble"]) <= set(
        section["compared"]
    )
    assert section["examined"] in section["compared"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3}, "epochs: unknown key. Keys allowed here: name, about"),
        ({"mirror": "yes"}, "mirror: found 'yes'"),
        ({"offset_m": -0.1}, "offset_m: found -0.1"),
        (
            {"offset_m": 0.01, "inputs": ["positions", "velocities"]},
            "positions alone; found lstm on positions, velocities. Leave it out.",
        ),
        ({"offset_m": 10}, "offset_m: found 10; input should be less than or equal to 0.1"),
        ({"offset_m": float("inf")}, "offset_m: found inf"),
        ({"inputs": ["jerk"]}, "inputs.0: found 'jerk'"),
        ({"inputs": []}, "inputs must have at least one"),
        ({"inputs": ["positions", "times"]}, "leave `times` out"),
        (
            {"whiten": {"window": [5, 8], "shrinkage": [1e-7, 1e-4]}},
            "whiten.window.1: found 8; a window must be odd, with as",
        ),
        (
            {"whiten": {"window": [-1, 5], "shrinkage": [1e-7, 1e-4]}},
            "whiten.window.0: found -1; input should be great",
        ),
        ({"whiten": {"window": [9, 5], "shrinkage": [1e-7, 1e-4]}}, "the lower limit must come first"),
        ({"whiten": {"window": [5, 9], "shrinkage": [0.0, 1e-4]}}, "whiten.shrinkage.0: found 0.0; input should be g"),
        ({"whiten": {"window": [5, 9], "shrinkage": [1e-7, float("inf")]}}, "whiten.shrinkage.1: found inf"),
        ({"whiten": {"window": [5, 9]}}, "whiten.shrinkage: missing. Add it; a file of params/recipes shows"),
        ({"estimator": "mean_curve"}, "`whiten` belongs to the estimator lstm; found mean_curve. Leave it out."),
        (
            {"estimator": "kernel_ridge", "whiten": None},
            "kernel_ridge needs `kernel`, and no other may have it; found kernel_ridge without",
        ),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, change, message):
    content = yaml.safe_load((FOLDER / "paper.yaml").read_text(encoding="utf-8")) | change
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(StudyError, match="mine.yaml breaks 1 rule") as error:
        recipes.load(path)
    assert message in str(error.value)


def test_kernel_limits_are_checked(tmp_path):
    content = yaml.safe_load((FOLDER / "physics.yaml").read_text(encoding="utf-8"))
    content["kernel"] |= {"averaged": 30, "noise": [1.0, 0.1]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(StudyError, match="the lower limit must come first"):
        recipes.load(path)


def test_an_absent_or_unreadable_recipe_lists_those_there_are(tmp_path):
    with pytest.raises(
        StudyError, match="nothing.yaml does not exist. Choose one of .*recipes: mean_curve, network, paper"
    ):
        recipes.load(FOLDER / "nothing.yaml")
    for text in ("- a list", "a: [", ""):
        (tmp_path / "broken.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(StudyError, match="keys and values|cannot be read as YAML"):
            recipes.load(tmp_path / "broken.yaml")

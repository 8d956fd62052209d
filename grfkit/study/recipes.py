"""Read and check a recipe: which estimator, from which inputs, trained on what. A few lines of YAML in params/recipes/.

What a recipe does not say is as in the paper. A recipe holds nothing that was fitted; ranges of hyper-parameters are searched on
training runners alone.
"""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml
from pydantic import Field

from grfkit.study.schema import Count, Positive, Section, StudyError, explain, span

KINDS = ("positions", "velocities", "accelerations", "times")


class Kernel(Section):
    """The hyper-parameters of kernel ridge regression: how many are tried and averaged, and between which limits.

    A scale is the difference between two stances, root mean square over points and moments, that counts as far apart; `noise`
    is the ridge; `edges` weighs the padding before touchdown and after toe-off against stance.
    """

    shape: Literal["gaussian", "linear"]
    candidates: Count
    averaged: Count
    positions_m: span(Positive)
    velocities_m_s: span(Positive)
    accelerations_m_s2: span(Positive)
    times_s: span(Positive)
    noise: span(Positive)
    edges: span(Annotated[float, Field(ge=0)])

    @pydantic.model_validator(mode="after")
    def _enough(self):
        if self.averaged > self.candidates:
            raise ValueError("averaged may not exceed candidates")
        return self


class Recipe(Section):
    """One way from points to forces; `name` is the file's."""

    name: str
    about: str
    estimator: Literal["lstm", "kernel_ridge", "mean_curve", "two_mass", "sine"]
    inputs: list[Literal[KINDS]] = ["positions"]
    padding_s: Positive = 0.010
    mirror: bool = False
    folds: Literal["stances", "runners"] = "stances"
    body_weight: Literal["study", "weighed"] = "study"
    speeds: Literal["study", "all"] = "study"
    balance: bool = False
    kernel: Kernel | None = None

    @pydantic.model_validator(mode="after")
    def _whole(self):
        if (self.kernel is None) == (self.estimator == "kernel_ridge"):
            raise ValueError("`kernel` belongs to the estimator kernel_ridge, and that one needs it")
        if self.estimator == "lstm" and "times" in self.inputs:
            raise ValueError("an LSTM sees stance time as the length of a stance; leave `times` out")
        if self.estimator in ("lstm", "kernel_ridge") and not self.inputs:
            raise ValueError(f"inputs: at least one of {', '.join(KINDS)}")
        return self


def load(path):
    """Read a recipe file and check it; returns a Recipe. Raises StudyError where it is missing or breaks the schema."""
    path = Path(path)
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in path.parent.glob("*.yaml"))) or "none"
        raise StudyError(f"A recipe is a YAML file in params/recipes/; {path} does not exist. Recipes there: {known}.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Recipe.model_validate({"name": path.stem, **content})
    except pydantic.ValidationError as error:
        raise StudyError(explain(path, error, Recipe)) from None
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise StudyError(f"A recipe is a YAML file of keys and values; {path} cannot be read: {error}") from None


def load_all(folder, names):
    """Read several recipes of one folder by their names; returns {name: Recipe}."""
    return {name: load(Path(folder) / f"{name}.yaml") for name in names}


def needs(recipe):
    """Say what a recipe takes that only a plate gives today: a list of words, empty where points alone are enough."""
    words = ["touchdown and toe-off"]
    if "times" in recipe.inputs or recipe.balance or recipe.estimator in ("two_mass", "sine"):
        words.append("flight time")
    if recipe.body_weight == "weighed":
        words.append("weighed body weight as the unit")
    return words

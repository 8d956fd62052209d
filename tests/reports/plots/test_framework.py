"""The framework's drawing: numbers of the study as text, the parts that a recipe has, and what was found."""

from io import BytesIO

import numpy as np
import pytest
from helpers import ROOT
from matplotlib.figure import Figure

from grfkit.reports.plots import framework
from grfkit.study import recipes

RANGES = {
    "layers": [1, 2],
    "units": [24, 65],
    "dropout": [0.0, 0.35],
    "learning_rate": [0.002, 0.03],
    "batch_size": [16, 33, 64],
}
BEST = {"layers": 2, "units": 41, "dropout": 0.123, "learning_rate": 0.00456, "batch_size": 33, "window": 7}
BEST |= {"shrinkage": 3.21e-6, "frames_per_step": 10}
OURS = {"whiten": recipes.Whiten(window=[5, 9], shrinkage=[1e-7, 1e-4]), "offset_m": 0.01, "folds": "stances"}
RNG = np.random.default_rng(6)
STANCE = RNG.uniform(size=(40, 11, 3)), RNG.normal(size=(40, 3))


@pytest.fixture
def draw():
    """Draw a recipe: a function of its name and of what was found, which gives the Axes and the texts on it."""

    def drawn(name, ax=None, **more):
        recipe = recipes.load(ROOT / "params" / "recipes" / f"{name}.yaml")
        if name == "paper":
            recipe = recipe.model_copy(update=OURS)
        ax = ax or Figure(figsize=(10, 6), layout="constrained").subplots()
        made = framework.framework(ax, recipe, RANGES, stance=STANCE, runners=(55, 4), folds=5, trials=12, **more)
        assert made is ax
        return ax, [text.get_text() for text in ax.texts]

    return drawn


def test_framework_writes_the_ranges_that_are_searched_and_the_design(draw):
    ax, texts = draw("paper")
    ranges = {"1 to 2", "24 to 65", "0 to 0.35", "0.002 to 0.03", "16 or 33 or 64", "5 to 9, odd", "1e-7 to 1e-4"}
    assert ranges <= set(texts)
    assert {"55 runners", "4 runners", "5 folds", "of stances", "33 inputs", "LSTM", "whitening"} <= set(texts)
    assert any(text.endswith("by an offset (SD 10 mm)") for text in texts)
    assert any(text.startswith("12 trials") for text in texts) and any("10 ms before and after" in t for t in texts)
    assert texts.count("…") == 7  # nothing is found yet
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    slopes = [np.polyfit(STANCE[1][:, i], drawn[name], 1, full=True)[:2] for i, name in enumerate(("AP", "ML", "V"))]
    np.testing.assert_allclose([slope[0] for slope, _ in slopes], slopes[0][0][0])  # the stance's forces, on one scale
    np.testing.assert_allclose([residual for _, residual in slopes], 0, atol=1e-9)


def test_framework_on_the_same_axes_fills_in_what_was_found(draw):
    ax, before = draw("paper")
    _, texts = draw("paper", ax, best=BEST)
    assert {"2", "41", "0.12", "0.0046", "33", "7", "3.2e-6"} <= set(texts)
    assert "…" not in texts and len(texts) == len(before)


def test_found_lists_what_the_drawing_shows():
    recipe = recipes.load(ROOT / "params" / "recipes" / "paper.yaml").model_copy(update=OURS)
    table = framework.found(recipe, RANGES, BEST)
    assert table.loc["learning rate"].tolist() == ["0.002 to 0.03", "0.0046"]
    assert table.loc["window (steps)"].tolist() == ["5 to 9, odd", "7"] and len(table) == 7
    assert framework.found(recipes.load(ROOT / "params" / "recipes" / "mean_curve.yaml"), RANGES, {}).empty


def test_framework_without_the_layer_neither_draws_nor_lists_it(draw):
    _, texts = draw("plain", best=BEST)
    assert not {"whitening", "shrinkage", "window (steps)", "3.2e-6"} & set(texts)
    assert not any("offset" in text or "mirrored" in text for text in texts)
    assert {"LSTM", "MinMax", "41"} <= set(texts)


def test_framework_of_a_kernel_writes_from_the_least_to_the_most_that_was_chosen(draw):
    names = ("positions_m", "velocities_m_s", "accelerations_m_s2", "times_s", "noise", "edges")
    candidates = [dict(zip(names, (base, 2.0, 50.0, 0.5, 0.001, 0.1), strict=True)) for base in (0.4, 0.6, 0.5, 0.7)]
    chosen = {"AP": [0, 2], "ML": [2, 0], "V": [1, 2]}
    _, texts = draw("physics", best={"candidates": candidates, "chosen": chosen})
    assert {"kernel ridge regression", "middle of the limits", "0.35 to 0.8", "7e-4 to 0.004", "99 inputs"} <= set(
        texts
    )
    assert {"0.4 to 0.6", "2", "50", "0.001"} <= set(texts)  # 0.7 was not chosen
    assert not {"LSTM", "5 folds", "units"} & set(texts)


def test_framework_of_a_recipe_that_searches_nothing_is_one_sentence(draw):
    _, texts = draw("mean_curve", best={})
    assert texts == ["The recipe mean_curve searches nothing: mean curve of the training runners, no points."]


@pytest.mark.parametrize("name", ["paper", "network", "physics", "ridge"])
def test_framework_writes_no_text_over_another_or_beyond_its_axes(draw, name):
    ax, _ = draw(name, best=BEST if name in ("paper", "network") else {})
    ax.figure.savefig(BytesIO())  # which lays it out
    frame = ax.get_window_extent()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    for place, box in enumerate(boxes):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not [other for other in boxes[place + 1 :] if box.overlaps(other)]

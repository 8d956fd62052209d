"""The notebook explore, driven without a browser: what is shown follows the choice."""

import json
import re

import ipywidgets
import numpy as np
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output

from grfkit import features
from grfkit.evaluation import explore
from grfkit.points import DIRECTIONS, FORCES, GRAVITY
from grfkit.reports import html as html_page
from grfkit.reports import run as run_notebook
from grfkit.reports import widgets
from grfkit.virtual import one_runner

NAMES = ["physics", "ridge", "mean_curve"]
VLR = "touchdown_to_13"
KNOBS = one_runner.KNOBS
USUAL = {name: knob.value for name, knob in KNOBS.items()}


@pytest.fixture
def chosen(results, stances_and_frames, quick_recipes, monkeypatch):
    stances, frames = stances_and_frames
    monkeypatch.setattr(widgets, "MOMENTS", 3)  # of the player: seconds less
    sources = explore.sources(results, frames, stances, quick_recipes)
    return widgets.choose(frames, stances, sources, vlr=VLR), sources


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def find(shown, name):
    """Find a widget by its class, as a browser does."""
    (found,) = (widget for widget in walk(shown.widget) if name in widget._dom_classes)
    return found


def tables(html):
    """Read the tables of a page, their captions as keys; numbers as the reader sees them."""
    return {
        table.caption.get_text(): {
            row.th.get_text(): [cell.get_text() for cell in row.find_all("td")] for row in table.tbody.find_all("tr")
        }
        for table in BeautifulSoup(html, "html.parser").find_all("table")
    }


def number(text):
    return float(text.replace("−", "-"))


def test_a_choice_is_followed_by_picture_features_and_errors(chosen, stances_and_frames):
    (shown, _), (_, frames) = chosen, stances_and_frames
    runner, stance, estimate = (find(shown, f"grf-{name}") for name in ("runner", "stance", "estimate"))
    player, words = find(shown, "grf-stance-player"), find(shown, "grf-tables")
    runner.value = "v03"
    stance.value, estimate.value = 7, "paper, saved by 03"
    before = player.outputs[0]["data"]["text/html"]
    mine = frames[(frames["stance"] == 7) & (frames["grf_v"] > 0)]
    force, time_s = mine[FORCES].to_numpy(float), mine["time_s"].to_numpy(float)
    got = tables(words.value)
    for row, (name, value) in zip(
        got["Features of this stance"].values(), features.extract(force, time_s, vlr=VLR).items(), strict=True
    ):
        decimals = 1 if name == "vlr_bw_s" else 2
        assert row[0].split(".")[1] == f"{value:.{decimals}f}".split(".")[1], name
        assert number(row[0]) == pytest.approx(value, abs=0.51 * 10**-decimals), name
        assert row[3] == "−10.0"  # nine tenths of every force
    for row, direction, span in zip(got["Estimated against measured curve"].values(), DIRECTIONS, force.T, strict=True):
        assert number(row[0]) == 1, direction
        assert number(row[1]) == pytest.approx(0.1 * np.sqrt((span**2).mean()), abs=6e-4)
        assert number(row[2]) == pytest.approx(10 * np.sqrt((span**2).mean()) / np.ptp(span), abs=0.06)
    stance.value = 3
    assert player.outputs[0]["data"]["text/html"] != before and tables(words.value) != got
    estimate.value = "physics"
    assert "physics, trained on the 3 other runners" in find(shown, "grf-about").value


def test_only_estimates_that_never_saw_the_runner_are_offered(chosen):
    shown, sources = chosen
    runner, estimate = find(shown, "grf-runner"), find(shown, "grf-estimate")
    assert runner.options == ("v00", "v01", "v02", "v03")
    runner.value = "v03"
    assert estimate.options == (*NAMES, "paper, saved by 03")
    estimate.value = "paper, saved by 03"
    find(
        shown, "grf-stance"
    ).value = 11  # of the same runner, and 03 did not estimate it: in the paper's design most are left unused
    assert estimate.options == tuple(NAMES) and estimate.value == "physics"
    find(shown, "grf-stance").value = 7
    estimate.value = "paper, saved by 03"
    runner.value = "v01"
    assert estimate.options == tuple(NAMES) and estimate.value == "physics"
    assert sources["paper, saved by 03"].stances == {3, 7}


def test_stances_of_one_recording_are_told_apart(results, stances_and_frames, quick_recipes, monkeypatch):
    """A treadmill recording holds dozens of steps of either leg; runners come in the table's order, 9 before 10."""
    stances, frames = stances_and_frames
    monkeypatch.setattr(widgets, "MOMENTS", 3)
    stances = stances.assign(
        lap="0",
        trial="1",
        touchdown_s=0.5 + 0.7 * stances["stance"],
        toeoff_s=stances["toeoff_s"] + 0.7 * stances["stance"],
        runner=stances["runner"].map({"v00": "9", "v01": "10", "v02": "11", "v03": "12"}),
    )
    shown = widgets.choose(
        frames,
        stances,
        {"mean_curve": explore.source_without_runner(frames, stances, quick_recipes["mean_curve"])},
        vlr=VLR,
    )
    assert find(shown, "grf-runner").options == ("9", "10", "11", "12")
    labels = [label for label, _ in find(shown, "grf-stance").options]
    assert len(labels) == len(set(labels)) == 6


def true_forces(**changed):
    run = one_runner.run(**{**USUAL, **changed})
    return run, run.frames[FORCES].to_numpy()


@pytest.fixture
def turned(simulated_sources):
    return widgets.laboratory(one_runner.run, KNOBS, simulated_sources, vlr=VLR)


def test_a_slider_changes_picture_and_tables_and_keeps_what_was_before(turned):
    speed, mass, picture, words = (
        find(turned, f"grf-{name}") for name in ("speed", "mass", "picture", "laboratory-tables")
    )
    first = picture.value
    assert "before grey" not in first
    for value in (4.0, 4.4):  # one slider in hand: before is before the first turn
        speed.value = value
    got = tables(words.value)
    peaks = [max(true_forces(speed_m_s=value)[1][:, 2]) for value in (USUAL["speed_m_s"], 4.4)]
    assert [number(text) for text in got["Features"]["active peak (BW)"][:2]] == pytest.approx(peaks, abs=6e-3)
    assert picture.value != first and "before grey" in picture.value
    mass.value = 80  # another slider: before is what the first one left
    before, now = (number(text) for text in tables(words.value)["The step"]["largest vertical force (N)"])
    assert now / before == pytest.approx(80 / 65, rel=1e-4)
    assert [number(text) for text in tables(words.value)["Features"]["active peak (BW)"][:2]] == pytest.approx(
        [peaks[1]] * 2, abs=6e-3
    )
    find(turned, "grf-reset").click()
    assert picture.value == first and speed.value == USUAL["speed_m_s"]


def test_unit_and_estimate_follow_their_choice(turned):
    picture, words = find(turned, "grf-picture"), find(turned, "grf-laboratory-tables")
    in_body_weights = picture.value
    find(turned, "grf-unit").value = "N"
    peak = max(true_forces()[1][:, 2]) * 65 * GRAVITY
    assert picture.value != in_body_weights and f"Vertical peak {peak:.4g} N" in picture.value
    for name in NAMES:
        find(turned, "grf-laboratory-estimate").value = name
        assert f"{name}, trained on the 8 training runners" in words.value and "3.2 to 4.0 m/s" in words.value


def test_every_control_has_a_label_and_every_picture_words(turned, chosen):
    for shown in (turned, chosen[0]):
        html = BeautifulSoup(shown.page, "html.parser")
        assert all(picture["alt"] for picture in html.find_all("img")) and html.find_all("img")
        controls = [
            widget
            for widget in walk(shown.widget)
            if isinstance(widget, ipywidgets.Dropdown | ipywidgets.FloatSlider | ipywidgets.Button)
        ]
        assert len(controls) in (3, 8) and all(widget.description for widget in controls)
        assert html_page.needs_network(shown.page) == []
    for knob in KNOBS.values():
        assert knob.about in BeautifulSoup(turned.page, "html.parser").get_text()


def test_the_static_state_stays_in_the_report_and_a_bar_goes(turned):
    bundle = turned._repr_mimebundle_()
    assert html_page.WIDGET in bundle  # JupyterLab prefers it
    bar = new_output("display_data", data={html_page.WIDGET: {"model_id": "x"}, "text/plain": "  0%|          | 0/3"})
    shown = new_output("execute_result", data=bundle)
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[bar, shown])])
    html_page.clean_outputs(notebook)
    (kept,) = notebook.cells[0].outputs
    assert html_page.WIDGET not in kept.data and kept.data["text/html"] == turned.page
    page = html_page.notebook_page(
        notebook,
        {
            "notebook": "explore",
            "study_file": "x",
            "seed": 1,
            "duration_s": 1.0,
            "versions": {},
            "started": "2026-01-01T00:00:00",
            "commit": "x",
            "study_sha256": "0",
        },
    )
    assert "vertical stiffness" in page and "<img" in page and not html_page.needs_network(page)


def test_the_notebooks_own_parameters_are_those_that_a_study_may_set():
    notebook = ROOT / "notebooks" / "explore.ipynb"
    assert run_notebook.declared_parameters(notebook) == {"results", "recipes", "study", "fitted"}
    source = "".join("".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    assert not re.search(r"\bdef |\bclass |\blambda\b", source)

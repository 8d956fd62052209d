"""The notebook explore, driven without a browser: what is shown follows the choice, and no estimate knows the runner it is shown for."""

import json
import os
import re

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output

from grfkit import features
from grfkit.evaluation import explore
from grfkit.plot import ESTIMATED
from grfkit.points import DIRECTIONS, ESTIMATES, FORCES, GRAVITY
from grfkit.reports import html as html_page
from grfkit.reports import run as run_notebook
from grfkit.reports import widgets
from grfkit.reports.plots import explore as explore_plots
from grfkit.study import recipes, store
from grfkit.virtual import one_runner

VLR = "touchdown_to_13"
KNOBS = one_runner.KNOBS
USUAL = {name: knob.value for name, knob in KNOBS.items()}
NAMES = ["physics", "ridge", "mean_curve"]


@pytest.fixture(scope="module")
def asked():
    return recipes.load_all(ROOT / "params" / "recipes", NAMES)


@pytest.fixture
def made(tidy):
    """Four runners of six stances, as 01 saves them, with legs that say something of the force."""
    return tidy(24, runners=4)


@pytest.fixture
def results(tmp_path, made):
    """A folder of results in which 01 and 03 ran: two stances of the test runner v03, estimated at nine tenths of the force."""
    stances, frames = made
    stances.loc[stances["runner"] == "v03", "split"] = "test"
    tested = frames[frames["stance"].isin([3, 7])]
    table = tested[["stance", "frame", "time_s", *FORCES]].assign(
        estimator="lstm", **dict(zip(ESTIMATES, 0.9 * tested[FORCES].to_numpy().T))
    )
    store.save(tmp_path, "01_preprocess/stances.csv", stances)
    store.save(tmp_path, "01_preprocess/stances.parquet", frames)
    store.save(tmp_path, "03_train/predictions.parquet", pd.concat([table, table.assign(estimator="mean_curve")]))
    store.save(
        tmp_path, "03_train/model.json", {"provenance": {"recipe": "paper", "training_runners": ["v00", "v01", "v02"]}}
    )
    return tmp_path


@pytest.fixture
def chosen(results, made, asked, monkeypatch):
    stances, frames = made
    monkeypatch.setattr(widgets, "MOMENTS", 3)  # of the player: seconds less
    sources = explore.sources(results, frames, stances, asked)
    return widgets.choose(frames, stances, sources, vlr=VLR), sources


@pytest.fixture(scope="module")
def laboratory(asked):
    """The laboratory, its estimates trained on simulated runners of other speeds and strikes."""
    runs = [
        one_runner.run(**{**USUAL, "speed_m_s": speed, "strike_deg": strike})
        for speed in (3.2, 3.4, 3.8, 4.0)
        for strike in (8, 18)
    ]
    stances = pd.concat(
        [run.stances.assign(stance=i, runner=f"t{i}", split="train") for i, run in enumerate(runs)], ignore_index=True
    )
    frames = pd.concat([run.frames.assign(stance=i) for i, run in enumerate(runs)], ignore_index=True)
    return {name: explore.source_of_strangers(frames, stances, recipe) for name, recipe in asked.items()}


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


def test_a_choice_is_followed_by_picture_features_and_errors(chosen, made):
    (shown, _), (_, frames) = chosen, made
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
        assert number(row[0]) == pytest.approx(value, abs=6e-4), name  # three decimals are shown
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


def test_a_training_runner_of_03_is_never_offered_even_if_estimated(results, made):
    store.save(
        results,
        "03_train/model.json",
        {"provenance": {"recipe": "paper", "training_runners": ["v00", "v01", "v02", "v03"]}},
    )
    stances, frames = made
    assert explore.sources(results, frames, stances, {})["paper, saved by 03"].stances == set()


@pytest.mark.parametrize("name", NAMES)
def test_the_runners_own_forces_change_no_estimate_of_that_runner(made, asked, name):
    stances, frames = made
    changed = frames.copy()
    mine = stances["stance"][stances["runner"] == "v02"]
    changed.loc[changed["stance"].isin(mine), FORCES] *= np.array([3.0, -2.0, 1.7], np.float32)
    one, two = (explore.source_without_runner(table, stances, asked[name]) for table in (frames, changed))
    for stance in mine:
        np.testing.assert_allclose(two.predict(stance)[ESTIMATES], one.predict(stance)[ESTIMATES], atol=1e-6)
    other = stances["stance"][stances["runner"] == "v00"].iloc[
        0
    ]  # of the same side, which is what a mean curve averages
    assert (
        np.abs(two.predict(other)[ESTIMATES].to_numpy() - one.predict(other)[ESTIMATES].to_numpy()).max() > 1e-3
    )  # but it went into the others'


def test_estimates_saved_by_08_are_offered_while_they_are_newer_than_01(results, made):
    stances, frames = made
    name = "08_generalisation/predictions.parquet"
    table = frames[["stance", "frame", "time_s", *FORCES]].assign(estimator="network", **dict.fromkeys(ESTIMATES, 0.5))
    store.save(results, name, table)
    source = explore.sources(results, frames, stances, {})["network, saved by 08"]
    assert source.stances == set(stances["stance"]) and "the 3 other runners" in source.about
    pd.testing.assert_frame_equal(
        source.predict(5).reset_index(drop=True),
        table[table["stance"] == 5].reset_index(drop=True)[list(source.predict(5).columns)],
    )
    os.utime(results / name, (1, 1))
    assert "network, saved by 08" not in explore.sources(results, frames, stances, {})


def test_estimates_saved_by_03_are_offered_while_they_are_newer_than_01(results, made):
    """After another 01 the same number is another stance, perhaps of a runner whom 03 has seen."""
    stances, frames = made
    assert list(explore.sources(results, frames, stances, {})) == ["paper, saved by 03"]
    os.utime(results / "03_train/predictions.parquet", (1, 1))
    assert explore.sources(results, frames, stances, {}) == {}


def test_stances_of_one_recording_are_told_apart(results, made, asked, monkeypatch):
    """As on a treadmill, where a recording holds dozens of steps of either leg; and runners come in the table's order, 9 before 10."""
    stances, frames = made
    monkeypatch.setattr(widgets, "MOMENTS", 3)
    stances = stances.assign(
        lap="0",
        trial="1",
        touchdown_s=0.5 + 0.7 * stances["stance"],
        toeoff_s=stances["toeoff_s"] + 0.7 * stances["stance"],
        runner=stances["runner"].map({"v00": "9", "v01": "10", "v02": "11", "v03": "12"}),
    )
    shown = widgets.choose(
        frames, stances, {"mean_curve": explore.source_without_runner(frames, stances, asked["mean_curve"])}, vlr=VLR
    )
    assert find(shown, "grf-runner").options == ("9", "10", "11", "12")
    labels = [label for label, _ in find(shown, "grf-stance").options]
    assert len(labels) == len(set(labels)) == 6


def test_without_results_one_error_says_what_to_run(tmp_path, made):
    stances, frames = made
    with pytest.raises(ValueError, match="03_train first, or `make reproduce`"):
        explore.sources(tmp_path, frames, stances, {})


def test_a_recipe_that_takes_long_is_refused(made):
    stances, frames = made
    with pytest.raises(ValueError, match="paper is of the kind lstm"):
        explore.source_without_runner(frames, stances, recipes.load(ROOT / "params" / "recipes" / "paper.yaml"))


def true_forces(**changed):
    run = one_runner.run(**{**USUAL, **changed})
    return run, run.frames[FORCES].to_numpy()


def test_a_simulated_force_obeys_newton():
    """Over a step the vertical impulse is the weight's, and the centre of mass falls freely in flight."""
    for speed in (KNOBS["speed_m_s"].low, KNOBS["speed_m_s"].high):
        run, force = true_forces(speed_m_s=speed)
        row = run.stances.iloc[0]
        assert force[:, 2].sum() / 1000 == pytest.approx(
            row["toeoff_s"] + row["flight_s"], abs=0.001
        )  # frames are whole
        assert force[:, 0].sum() == pytest.approx(0, abs=1e-9)
        motion = one_runner.simulate_runner(speed, 100, 65, 13)
        assert np.diff(motion.com[motion.contacts[1][2] : motion.contacts[2][1] + 1, 2], n=2) * 1e6 == pytest.approx(
            -GRAVITY, abs=1e-6
        )
        covered = np.ptp(
            motion.com[[motion.contacts[0][1], motion.contacts[2][1]], 0]
        )  # a stride: the speed that was asked for
        assert covered / (motion.contacts[2][1] - motion.contacts[0][1]) * 1000 == pytest.approx(speed, rel=0.01)


def test_speed_stiffness_and_strike_do_to_the_force_what_the_sliders_say():
    peaks = [true_forces(speed_m_s=speed)[1][:, 2].max() for speed in (2.5, 3.6, 5.0)]
    assert peaks == sorted(peaks) and peaks[0] < peaks[2] - 0.3
    braking, propulsion = np.array(
        [[-along.min(), along.max()] for along in (true_forces(speed_m_s=speed)[1][:, 0] for speed in (2.5, 3.5, 4.5))]
    ).T
    np.testing.assert_allclose(
        braking, [0.277, 0.386, 0.481], atol=0.06
    )  # BW, mean peaks of the public set rbds at these speeds
    np.testing.assert_allclose(propulsion, [0.209, 0.311, 0.398], atol=0.06)
    usual = true_forces()[0].facts
    for percent in (70, 150):
        facts = true_forces(stiffness_pct=percent)[0].facts
        assert facts["vertical stiffness (kN/m)"] / usual["vertical stiffness (kN/m)"] == pytest.approx(
            percent / 100, rel=0.05
        )  # not half a sine
        assert facts["flight time (ms)"] == pytest.approx(usual["flight time (ms)"], abs=1)
    impacts = [
        features.extract(force[30:-30], np.arange(len(force) - 60) / 1000, vlr=VLR)["impact_peak_bw"]
        for _, force in (true_forces(strike_deg=angle) for angle in (0, 13, 25))
    ]
    assert impacts == sorted(impacts)


def test_stiffness_is_that_of_a_force_of_half_a_sine():
    """Integrated numerically: half a sine over contact, from rest to rest; largest force over sinking."""
    contact, flight = 0.25, 0.1
    time = np.linspace(0, contact, 20001)
    force = np.pi / 2 * GRAVITY * (flight / contact + 1) * np.sin(np.pi * time / contact)
    speed = -GRAVITY * flight / 2 + np.concatenate([[0], np.cumsum((force[1:] + force[:-1]) / 2 - GRAVITY) * time[1]])
    sinking = -np.cumsum(speed * time[1]).min()
    assert one_runner.stiffness(contact, flight) == pytest.approx(force.max() / sinking, rel=1e-3)
    assert one_runner.contact_time(one_runner.stiffness(contact, flight), flight) == pytest.approx(contact)


def test_mass_scales_newtons_and_leaves_body_weights():
    (light, force), (heavy, same) = true_forces(mass_kg=50), true_forces(mass_kg=100)
    np.testing.assert_allclose(same, force, atol=1e-12)
    assert heavy.facts["largest vertical force (N)"] == pytest.approx(2 * light.facts["largest vertical force (N)"])
    assert heavy.weight_n == pytest.approx(100 * GRAVITY)


def test_camera_noise_leaves_the_force_and_spoils_the_estimate(laboratory):
    runs = [true_forces(noise_mm=noise, speed_m_s=4.0, strike_deg=18) for noise in (2, 10, 20)]  # trained on 2 mm
    for _, force in runs[1:]:
        np.testing.assert_array_equal(force, runs[0][1])
    errors = {
        name: [explore.curve_errors(explore.show_simulated(run, source))["RMSE (BW)"]["V"] for run, _ in runs]
        for name, source in laboratory.items()
    }
    assert errors["physics"] == sorted(errors["physics"]) and errors["physics"][2] > 1.5 * errors["physics"][0]
    assert len(set(errors["mean_curve"])) == 1  # it sees no points


@pytest.fixture
def turned(laboratory):
    return widgets.laboratory(one_runner.run, KNOBS, laboratory, vlr=VLR)


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
    assert [number(text) for text in got["Features"]["active peak (BW)"][:2]] == pytest.approx(peaks, abs=6e-4)
    assert picture.value != first and "before grey" in picture.value
    mass.value = 80  # another slider: before is what the first one left
    before, now = (number(text) for text in tables(words.value)["The step"]["largest vertical force (N)"])
    assert now / before == pytest.approx(80 / 65, rel=1e-4)
    assert [number(text) for text in tables(words.value)["Features"]["active peak (BW)"][:2]] == pytest.approx(
        [peaks[1]] * 2, abs=6e-4
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


def test_effects_turn_one_number_at_a_time(laboratory):
    found = explore.effects(one_runner.run, KNOBS, laboratory["physics"])
    assert list(found) == list(KNOBS)
    usual = true_forces()[1]
    for name, several in found.items():
        assert [value for value, _, _ in several] == [KNOBS[name].low, KNOBS[name].value, KNOBS[name].high]
        np.testing.assert_array_equal(several[1][1].frames[FORCES], usual)
    axes = Figure().subplots(1, len(KNOBS))
    explore_plots.effects(axes, found, {name: knob.label for name, knob in KNOBS.items()})
    for ax, name in zip(axes, KNOBS, strict=True):  # blue is an estimate, and nothing else
        blue = [line.get_label() for line in ax.lines if line.get_color() == ESTIMATED]
        assert blue == (["estimated, 0", "estimated, 2", "estimated, 20"] if name == "noise_mm" else [])


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

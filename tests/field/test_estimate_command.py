"""The command that estimates recordings without plates: what its page says, what it replaces, what it refuses."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import CARD, CASES, as_csv, assert_accessible, make

from grfkit import cli
from grfkit.field import estimate, usual
from grfkit.field import model as field_model
from grfkit.points import GRAVITY
from grfkit.reports import estimate_page
from grfkit.reports import html as html_page


def run(lab, data, out, *more):
    return cli.main(["estimate", str(data), "--model", str(lab.model), "--out", str(out), *more])


def read(out):
    return {
        name: pd.read_csv(out / name, keep_default_na=False, na_values={"left": [""], "right": [""]})
        for name in estimate_page.TABLES
    }


def words(path):
    return " ".join(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").get_text(" ").split())


def test_walking_and_standing_are_refused_with_their_reason(lab, model, points, tmp_path, capsys):
    with pytest.raises(estimate.Refused, match="goes up and down"):
        estimate.estimate_recording(model, "a", np.repeat(points[:1], 200, axis=0), 100, 0.0)
    with pytest.raises(ValueError, match="Points are"):
        estimate.estimate_recording(model, "a", points.reshape(len(points), 33), 100, 3.6)
    low = points.copy()
    low[:, :, 2] *= np.where(np.isin(np.arange(11), (4, 5, 9, 10)), 0.05, 1)  # feet that hardly leave the ground
    as_csv(tmp_path / "data" / "a walk.csv", low, lab.rate_hz)
    assert run(lab, tmp_path / "data", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert (
        "left out: a walk.csv: The model was trained on running" in error
        and "none of these could be estimated. The reasons are above" in error
    )
    assert "Not estimated: a walk.csv : The model was trained on running" in words(tmp_path / "out" / "index.html")
    assert len(read(tmp_path / "out")["steps.csv"]) == 0


def test_a_real_walk_is_refused(lab, theia_export, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "walk.c3d").write_bytes(theia_export.read_bytes())
    assert run(lab, tmp_path / "data", tmp_path / "out") == 1
    (row,) = read(tmp_path / "out")["recordings.csv"].to_dict("records")
    assert row["steps"] == 0 and "walking" in row["refused"]


def test_page_shows_the_numbers_of_its_tables(lab, points, tmp_path, capsys):
    data = tmp_path / "data"
    as_csv(data / "easy.csv", points, lab.rate_hz)
    as_csv(data / "giant <b>.csv", 1.3 * points, lab.rate_hz)
    assert run(lab, data, tmp_path / "out", "--mass", "61,5") == 0
    said = capsys.readouterr()
    assert "steps in 2 of 2 recordings" in said.out and "recordings have warnings (see the report)" in said.out
    assert said.out.endswith(f"\n{(tmp_path / 'out' / 'index.html').as_posix()}\n")
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert_accessible(html)
    assert html_page.needs_network(html) == []
    text, tables = words(tmp_path / "out" / "index.html"), read(tmp_path / "out")
    table = tables["steps.csv"][tables["steps.csv"]["file"] == "easy.csv"]
    for side in "lr":
        mine = table[table["side"] == side]
        peak, half = mine["active_peak_bw"].mean(), (mine["active_peak_bw_high"] - mine["active_peak_bw"]).mean()
        assert f"{peak:.2f}\u00a0±\u00a0{half:.2f}\u00a0BW".replace("\u00a0", " ") in text
        assert f"{61.5 * GRAVITY * peak:,.0f} ± {61.5 * GRAVITY * half:,.0f} N" in text
        assert f"{1000 * mine['contact_s'].mean():.0f} ms" in text
    assert "N at 61.5 kg" in text and "MASS=kg" not in text and "<b>" not in html.replace("&lt;b&gt;", "")
    assert "out of the training range" in text and "No real runner was seen." in text and "Warnings: speed 4." in text
    assert list(tables["recordings.csv"]["file"]) == ["easy.csv", "giant <b>.csv"]
    assert len(tables["curves.csv"]) == 101 * len(tables["steps.csv"]) and "est_v_n" in tables["curves.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [estimate_page.PAGE, *estimate_page.TABLES]
    )


def test_page_says_first_what_another_laboratory_costs_and_uses_the_right_words(lab, points, tmp_path):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    assert run(lab, tmp_path / "data", tmp_path / "out") == 0
    text = words(tmp_path / "out" / "index.html")
    assert text.index("From another laboratory?") < text.index("Recordings recording")
    assert "no other laboratory was tried" in text and "make transfer" in text
    assert text.index("The bands hold for recordings of the laboratory that trained the model") < text.index(
        "From another"
    )
    assert "the smallest difference that can be seen" in text and "flight time (both feet in the air)" in text
    assert not re.search("doubt|peak load|load on|cannot be told", text)
    assert "Usual: " not in text  # six runners are too few to say


def test_page_shows_what_is_usual_where_the_model_holds_it(lab, model, points, tmp_path, monkeypatch):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    held = usual.at_speed(model.training_range["usual"], 3.6)
    monkeypatch.setattr(usual, "FEWEST_RUNNERS", 1)
    assert run(lab, tmp_path / "data", tmp_path / "out", "--speed", "3.6") == 0
    text, (low, high, runners) = (
        words(tmp_path / "out" / "index.html"),
        usual.at_speed(model.training_range["usual"], 3.6)["contact_s"],
    )
    assert (
        held == {}
        and f"of the {runners} runners who trained the model have means between these two values at this speed" in text
    )
    assert text.count(f"{1000 * low:.0f} to {1000 * high:.0f} ms") == 2  # in the sentence and in the table


def test_an_older_model_gives_a_page_without_what_is_usual(lab, model, points, tmp_path):
    older = {name: value for name, value in model.training_range.items() if name != "usual"}
    tables = estimate.estimate_recordings(
        replace(model, training_range=older),
        *estimate.read_all(as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz).parent),
        folder=tmp_path / "data",
    )
    estimate_page.write(tmp_path / "out", *tables, model=replace(model, training_range=older), card=CARD)
    assert "Usual: " not in words(tmp_path / "out" / "index.html")


def test_what_is_not_estimated_is_named_on_console_and_page(lab, points, tmp_path, capsys):
    data = tmp_path / "data"
    as_csv(data / "a.csv", points, lab.rate_hz)
    (data / "dlc.csv").write_text("scorer,net,net\nbodyparts,hip,hip\n", encoding="utf-8")
    shutil.copy(CASES / "22_runner_with_a_blank" / "trials.csv", data)
    (data / "static 1.c3d").touch()
    (data / "damaged.c3d").write_bytes(b"no C3D")
    assert run(lab, data, tmp_path / "out") == 0
    said, text = capsys.readouterr(), words(tmp_path / "out" / "index.html")
    assert "not estimated (static trials, tables, forces): static 1.c3d, trials.csv" in said.out
    for name, why in (("dlc.csv", "an export of DeepLabCut"), ("damaged.c3d", "")):
        assert f"left out: {name}: {why}" in said.err and f"{name} : {why}".strip() in text
    table = read(tmp_path / "out")["recordings.csv"].set_index("file")["refused"]
    assert table["a.csv"] == "" and (table[["dlc.csv", "damaged.c3d"]] != "").all() and len(table) == 3


def test_page_without_a_mass_asks_for_it(lab, points, tmp_path):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    assert run(lab, tmp_path / "data", tmp_path / "out") == 0
    assert "MASS=kg" in words(tmp_path / "out" / "index.html")
    assert not [name for name in read(tmp_path / "out")["steps.csv"] if "_n_" in f"{name}_"]


def test_a_report_replaces_an_earlier_one_and_nothing_else(lab, points, tmp_path, capsys, monkeypatch):
    data, out = tmp_path / "data", tmp_path / "out"
    as_csv(data / "a.csv", points, lab.rate_hz)
    before = {path: path.read_bytes() for path in data.iterdir()}
    (tmp_path / "note.txt").touch()
    for foreign, text in (
        (data, "lies among them"),
        (data / "sub", "lies among them"),
        (tmp_path, "holds data, note.txt"),
        (data / "a.csv", "among them"),
        (tmp_path / "note.txt" / "sub", "sub cannot: "),
    ):
        assert run(lab, data, foreign) == 1 and text in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_text("<p>mine</p>", encoding="utf-8")
    assert run(lab, data, tmp_path / "other") == 1 and "holds index.html" in capsys.readouterr().err
    assert run(lab, data, out) == 0 and run(lab, data, out) == 0
    page = (out / "index.html").read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(estimate_page, "report_page", interrupted)
        assert run(lab, data, out, "--mass", "70") == 130 and run(lab, data, tmp_path / "never") == 130
    assert (out / "index.html").read_bytes() == page and not (tmp_path / "never").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "note.txt", "other", "out"]
    (out / "notes.txt").write_text("x", encoding="utf-8")
    assert run(lab, data, out) == 1 and "holds notes.txt" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in data.iterdir()}


def test_estimate_says_what_is_missing_or_wrong(lab, points, tmp_path, capsys):
    data = as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz).parent

    def error(*arguments, data=data):
        assert run(lab, data, tmp_path / "out", *arguments) == 1
        said = capsys.readouterr()
        assert said.err.count("error: ") == 1 and not said.out and not (tmp_path / "out").exists()
        return said.err

    assert "--mass is a number, in kg; found '70kg'. Correct it (a pound is 0.454 kg)" in error("--mass", "70kg")
    assert "from 20 to 250 kg; found 700.0. 700 newtons are 71.4 kg. Correct it" in error("--mass", "700")
    assert "found 320.0. 320 pounds are 145 kg, 320 newtons are 32.6 kg." in error("--mass", "320")
    assert "from 20 to 250 kg; found 7.0. Correct it" in error("--mass", "7")
    assert "from 0.5 to 12 m/s; found 13.0. 13 km/h are 3.61 m/s." in error("--speed", "13")
    assert "from 20 to 2000 frames a second; found 0" in error("--rate", "0")
    assert "--treadmill is yes or no; found 'maybe'" in error("--treadmill", "maybe")
    assert "html, csv, mot, c3d; found 'pdf'" in error("--format", "html,pdf")
    assert "need the body mass; none was given. Give it in kg: --mass KG" in error("--format", "mot,c3d")
    assert "nowhere is none, or does not exist. Leave it out to use the model that comes" in error("--model", "nowhere")
    assert "grfkit estimate PATH, or make estimate DATA=PATH" in error(data="")
    assert "model.json" in error("--model", str(data))
    assert "nowhere does not exist. Give an existing path" in error(data=tmp_path / "nowhere")
    as_csv(tmp_path / "short" / "short.csv", points[:20], lab.rate_hz)
    assert "\n  short.csv: A recording must show" in error(data=tmp_path / "short")
    assert "error: short.csv: A recording must show" in error(data=tmp_path / "short" / "short.csv")


def test_make_estimate_runs_from_the_makefile(project, lab, points, tmp_path):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    done = make(project, "estimate", f"DATA={(tmp_path / 'data').as_posix()}", "MODEL=nowhere")
    assert done.returncode != 0 and "make field STUDY=" in done.stderr
    done = make(
        project,
        "estimate",
        f"MODEL={lab.model.as_posix()}",
        f"DATA={(tmp_path / 'data').as_posix()}/",
        "MASS=70",
        "TREADMILL=no",
        "SPEED=3.6",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("reports/estimate/data/index.html")
    (row,) = read(project / "reports" / "estimate" / "data")["recordings.csv"].to_dict("records")
    assert row["mass_kg"] == 70 and row["speed_m_s"] == 3.6 and row["refused"] == ""


def test_another_folder_of_the_same_name_does_not_replace_a_report_that_nobody_named(
    lab, points, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for place in ("one", "two"):
        as_csv(tmp_path / place / "runs" / f"{place}.csv", points, lab.rate_hz)

    def estimated(place, *more):
        return cli.main(["estimate", str(tmp_path / place / "runs"), "--model", str(lab.model), *more])

    page = tmp_path / "reports" / "estimate" / "runs" / "index.html"
    assert estimated("one") == 0 and estimated("one") == 0 and str(tmp_path) not in page.read_text(encoding="utf-8")
    before = page.read_bytes()
    assert estimated("two") == 1 and page.read_bytes() == before
    error = capsys.readouterr().err
    assert "holds the report of another one called runs" in error and "--out DIR (make: OUT=DIR)" in error
    assert estimated("two", "--out", "reports/estimate/runs") == 0 and page.read_bytes() != before  # as was said


def test_times_have_a_band_by_what_the_card_says_of_left_out_runners(model):
    card = CARD | {"scores": [{"what": "touchdown", "RMSE": "3.0 ms"}, {"what": "contact time", "RMSE": "4.0 ms"}]}
    errors_s = field_model.event_errors_s(card)
    assert errors_s == {"touchdown": 0.003, "contact time": 0.004} and field_model.event_errors_s(CARD) == {}
    bands = estimate_page.time_bands(errors_s, 180, 0.9)
    assert bands["contact_s"] == pytest.approx(1.645 * 0.004, rel=1e-3)
    assert bands["flight_s"] == pytest.approx(1.645 * 0.005, rel=1e-3)  # 3, 4, 5
    step_s = 60 / 180
    slower = 60 / (step_s + 0.003 * np.sqrt(2))  # a step that is too long by the errors of two touchdowns
    assert bands["step_rate_per_min"] == pytest.approx(1.645 * (180 - slower), rel=0.02)
    assert estimate_page.time_bands({}, 180, 0.9) == {}


def test_a_recording_of_few_steps_shows_no_difference_of_left_and_right(lab, points, tmp_path):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    assert run(lab, tmp_path / "data", tmp_path / "out") == 0
    page = BeautifulSoup((tmp_path / "out" / "index.html").read_text(encoding="utf-8"), "html.parser")
    rows = [row for row in page.select("tr") if row.find("td", class_="text") and "peak" in row.get_text()]
    told = [row.find("td", class_="text").get_text(" ") for row in rows]
    assert len(told) == 4 and set(told) == {"not compared too few steps"}


def test_a_typed_mass_that_is_not_the_tables_is_said(lab, tmp_path):
    row = lab.trials.iloc[0]
    (tmp_path / "data").mkdir()
    shutil.copy(lab.data / row["file"], tmp_path / "data" / "run.c3d")
    pd.DataFrame([row.to_dict() | {"file": "run.c3d", "static": ""}]).to_csv(
        tmp_path / "data" / "trials.csv", index=False
    )
    for factor, warned in ((1.0, False), (1.05, False), (1.3, True)):
        kg = round(factor * row["mass_kg"], 2)
        found, masses, _ = estimate.read_all(tmp_path / "data", study_file="params/smoke.yaml", mass_kg=kg)
        (note,) = [note for note in found[0].notes if note.text.startswith("mass:")]
        assert masses == [kg] and note.is_warning == warned
        other = f"; the table of trials says {row['mass_kg']:g} kg" if factor > 1 else ""
        assert note.text == f"mass: {kg:g} kg, as typed{other}" and found[0].mass_is == f"as typed{other}"
    found, masses, _ = estimate.read_all(tmp_path / "data", study_file="params/smoke.yaml")
    assert masses == [row["mass_kg"]] and found[0].mass_is == "as the table of trials says"

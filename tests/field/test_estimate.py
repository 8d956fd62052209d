"""Estimates of recordings without plates: what is written, what is refused, what is said to be unlike the training data, and what the numbers mean."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import CARD, assert_accessible, cut_virtual, make, record_virtual, write_points
from scipy.stats import linregress

from grfkit import cli, features
from grfkit.estimators import kernel_ridge, model_folder, samples
from grfkit.evaluation.field import degrade, field_accuracy, field_uncertainty
from grfkit.field import bands, estimate_command, summary, training_range
from grfkit.field import contacts as field_contacts
from grfkit.field import estimate as field_estimate
from grfkit.field import model as field_model
from grfkit.points import GRAVITY, POINTS, mirrored
from grfkit.recordings import c3d
from grfkit.reports import estimate_page, estimate_words
from grfkit.reports import html as html_page

LIMITS_PCT = {
    "contact_s": 3.0,
    "active_peak_bw": 4.0,
    "vlr_bw_s": 10.0,
    "impact_peak_bw": 9.0,
    "braking_peak_bw": 9.0,
    "propulsive_peak_bw": 6.0,
}


def train(trials, folder):
    """Train a FieldModel on virtual recordings, its bands on runners who are left out."""
    have = cut_virtual(trials, folder)
    contacts, detector = field_accuracy.detect(
        have.motions,
        have.found,
        have.known,
        kernel_ridge.middle_candidate(have.recipe.kernel, samples.KINDS),
        every=1,
        seed=1,
    )
    kinds = [*samples.KINDS, "times"]
    curves = kernel_ridge.KernelRidge.fit_groups(
        samples.curve_inputs(have.taken, kinds),
        samples.curve_targets(have.taken),
        have.taken.stances["runner"].to_numpy(),
        kernel_ridge.middle_candidate(have.recipe.kernel, kinds),
        shape="gaussian",
    )
    settings = {
        "points_cutoff_hz": 30.0,
        "max_gap_s": 0.04,
        "padding_s": have.recipe.padding_s,
        "vlr": "touchdown_to_13",
        "level": 0.9,
        "flight_s": float(have.taken.stances["flight_s"].mean()),
    }
    flight_s = field_contacts.usual_flight(contacts, contacts["group"], settings["flight_s"])
    estimated, nearest = field_accuracy.left_out(
        curves,
        field_contacts.inputs(have.motions, contacts, flight_s, padding_s=settings["padding_s"]),
        contacts["runner"].to_numpy(),
    )
    estimated = field_contacts.finish(contacts, estimated, flight_s, contacts["group"])
    rows, off = field_uncertainty.residuals(have.taken, have.known, contacts, estimated)
    measured = contacts.iloc[rows]
    table = field_uncertainty.feature_residuals(have.taken, contacts, estimated, vlr=settings["vlr"])
    known = training_range.learn(
        training_range.measure(have.motions, contacts, {each.file: each.speed_m_s for each in have.recorded}),
        training_range.swings(have.motions, contacts),
        nearest,
    )
    return field_model.FieldModel(
        detector,
        curves,
        bands.fit(off, measured["contact_s"].to_numpy(), measured["runner"].to_numpy(), level=0.9),
        field_uncertainty.feature_bands(table, level=0.9),
        LIMITS_PCT,
        known,
        settings,
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A model folder trained on six virtual runners, and recordings of two others: C3D files, points (F, 11, 3) m and rate."""
    folder = tmp_path_factory.mktemp("lab")
    model = train(record_virtual(folder / "training", seed=7, men=3, women=3, trials=3), folder / "training")
    arrays, description = model_folder.join(field_model.parts(model))
    model_folder.save(folder / "model", description=description, arrays=arrays, card=CARD)
    trials = record_virtual(folder / "new", seed=11)
    recordings = {file: c3d.read(folder / "new" / file, forward="+x", up="+z") for file in trials["file"]}
    points = {file: np.stack([each.points[point] for point in POINTS], axis=1) for file, each in recordings.items()}
    return SimpleNamespace(
        model=folder / "model",
        data=folder / "new",
        trials=trials,
        points=points,
        rate_hz=recordings[trials["file"][0]].point_hz,
    )


@pytest.fixture
def model(lab):
    return field_model.load(lab.model)[0]


@pytest.fixture
def points(lab):
    return next(iter(lab.points.values()))


def as_csv(path, points, rate_hz, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_points(path, points, times=np.arange(len(points)) / rate_hz, **options)


def run(lab, data, out, *more):
    return cli.main(["estimate", "--model", str(lab.model), "--data", str(data), "--out", str(out), *more])


def read(out):
    return {
        name: pd.read_csv(out / name, keep_default_na=False, na_values={"left": [""], "right": [""]})
        for name in estimate_page.TABLES
    }


def words(path):
    return " ".join(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").get_text(" ").split())


def test_estimates_of_virtual_runners_are_near_what_their_plates_measure(lab, model):
    have = cut_virtual(lab.trials, lab.data)
    off, inside = [], []
    for each in have.recorded:
        table, curves, warnings = field_estimate.one(model, each.file, each.points, each.point_hz, each.speed_m_s)
        assert not [text for text in warnings if "missing" in text]
        known = have.known[have.known["file"] == each.file]
        near = pd.merge_asof(
            known.sort_values("touchdown_s"),
            table,
            on="touchdown_s",
            by="side",
            direction="nearest",
            suffixes=("", "_ours"),
        )
        off.append(near["toeoff_s"] - near["toeoff_s_ours"])
        plate = (
            features.measured(have.taken.frames[have.taken.inside], vlr="touchdown_to_13")
            .set_index("stance")
            .loc[near["stance"]]
        )
        inside.append(np.abs(near["active_peak_bw"].to_numpy() - plate["active_peak_bw"].to_numpy()))
        assert len(curves) == 101 * len(table) and set(curves["step"]) == set(table["step"])
        assert (curves["low_v"] <= curves["est_v"]).all() and (curves["est_v"] <= curves["high_v"]).all()
    assert np.abs(np.concatenate(off)).max() < 0.02  # left out, toe-off was 4 ms off, SD; five times that
    assert np.concatenate(inside).max() < 0.35  # BW, a seventh: six training runners of whom none is like them


def test_a_mirrored_recording_has_the_other_sides_and_the_opposite_asymmetry(model, points, lab):
    table, curves, _ = field_estimate.one(model, "a", points, lab.rate_hz, 3.6)
    turned, turned_curves, _ = field_estimate.one(model, "a", mirrored(points), lab.rate_hz, 3.6)
    assert list(turned["side"]) == [{"l": "r", "r": "l"}[side] for side in table["side"]] and set(table["side"]) == {
        "l",
        "r",
    }
    np.testing.assert_allclose(
        turned[["contact_s", *features.FEATURES]].to_numpy(float),
        table[["contact_s", *features.FEATURES]].to_numpy(float),
        rtol=1e-4,
    )
    np.testing.assert_allclose(turned_curves["est_ml"], -curves["est_ml"], atol=1e-4)  # inputs are in single precision
    ours, theirs = (summary.asymmetry(each, LIMITS_PCT, level=0.9)["asymmetry_pct"] for each in (table, turned))
    np.testing.assert_allclose(theirs, -ours, atol=0.05)


def test_millimetres_metres_and_c3d_give_the_same(lab, points, tmp_path):
    for name, scale, decimals in (("m", 1, 6), ("mm", 1000, 3)):
        as_csv(tmp_path / f"{name}.csv", scale * points, lab.rate_hz, decimals=decimals)
    file = lab.trials["file"][0]
    (tmp_path / "as.c3d").write_bytes((lab.data / file).read_bytes())
    table, curves, recordings = estimate_command.estimate_all(lab.model, tmp_path, speed_m_s=3.6)
    assert list(recordings["file"]) == ["as.c3d", "m.csv", "mm.csv"] and (recordings["steps"] > 0).all()
    for other in ("mm.csv", "as.c3d"):
        for part, columns in (
            (table, ["touchdown_s", "toeoff_s", *features.FEATURES]),
            (curves, ["est_ap", "est_ml", "est_v"]),
        ):
            np.testing.assert_allclose(
                part[part["file"] == other][columns],
                part[part["file"] == "m.csv"][columns],
                atol=2e-2 if part is table else 2e-3,
            )
            # cells are rounded to 1e-6 m, C3D files to single precision; a loading rate, some 50, moves by the most


def test_estimate_all_gives_newtons_where_the_mass_is_known(lab, tmp_path, points):
    as_csv(tmp_path / "a.csv", points, lab.rate_hz)
    plain, curves, recordings = estimate_command.estimate_all(lab.model, tmp_path)
    assert (
        not [name for part in (plain, curves) for name in part if "_n_" in f"{name}_"]
        and recordings["mass_kg"].isna().all()
    )
    table, curves, recordings = estimate_command.estimate_all(lab.model, tmp_path, mass_kg=70)
    pd.testing.assert_frame_equal(table[plain.columns], plain)
    np.testing.assert_allclose(table["active_peak_n_high"], 70 * GRAVITY * table["active_peak_bw_high"])
    np.testing.assert_allclose(table["vlr_n_s"], 70 * GRAVITY * table["vlr_bw_s"])
    np.testing.assert_allclose(curves["low_ap_n"], 70 * GRAVITY * curves["low_ap"])
    assert recordings["mass_kg"].tolist() == [70.0]


def test_what_is_unlike_the_training_runners_is_said_of_each_step(model, points, lab):
    def said(*given):
        table, _, warnings = field_estimate.one(model, "a", *given)
        return set(table["unlike"].str.contains("training runner")), " ".join(warnings)

    rng = np.random.default_rng(0)
    assert said(1.3 * points, lab.rate_hz, 3.6)[0] == {True} and "leg length" in said(1.3 * points, lab.rate_hz, 3.6)[1]
    assert said(points, lab.rate_hz, 5.5)[0] == {True} and "speed 5.50 m/s" in said(points, lab.rate_hz, 5.5)[1]
    assert said(points, lab.rate_hz / 1.5, 3.6)[0] == {True}  # a film in slow motion
    assert said(points, lab.rate_hz, 3.6)[0] == {False}
    flags, text = said(points + rng.normal(0, 0.02, points.shape), lab.rate_hz, 3.6)
    assert flags == {True} and "noise of the points" in text
    slow = degrade.rate(points, lab.rate_hz, 50.0, rng)
    assert "50 frames a second" in said(*slow, 3.6)[1] and "frames a second" not in said(points, lab.rate_hz, 3.6)[1]


def test_one_refuses_points_that_are_no_runner_in_metres_and_in_order(model, points, lab):
    swapped = points[:, [0, *range(6, 11), *range(1, 6)]]
    for wrong, words in (
        (swapped, "Left points are on the left"),
        (1000 * points, "Check the unit"),
        (points * [-1, -1, 1], "Feet point where"),
        (points[..., [0, 2, 1]], "Check the unit and the axis up"),
    ):
        with pytest.raises(ValueError, match=words):
            field_estimate.one(model, "a", wrong, lab.rate_hz, 3.6)
    for rate_hz, speed in ((0, 3.6), ("100", 3.6), (lab.rate_hz, None), (lab.rate_hz, np.nan)):
        with pytest.raises(ValueError, match="at a speed in m/s; found"):
            field_estimate.one(model, "a", points, rate_hz, speed)
    table, _, _ = field_estimate.one(model, "a", points.tolist(), lab.rate_hz, 3.6)
    pd.testing.assert_frame_equal(table, field_estimate.one(model, "a", points, lab.rate_hz, 3.6)[0])


def test_points_that_are_missing_are_warned_of_and_hide_their_steps(model, points, lab):
    whole, _, _ = field_estimate.one(model, "a", points, lab.rate_hz, 3.6)
    middle = round((whole["touchdown_s"].iloc[1] + 0.1) * lab.rate_hz)
    hidden = points.copy()
    hidden[middle : middle + 20, 4] = np.nan  # .2 s of 100 Hz: more than a spline may bridge
    table, _, warnings = field_estimate.one(model, "a", hidden, lab.rate_hz, 3.6)
    assert (
        len(table) < len(whole)
        and any("missing in" in text for text in warnings)
        and any("missing for too long" in text for text in warnings)
    )
    bridged = points.copy()
    bridged[middle, 4] = np.nan
    table, _, warnings = field_estimate.one(model, "a", bridged, lab.rate_hz, 3.6)
    assert len(table) == len(whole)
    np.testing.assert_allclose(
        table["active_peak_bw"], whole["active_peak_bw"], atol=0.05
    )  # a frame of jitter is bridged


def test_walking_and_standing_are_refused_with_their_reason(lab, model, points, tmp_path, capsys):
    with pytest.raises(field_estimate.Refused, match="goes up and down"):
        field_estimate.one(model, "a", np.repeat(points[:1], 200, axis=0), 100, 0.0)
    with pytest.raises(ValueError, match="Points are"):
        field_estimate.one(model, "a", points.reshape(len(points), 33), 100, 3.6)
    low = points.copy()
    low[:, :, 2] *= np.where(np.isin(np.arange(11), (4, 5, 9, 10)), 0.05, 1)  # feet that hardly leave the ground
    as_csv(tmp_path / "data" / "a walk.csv", low, lab.rate_hz)
    assert run(lab, tmp_path / "data", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "left out: a walk.csv: The model knows running" in error and "of these none could be" in error
    assert "Not estimated: a walk.csv : The model knows running" in words(tmp_path / "out" / "index.html")
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
    assert "steps of 2 recordings -> " in said.out and "leg length" in said.err.split("warning: giant <b>.csv: ")[1]
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
    assert "unlike training data" in text and "No real runner was seen." in text and "With care: speed 4." in text
    assert list(tables["recordings.csv"]["file"]) == ["easy.csv", "giant <b>.csv"]
    assert len(tables["curves.csv"]) == 101 * len(tables["steps.csv"]) and "est_v_n" in tables["curves.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [estimate_page.PAGE, *estimate_page.TABLES]
    )


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

    def error(*arguments):
        assert (
            cli.main(
                ["estimate", "--model", str(lab.model), "--data", str(data), "--out", str(tmp_path / "out"), *arguments]
            )
            == 1
        )
        return capsys.readouterr().err

    assert "MASS is a number; found '70kg'" in error("--mass", "70kg")
    assert "from 20 to 250; found 700" in error("--mass", "700")
    assert "from 20 to 2000; found 0" in error("--rate", "0")
    assert "TREADMILL is yes or no; found 'maybe'" in error("--treadmill", "maybe")
    assert "make field STUDY=" in error("--model", "")
    assert "DATA=DIR" in error("--data", "")
    assert "model" in error("--model", str(data))
    assert "does not exist" in error("--data", str(tmp_path / "nowhere"))
    as_csv(tmp_path / "short" / "short.csv", points[:20], lab.rate_hz)
    assert "\n  short.csv: A recording shows" in error("--data", str(tmp_path / "short"))
    assert not (tmp_path / "out").exists()


def test_read_all_takes_what_is_given_and_says_what_was_left_out(points, lab, tmp_path):
    as_csv(tmp_path / "bad.csv", points[:20], lab.rate_hz)
    as_csv(tmp_path / "good.csv", points, lab.rate_hz)
    found, masses, unread = estimate_command.read_all(tmp_path, mass_kg=61.5, speed_m_s=3.5)
    assert (
        masses == [61.5]
        and found[0].file == tmp_path / "good.csv"
        and found[0].speed_m_s == 3.5
        and list(unread) == ["bad.csv"]
    )
    _, _, recordings = estimate_command.estimate_all(lab.model, tmp_path)
    assert recordings.set_index("file").loc["bad.csv", "refused"] == unread["bad.csv"]


def many_steps(count=60, seed=0, *, uneven=0.0, drift=0.0):
    """Make a table of steps whose contact time is uneven between the sides by so many % and drifts by so many s a minute."""
    rng, number = np.random.default_rng(seed), np.arange(count)
    side = np.where(number % 2 == 0, "l", "r")
    touchdown = 0.35 * number
    contact = (
        0.24 * (1 + np.where(side == "l", 0.5, -0.5) * uneven / 100)
        + drift * touchdown / 60
        + rng.normal(0, 0.002, count)
    )
    table = pd.DataFrame(
        {
            "file": "a",
            "step": number + 1,
            "side": side,
            "touchdown_s": touchdown,
            "toeoff_s": touchdown + contact,
            "contact_s": contact,
            "step_s": 0.35,
            "flight_s": 0.35 - contact,
            "step_rate_per_min": 60 / 0.35,
            "speed_m_s": 3.5,
        }
    )
    return table.assign(**{name: 2.0 + rng.normal(0, 0.02, count) for name in features.FEATURES}, unlike="")


def test_asymmetry_is_told_where_it_is_larger_than_model_and_steps_allow():
    def contact(table, limit):
        return summary.asymmetry(table, {"contact_s": limit}, level=0.9).set_index("quantity").loc["contact_s"]

    table = many_steps(uneven=4.0)
    row, (left, right) = contact(table, 1.5), (table.loc[table["side"] == side, "contact_s"].mean() for side in "lr")
    assert row["asymmetry_pct"] == pytest.approx(100 * (left - right) / ((left + right) / 2)) and row["told"] == "left"
    assert row["limit_pct"] == pytest.approx(np.hypot(1.5, row["steps_pct"]))
    assert contact(table.assign(side=table["side"].map({"l": "r", "r": "l"})), 1.5)["told"] == "right"
    assert contact(table, 5.0)["told"] == "none" and contact(table.iloc[:8], 1.5)["told"] == ""
    assert summary.asymmetry(table, {}, level=0.9)["told"].eq("").all()
    drifting = many_steps(drift=0.05)
    assert summary.trends(drifting)["told"].any()
    for share, kept in (
        (0.4, True),
        (0.6, False),
    ):  # of steps that are unlike the training runners': the model's error may look like a difference
        unlike = np.where(np.arange(60) < 60 * share, "moves unlike every training runner", "")
        assert contact(table.assign(unlike=unlike), 1.5)["told"] == ("left" if kept else "")
        assert summary.trends(drifting.assign(unlike=unlike))["told"].any() == kept


def test_asymmetry_allows_for_steps_that_vary():
    """Without any asymmetry and a model that makes no error, the differences lie within the doubt in 90 % of recordings."""
    inside = [
        abs(row["asymmetry_pct"]) <= row["limit_pct"]
        for seed in range(200)
        for row in summary.asymmetry(many_steps(40, seed), {"contact_s": 0.0}, level=0.9)
        .query("quantity == 'contact_s'")
        .to_dict("records")
    ]
    assert (
        0.84 < np.mean(inside) < 0.97
    )  # 3 SD of 200 draws are .064; correlations that are taken for real widen it a little


def test_line_is_the_least_squares_line_and_its_interval_holds():
    rng = np.random.default_rng(1)
    minutes, values = np.arange(50) / 170, rng.normal(size=50)
    values[1::2] -= 3 * values[::2].mean()  # neighbours that are not alike: all count
    plain = linregress(minutes, values)
    n, slope, low, high, start, end = summary.line(minutes, values, np.zeros(50, bool))
    assert n == 50 and slope == pytest.approx(plain.slope) and start == pytest.approx(plain.intercept)
    assert end == pytest.approx(plain.intercept + plain.slope * minutes[-1]) and low < slope < high
    covered = {
        alike: np.mean([low <= 3 <= high for low, high in (_slope(rng, alike) for _ in range(300))])
        for alike in (0.0, 0.6)
    }
    assert all(0.9 < share < 0.99 for share in covered.values())  # 95 % asked for; 3 SD of 300 draws are .04
    assert np.isnan(summary.line(minutes[:19], values[:19], np.zeros(19, bool))[1])


def _slope(rng, alike, count=120):
    """Give the interval of a slope of 3 in steps that are alike one by one (an autoregressive process), sides apart by 2."""
    noise = rng.normal(size=count)
    for number in range(1, count):
        noise[number] += alike * noise[number - 1]
    left, minutes = np.arange(count) % 2 == 0, np.arange(count) / 170
    return summary.line(minutes, 3 * minutes + 2 * left + noise, left)[2:4]


def test_trends_find_what_drifts_and_what_does_not():
    trends = summary.trends(many_steps(90, drift=0.03, uneven=4.0)).set_index(["quantity", "of"])
    row = trends.loc[("contact_s", "steps")]
    assert (
        row["low_per_min"] < 0.03 < row["high_per_min"]
        and row["told"]
        and not trends.loc[("active_peak_bw", "steps"), "told"]
    )
    assert row["at_end"] - row["at_start"] == pytest.approx(row["per_min"] * 0.35 * 89 / 60)
    assert trends.loc[("contact_s", "asymmetry"), "n"] == 45 and not trends.loc[("contact_s", "asymmetry"), "told"]
    short = summary.trends(many_steps(12))
    assert short["per_min"].isna().all() and not short["told"].any()


def test_in_short_says_what_is_told_and_what_is_not():
    table = many_steps(90, drift=0.03, uneven=4.0)
    sides, trends = (
        summary.asymmetry(table, {"contact_s": 1.5, "vlr_bw_s": 9.0}, level=0.9),
        summary.trends(table),
    )
    means = sides.set_index("quantity")[["left", "right"]].mean(axis=1).to_dict()
    row = {"treadmill": True, "steps": 90, "speed_m_s": 3.5, "mass_kg": 70.0}
    text = " ".join(estimate_words.in_short(row, means, sides, trends)).replace("\u00a0", " ")
    assert (
        "90 steps at 3.50 m/s on a treadmill: 171 steps a minute" in text and "1,37" in text
    )  # 2 BW of 70 kg are 1,373 N
    assert re.search(r"contact time is [34]\.\d % longer on the left", text) and "contact time rises by" in text
    assert "No change over time can be told in peak load (active peak) or loading rate (VLR)." in text
    none = " ".join(
        estimate_words.in_short(
            row | {"mass_kg": np.nan}, means, sides.assign(told="none"), trends.assign(per_min=np.nan)
        )
    )
    assert "cannot be told apart" in none and "Too few steps" in none and "kg" not in none


def test_timed_gives_no_step_time_across_a_step_that_is_not_there():
    table = field_contacts.timed(
        pd.DataFrame(
            {
                "file": "a",
                "side": list("lrllr"),
                "touchdown_s": [0, 0.34, 0.68, 1.36, 1.7],
                "toeoff_s": [0.2, 0.54, 0.88, 1.56, 1.9],
            }
        )
    )
    np.testing.assert_allclose(table["step_s"], [0.34, 0.34, np.nan, 0.34, np.nan])


def test_make_estimate_runs_from_the_makefile(project, lab, points, tmp_path):
    as_csv(tmp_path / "data" / "a.csv", points, lab.rate_hz)
    done = make(project, "estimate", f"DATA={(tmp_path / 'data').as_posix()}")
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

"""The benchmark: what it says of perfect, mean and wrong estimates, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers import ROOT, assert_accessible

from grfkit import cli, metrics
from grfkit.evaluation import left_out_runners, score
from grfkit.points import ESTIMATES, FORCES, INPUTS
from grfkit.reports import html as html_page
from grfkit.reports.benchmark import score_page
from grfkit.study import recipes, store

RECIPES = recipes.load_all(ROOT / "params" / "recipes", score.REFERENCES)
STUDY = ROOT / "params" / "smoke.yaml"


@pytest.fixture
def study(tidy):
    """Four runners of four stances; four stances are of another speed."""
    stances, frames = tidy(20, runners=4)
    stances.loc[stances["stance"] >= 16, ["split", "speed_m_s"]] = ["other_speed", 2.5]
    frames = frames.astype(dict.fromkeys(frames.columns[2:], float))
    frames[INPUTS] *= 0.2  # as near to each other as runners are
    return stances, frames


@pytest.fixture
def results(study, tmp_path):
    stances, frames = study
    folder = tmp_path / "reports" / "smoke" / "results"
    store.save(folder, "01_preprocess/stances.csv", stances)
    store.save(folder, "01_preprocess/stances.parquet", frames)
    return folder


@pytest.fixture
def perfect(results):
    """Estimates that are the measured force."""
    frames = score.load(results).frames
    return frames[score.KEYS].assign(**dict(zip(ESTIMATES, frames[FORCES].to_numpy().T, strict=True)))


def judged(results, table):
    benchmark = score.load(results)
    known = store.read(results, "01_preprocess/stances.csv")["stance"]
    rows, notes = score.check(table, benchmark, known)
    return score.measure(rows.assign(estimator="mine"), benchmark.stances, vlr="touchdown_to_13"), notes


def mean_curve_by_hand(stances, frames):
    """The mean of the other runners' same side, each stance at 200 nodes, stretched over each stance: slow loops."""
    at_speed = stances[stances["split"] != "other_speed"]
    inside, rows = {}, []
    for stance in at_speed.itertuples():
        own = frames[frames["stance"] == stance.stance]
        contact = stance.toeoff_s - stance.touchdown_s
        inside[stance.stance] = own[(own["time_s"] > -1e-6) & (own["time_s"] < contact + 1e-6)]
    for stance in at_speed.itertuples():
        others = at_speed[(at_speed["runner"] != stance.runner) & (at_speed["side"] == stance.side)]
        share = np.linspace(0, 1, len(inside[stance.stance]))
        for number, frame in enumerate(inside[stance.stance].itertuples()):
            values = []
            for force in FORCES:
                curve = np.zeros(200)
                for other in others["stance"]:
                    measured = inside[other][force].to_numpy()
                    nodes = np.linspace(0, 1, 200)
                    curve += np.interp(nodes, np.linspace(0, 1, len(measured)), measured) / len(others)
                values.append(np.interp(share[number], nodes, curve))
            rows.append((stance.stance, frame.frame, *values))
    return pd.DataFrame(rows, columns=score.COLUMNS)


def test_perfect_estimates_have_r_1_and_no_error_and_are_doubted(results, perfect):
    tables, notes = judged(results, perfect)
    np.testing.assert_allclose(tables["curves"]["r"], 1)
    for measure in ("rmse_bw", "nrmse_pct"):
        np.testing.assert_allclose(tables["curves"][[measure, f"{measure}_low", f"{measure}_high"]], 0, atol=1e-6)
    np.testing.assert_allclose(tables["features"][["rel_error_pct", "abs_error"]], 0, atol=1e-4)
    assert (tables["curves"]["n"] == 16).all() and (tables["curves"]["runners"] == 4).all()
    assert sum("equals the measured force" in note for note in notes) == 3


def test_a_known_error_is_measured(results, perfect):
    """A force that is .1 BW too large everywhere has that RMSE; one that is 10 % too large errs by 10 % in a peak."""
    tables, notes = judged(results, perfect.assign(est_v=perfect["est_v"] + 0.1, est_ap=1.1 * perfect["est_ap"]))
    curves = tables["curves"].set_index("direction")
    np.testing.assert_allclose(
        curves.loc["V", ["rmse_bw", "rmse_bw_low", "rmse_bw_high"]].astype(float), 0.1, rtol=1e-5
    )
    np.testing.assert_allclose(curves["r"], 1)
    features = tables["features"].set_index("feature")
    assert features.loc["braking_peak_bw", "rel_error_pct"] == pytest.approx(10, rel=1e-4)
    assert features.loc["active_peak_bw", "abs_error"] == pytest.approx(0.1, rel=1e-4)
    assert len(notes) == 1  # ML alone equals the measured force


def test_the_mean_curve_that_is_made_at_once_equals_slow_loops(results, study):
    found, units, notes = score.references(
        results, {"mean_curve": RECIPES["mean_curve"], "physics": RECIPES["physics"]}, seed=1
    )
    assert list(found) == ["mean_curve", "physics"] and units == {"mean_curve": "study", "physics": "weighed"}
    slow = mean_curve_by_hand(*study)
    both = found["mean_curve"].merge(slow, on=score.KEYS, suffixes=("", "_slow"), validate="one_to_one")
    assert len(both) == len(slow) == len(score.load(results).frames)
    np.testing.assert_allclose(
        both[ESTIMATES], both[[f"{name}_slow" for name in ESTIMATES]], atol=2e-6
    )  # single precision
    assert any("LSTM is not shown" in note for note in notes)


def test_what_08_saved_stands_beside_and_scores_as_08_says(results, study, monkeypatch):
    """The physics of 08, handed in as somebody's file, has the very numbers of 08's own table."""
    stances, frames = study
    settings = {"folder": results / "08_generalisation", "seed": 1, "network": {}, "ensemble": []}
    compared = {name: RECIPES[name] for name in ("mean_curve", "physics")}
    saved, *_ = left_out_runners.leave_out(frames, stances, compared, **settings)
    saved = saved[metrics.in_stance(saved, stances)]
    saved = pd.concat([saved, saved[saved["estimator"] == "mean_curve"].assign(estimator="paper")])
    store.save(results, score.SAVED, saved)
    scores = metrics.by_stance(saved)
    of_08 = left_out_runners.means_with_limits(scores, stances, by=["estimator", "direction"], values=metrics.MEASURES)

    monkeypatch.setattr(left_out_runners, "leave_out", None)  # nothing is computed anew
    found, units, notes = score.references(results, RECIPES, seed=1)
    assert list(found) == ["mean_curve", "paper", "physics"] and notes == []
    benchmark = score.load(results, unit="weighed")
    rows, _ = score.check(saved[saved["estimator"] == "physics"][score.COLUMNS], benchmark, stances["stance"])
    tables = score.measure(
        pd.concat([rows.assign(estimator="mine"), *found.values()]), benchmark.stances, vlr="touchdown_to_13"
    )
    numbers = of_08.columns.difference(["estimator", "direction"])
    for mine, theirs in {"mine": "physics", "physics": "physics", "mean_curve": "mean_curve"}.items():
        ours = tables["curves"].query("estimator == @mine").reset_index(drop=True)
        pd.testing.assert_frame_equal(
            ours[numbers], of_08.query("estimator == @theirs").reset_index(drop=True)[numbers]
        )
    closer = tables["closer"].set_index(["than", "direction"])
    assert closer.loc[("physics", "V"), "runners_closer"] == 0 and closer.loc[("physics", "V"), "runners"] == 4
    by_hand = tables["by_runner"].set_index(["estimator", "direction"])["nrmse_pct"]
    smaller = (by_hand.loc[("mine", "V")].to_numpy() < by_hand.loc[("mean_curve", "V")].to_numpy()).sum()
    assert closer.loc[("mean_curve", "V"), "runners_closer"] == smaller


def test_what_08_saved_of_other_stances_does_not_stand_beside(results, study):
    stances, frames = study
    other = frames.assign(grf_v=1.01 * frames["grf_v"])
    saved = metrics.predictions(other, {"paper": frames[FORCES].to_numpy()})
    saved = saved[saved["stance"].isin(stances["stance"][:16]) & metrics.in_stance(saved, stances)]
    store.save(results, score.SAVED, saved)
    found, _, notes = score.references(results, RECIPES, seed=1)
    assert list(found) == ["mean_curve", "physics"] and any("run on other stances" in note for note in notes)


def test_the_template_has_the_rows_that_are_judged(results, perfect, tmp_path):
    benchmark = score.load(results)
    rows = score.template(benchmark)
    assert {"runner", "side", "time_s", *score.COLUMNS} == {*rows} and rows[ESTIMATES].isna().all(axis=None)
    assert rows["time_s"].min() >= -1e-6 and 16 not in {*rows["stance"]}
    filled = rows.assign(**dict(zip(ESTIMATES, perfect[ESTIMATES].to_numpy().T, strict=True)))
    for name in ("a.csv", "a.parquet"):
        store.save(tmp_path, name, filled)
        read = score.read(tmp_path / name)
        checked, _ = score.check(read.sample(frac=1, random_state=0), benchmark, range(20))  # rows in any order
        np.testing.assert_allclose(checked[ESTIMATES], benchmark.frames[FORCES], atol=1e-6)


def test_force_in_weighed_body_weights_is_judged_in_them(results, study, perfect):
    """57 kg were weighed, 60 kg are listed: a force is 60/57 times as many weighed body weights."""
    weighed = score.load(results, unit="weighed")
    np.testing.assert_allclose(weighed.frames[FORCES], score.load(results).frames[FORCES] * 60 / 57, rtol=1e-6)
    assert score.fingerprint(weighed) != score.fingerprint(score.load(results))
    with pytest.raises(ValueError, match="found 'newton'"):
        score.load(results, unit="newton")


WRONG = {  # what is done to perfect estimates: what the message says
    "stance lacks": (lambda table: table[~table["stance"].isin([3, 5])], r"lacks 2 stances of those .*: 3, 5\."),
    "frame lacks": (lambda table: table.drop(index=table.index[[7]]), r"lacks 1 frames, in 1 stance: 0\."),
    "unknown": (
        lambda table: table.assign(stance=table["stance"].replace(4, 77)),
        "1 stance that the study does not know: 77",
    ),
    "twice": (lambda table: pd.concat([table, table.iloc[:2]]), r"frames twice in 1 stance: 0"),
    "newtons": (
        lambda table: table.assign(est_v=600 * table["est_v"]),
        r"found values up to 1,\d\d\d.*divide by mass_kg",
    ),
    "nan": (
        lambda table: table.assign(est_v=table["est_v"].where(table.index != 9)),
        r"infinite: est_v: 1, first in stance 0",
    ),
    "all nan": (lambda table: table.assign(**dict.fromkeys(ESTIMATES, np.nan)), "all, in every direction"),
    "infinite": (lambda table: table.assign(est_ml=np.inf), "est_ml: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_check_refuses(name, results, perfect):
    change, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        score.check(change(perfect), score.load(results), range(20))


def test_check_minds_what_may_be_a_mistake(results, perfect):
    more = pd.concat([perfect, perfect.iloc[:5].assign(stance=17)])
    changed = more.assign(est_ap=-more["est_ap"], est_ml=np.nan, est_v=more["est_v"] * 0.9)
    rows, notes = score.check(changed, score.load(results), range(20))
    assert len(rows) == len(perfect) and len(notes) == 3
    assert "5 rows are not scored" in notes[0] and "AP runs against" in notes[1] and "ML is not estimated" in notes[2]


FILES = {  # name: what is written, what the message says
    "a.txt": (lambda table, path: path.write_text("x"), "ends in .txt"),
    "a.parquet": (lambda table, path: path.write_text("no parquet"), "cannot be read as parquet"),
    "empty.csv": (lambda table, path: path.write_text(""), "It has none"),
    "columns.csv": (
        lambda table, path: table.rename(columns={"est_v": "fz"}).to_csv(path, index=False),
        "lacks est_v. It has stance, frame, est_ap, est_ml, fz",
    ),
    "side.csv": (lambda table, path: table.T.to_csv(path, header=False), "transpose the table"),
    "text.csv": (
        lambda table, path: table.assign(est_v=["0", "1", "2", "much", *table["est_v"][4:]]).to_csv(path, index=False),
        "'much' in row 4, column est_v",
    ),
    "half.csv": (
        lambda table, path: table.assign(frame=table["frame"] + 0.5).to_csv(path, index=False),
        "stance and frame whole numbers",
    ),
    "two.csv": (
        lambda table, path: table.assign(estimator=np.where(table["stance"] < 5, "a", "b")).to_csv(path, index=False),
        "holds 2: a, b",
    ),
    "none.parquet": (lambda table, path: None, "does not exist"),
}


@pytest.mark.parametrize("name", FILES)
def test_read_refuses(name, perfect, tmp_path):
    write, said = FILES[name]
    write(perfect, tmp_path / name)
    with pytest.raises(ValueError, match=said):
        score.read(tmp_path / name)


def test_read_takes_stances_and_frames_that_pandas_kept_as_an_index(perfect, tmp_path):
    perfect.set_index(score.KEYS).to_parquet(tmp_path / "a.parquet")
    perfect.to_csv(tmp_path / "a.csv", index=False, encoding="utf-8-sig")  # as a spreadsheet writes it
    for name in ("a.parquet", "a.csv"):
        np.testing.assert_allclose(score.read(tmp_path / name), perfect)


def test_the_command_writes_a_page_and_its_tables(results, perfect, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noisy = perfect.assign(est_v=perfect["est_v"] + 0.05)
    noisy.to_csv(tmp_path / "mine.csv", index=False)
    call = ["score", str(tmp_path / "mine.csv"), "--study", str(STUDY)]
    assert cli.main(call) == 0
    said = capsys.readouterr().out
    assert said.rstrip().endswith("score/mine/index.html") and "LSTM is not shown" in said
    folder = results.parent / "score" / "mine"
    assert {path.name for path in folder.iterdir()} == {score_page.PAGE, *score_page.TABLES}
    curves = pd.read_csv(folder / "curves.csv")
    assert list(curves["estimator"].unique()) == ["mine", "mean_curve", "physics"]
    assert curves.set_index(["estimator", "direction"]).loc[("mine", "V"), "rmse_bw"] == pytest.approx(0.05, abs=1e-6)
    page = (folder / score_page.PAGE).read_text(encoding="utf-8")
    words = " ".join(BeautifulSoup(page, "html.parser").get_text(" ").split())
    assert "What this page cannot check" in words and ".050 (.050 to .050)" in words and "LSTM is not shown" in words
    assert html_page.needs_network(page) == []
    assert_accessible(page)
    assert cli.main(call) == 0  # in place of the earlier one
    (folder / score_page.PAGE).write_text("mine", encoding="utf-8")
    assert cli.main(call) == 1 and "is something else" in capsys.readouterr().err


def test_the_command_says_what_is_missing(results, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--study", str(STUDY)]
    assert cli.main(["score", *options]) == 1
    assert "none was given" in capsys.readouterr().err
    assert cli.main(["score", *options, "--template", str(tmp_path / "t" / "rows.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "t" / "rows.csv")) == len(score.load(results).frames)
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "t")
    assert cli.main(["score", "a.csv", *options]) == 1
    assert "make stances STUDY=smoke" in capsys.readouterr().err


def test_the_docs_name_what_is_checked():
    text = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    for word in (*score.COLUMNS, *score_page.TABLES, *score.UNITS, *score.REFERENCES, "make score", "left out"):
        assert word in text

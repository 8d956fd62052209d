"""Two virtual laboratories, and one runner of a third: who trains, who is tested, and that nothing of it is fitted."""

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, preprocessing, record_virtual

from grfkit.estimators import samples
from grfkit.evaluation import transfer_bands, transfer_training
from grfkit.evaluation.field.laboratories import Laboratory
from grfkit.points import FORCES, InputError
from grfkit.recordings.read import read_recorded
from grfkit.stances import cut
from grfkit.study import file as study_file
from grfkit.study import recipes, store

COMPARED = ["physics", "ridge", "mean_curve"]
SECTIONS = study_file.load(ROOT / "params" / "smoke.yaml").sections


@pytest.fixture(scope="module")
def laboratories(tmp_path_factory):
    made = {}
    for name, seed, men, lowpassed in (("home", 3, 2, None), ("away", 4, 2, 15.0), ("one", 5, 0, None)):
        folder = tmp_path_factory.mktemp(name)
        section = preprocessing("smoke", points_cutoff_hz=30.0, padding_s=0.03, forces_lowpassed_hz=lowpassed)
        stances, frames, *_ = cut.collect(record_virtual(folder, seed=seed, men=men, trials=2), folder, section)
        stances = stances.assign(split="train")
        field = SECTIONS["10_field"] | {"every": 1}
        made[name] = Laboratory(
            name,
            section,
            field,
            SECTIONS["08_generalisation"],
            stances,
            frames,
            read_recorded(stances, folder, section),
        )
    return made


@pytest.fixture(scope="module")
def known():
    return recipes.load_all(ROOT / "params" / "recipes", COMPARED)


@pytest.fixture(scope="module")
def tables(laboratories, known):
    return transfer_training.evaluate(laboratories, known, stance_bw=0.05, vlr="touchdown_to_13", seed=1)


@pytest.fixture(scope="module")
def trained(laboratories, known):
    return transfer_training.train(laboratories["home"], known, seed=1)


def test_evaluate_trains_where_there_are_two_runners_and_tests_on_all_others(tables):
    curves = tables["curves"]
    pairs = set(zip(curves["trained_on"], curves["tested_on"], curves["estimator"], strict=True))
    away = [(a, b) for a in ("home", "away") for b in ("home", "away", "one") if a != b]
    assert pairs == {(*pair, name) for pair in away for name in COMPARED} | {
        (a, a, "physics") for a in ("home", "away")
    }
    low = curves.drop_duplicates(["trained_on", "tested_on"]).set_index(["trained_on", "tested_on"])["lowpass_hz"]
    assert np.isnan(low["home", "home"]) and np.isnan(low["home", "one"])
    assert low["home", "away"] == low["away", "home"] == low["away", "one"] == 15.0
    whole = curves[(curves["speed"] == "all") & (curves["direction"] == "V")].set_index(["trained_on", "tested_on"])
    assert (whole["nrmse_pct"] < 15).all() and (whole["best_lag_ms"].abs() < 8).all()  # simulated runners are alike
    for kind in ("curves", "timing", "features", "bands", "needed"):
        assert list(tables[kind])[:3] == transfer_training.PAIR
        assert not {"stance", "runner", "measured", "estimated"} & set(tables[kind])  # means of studies alone
    assert set(tables["bands"]["estimator"]) == {"physics"}
    assert tables["bands"]["covered_pct"].between(20, 100).all()
    _check_new_bands(tables["bands"], tables["needed"])


def _check_new_bands(scored, needed):
    """Each pair is scored by what the training laboratory's other pair needed, with a margin of a tenth."""
    columns = ["trained_on", "tested_on", "direction"]
    wide = scored[scored["speed"] == "all"].set_index([*columns, "kind"])["width_bw"].unstack()
    away = wide[wide["new laboratory"].notna()]
    assert set(zip(*(away.index.get_level_values(name) for name in columns[:2]), strict=True)) == {
        (a, b) for a in ("home", "away") for b in ("home", "away", "one") if a != b
    }
    factor = needed.set_index(columns)["in_range"]
    for (trained_on, tested_on, direction), row in away.iterrows():
        (other,) = {"home", "away", "one"} - {trained_on, tested_on}
        least = max(1.0, 1.1 * factor[trained_on, other, direction])
        ratio = row["new laboratory"] / row["within"]
        assert least - 1e-6 <= ratio <= least * max(1.25, needed["unlike"].max() / needed["in_range"].min()) + 1e-6


def test_the_model_for_the_field_reads_what_other_laboratories_needed(tables, tmp_path):
    assert transfer_bands.read(tmp_path, ["home"]) is None
    for name, table in tables.items():
        store.save(tmp_path, f"14_transfer/{name}.csv", table)
    abroad = transfer_bands.read(tmp_path, ["home"])
    needed = tables["needed"][tables["needed"]["trained_on"] == "home"].groupby("direction")["in_range"].mean()
    assert abroad.laboratories == ["away", "one"] and transfer_bands.read(tmp_path, ["one"]) is None
    assert transfer_bands.read(tmp_path, ["home", "away"]).laboratories == ["one"]
    np.testing.assert_allclose(abroad.in_range, np.maximum(1, 1.05 * needed[["AP", "ML", "V"]]), atol=1e-3)
    curves = tables["curves"].query("speed == 'all' and estimator == 'physics' and direction == 'V'")
    mine = curves[(curves["trained_on"] == "home") & (curves["tested_on"] != "home")]
    assert abroad.rmse_bw[2] == pytest.approx(mine["rmse_bw"].mean(), abs=1e-4)
    home = curves[(curves["trained_on"] == "home") & (curves["tested_on"] == "home")]
    assert abroad.home_rmse_bw[2] == pytest.approx(home["rmse_bw"].item(), abs=1e-4)
    off = tables["features"].query("speed == 'all' and estimator == 'physics' and feature == 'vlr_bw_s'")
    away = off[(off["trained_on"] == "home") & (off["tested_on"] != "home")]
    assert abroad.features_pct["vlr_bw_s"] == pytest.approx(away["error_pct"].mean(), abs=0.06)


@pytest.mark.parametrize(
    "fault", ["a row less", "a row twice", "another order", "no number", "negative", "half a file", "no curves"]
)
def test_a_file_of_14_that_is_not_whole_is_named(tables, tmp_path, fault):
    """Three directions by name, each once, with factors above 0; another order is read alike."""
    for name, table in tables.items():
        store.save(tmp_path, f"14_transfer/{name}.csv", table)
    whole, needed = transfer_bands.read(tmp_path, ["home"]), tables["needed"]
    path = tmp_path / "14_transfer" / "needed.csv"
    if fault == "another order":
        store.save(tmp_path, "14_transfer/needed.csv", needed.iloc[::-1])
        again = transfer_bands.read(tmp_path, ["home"])
        assert set(again.laboratories) == set(whole.laboratories)
        assert again.in_range == whole.in_range
        return
    if fault == "a row less":
        store.save(tmp_path, "14_transfer/needed.csv", needed.iloc[1:])
    elif fault == "a row twice":
        store.save(tmp_path, "14_transfer/needed.csv", needed.iloc[[0, *range(len(needed))]])
    elif fault in ("no number", "negative"):
        wrong = needed.assign(in_range=np.nan if fault == "no number" else -1.4)
        store.save(tmp_path, "14_transfer/needed.csv", wrong)
    elif fault == "half a file":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        (tmp_path / "14_transfer" / "curves.csv").unlink()
    with pytest.raises(InputError, match="as 14_transfer saved them"):
        transfer_bands.read(tmp_path, ["home"])


def test_what_is_tested_has_no_part_in_what_is_estimated(laboratories, trained):
    """Double what plates felt of the tested laboratory: contacts, curves and bands stay to the bit."""
    other = laboratories["away"]
    spoiled = other._replace(
        frames=other.frames.assign(**{name: 2 * other.frames[name] for name in FORCES}),
        recorded=[each.__class__(**(vars(each) | {"force": 2 * each.force})) for each in other.recorded],
    )
    found = []
    for each in (other, spoiled):
        unit = trained.recipe.model_copy(update={"body_weight": "study"})
        measured = transfer_training.measure(each, unit, trained.model.settings["points_cutoff_hz"])
        found.append(transfer_training.estimate(trained, measured, each.stances))
    (contacts, curves, half, _), (again, others, widths, _) = found
    pd.testing.assert_frame_equal(contacts, again)
    for name in COMPARED:
        np.testing.assert_array_equal(curves[name], others[name])
    np.testing.assert_array_equal(half, widths)


def test_less_way_is_the_motion_at_the_frames_times(laboratories, trained):
    """Overground the pelvis no longer travels; it begins above the origin, and a left leg is mirrored as it was."""
    home, recipe = laboratories["home"], trained.recipe
    stances = home.stances[home.stances["stance"].isin(trained.measured.footsteps["stance"])]
    plain = samples.prepare(home.frames, stances, recipe)
    moved = transfer_training.less_way(plain, trained.measured.motions)
    rows = samples.rows_of_stances(plain)
    for number, stance in enumerate(plain.stances.itertuples()):
        way = trained.measured.motions[stance.file].way_m_s[0] * plain.frames["time_s"].to_numpy(float)[rows[number]]
        off = moved.points[rows[number], :, 0] + way[:, None] - plain.points[rows[number], :, 0]
        assert np.abs(off).max() < 0.01  # the model's filter is another
        assert np.abs(moved.points[rows[number]][..., 1:] - plain.points[rows[number]][..., 1:]).max() < 0.02
    assert way[-1] > 0.5 and plain.mirrored.any() and not plain.mirrored.all()


def test_cut_at_measured_contacts_gives_the_curves_that_training_saw(laboratories, trained):
    """What an estimator sees of a contact is what it saw when it was trained: the mean curve is the closed form."""
    home, (recipe, fitted) = laboratories["home"], trained.fitted["mean_curve"]
    footsteps = trained.measured.footsteps
    cut_again = transfer_training.cut_at(
        footsteps, home.stances, recipe, trained.measured.motions, rate_hz=trained.rate_hz
    )
    kept = home.stances[home.stances["stance"].isin(footsteps["stance"])]
    plain = transfer_training.less_way(samples.prepare(home.frames, kept, recipe), trained.measured.motions)
    assert list(cut_again.lengths) == list(plain.lengths)
    np.testing.assert_allclose(cut_again.points, plain.points, atol=1e-6)
    curves = transfer_training.curves_of(cut_again, fitted.predict(cut_again))
    left = (footsteps["side"] == "l").to_numpy()
    expected = fitted.curves["l"][np.linspace(0, 199, 101).round().astype(int)]
    assert np.abs(curves[left] - expected).max() < 0.1 * np.abs(expected).max()


def test_one_runner_alone_cannot_train(laboratories, known):
    one = laboratories["one"]
    with pytest.raises(ValueError, match=r"needs two runners, to train on.*one, two\. Name a study with more"):
        transfer_training.evaluate(
            {"one": one, "two": one._replace(name="two")}, known, stance_bw=0.05, vlr="touchdown_to_13", seed=1
        )


def test_read_all_says_what_to_do_where_no_other_study_is_named():
    with pytest.raises(InputError, match=r"`others` names none.*make transfer STUDY=rbds"):
        transfer_training.read_all({"study": "a.yaml", "data": "b", "results": "c"}, {})


def test_summarise_tells_of_each_laboratory(laboratories):
    table = transfer_training.summarise(laboratories)
    assert list(table.index) == ["home", "away", "one"] and list(table["runners"]) == [3, 3, 1]
    assert list(table["trains"]) == [True, True, False]
    assert table.loc["away", "forces_lowpassed_hz"] == 15.0

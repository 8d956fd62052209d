"""Two virtual laboratories are pooled: the union of both, each as it is alone, and one as it was."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import DETECTOR, VLR, preprocessing, record_virtual

from grfkit.estimators import samples
from grfkit.evaluation.field import field_accuracy, field_training, laboratories
from grfkit.field.model import FieldModel
from grfkit.recordings.read import read_recorded
from grfkit.stances import cut
from grfkit.study import recipes
from grfkit.study.provenance import ROOT

RECIPE = recipes.load(ROOT / "params" / "recipes" / "physics.yaml")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Home and away, whose forces have another rate; files and runners of both are called alike."""
    made = {}
    for name, seed, changes in (("home", 3, {}), ("away", 4, {"force_hz": 500.0, "forces_lowpassed_hz": 15.0})):
        folder = tmp_path_factory.mktemp(name)
        section = preprocessing("smoke", points_cutoff_hz=30.0, padding_s=0.03, **changes)
        stances, frames, excluded, *_ = cut.collect(record_virtual(folder, seed=seed, trials=2), folder, section)
        last = stances["runner"] == stances["runner"].max()
        stances = stances.assign(split=np.where(last, "test", "train"))
        about = {"data": f"Data of {name}.", "licence": "CC BY 4.0", "citation": f"{name} 2026"}
        section = section.model_copy(update={"cameras_late_s": 0.001 * len(made)})
        recorded = read_recorded(stances, folder, section)
        made[name] = laboratories.Laboratory(name, section, {"about": about}, {}, stances, frames, recorded, excluded)
    return made


@pytest.fixture(scope="module")
def parts(studies):
    return {name: laboratories.measure(each, RECIPE, 30.0) for name, each in studies.items()}


@pytest.fixture(scope="module")
def pooled(parts):
    return laboratories.pool(parts)


def test_pool_gives_the_union_with_names_in_front(parts, pooled):
    home, away = parts.values()
    assert set(home.footsteps["runner"]) & set(away.footsteps["runner"])  # else names would not need the study's
    for name in ("found", "missed", "footsteps"):
        both = getattr(home, name), getattr(away, name)
        assert len(getattr(pooled, name)) == sum(map(len, both))
    runners = [f"{name}/{runner}" for name, part in parts.items() for runner in part.footsteps["runner"]]
    assert list(pooled.footsteps["runner"]) == list(pooled.samples.runners) == runners
    assert all(pooled.footsteps["group"].str.startswith(tuple(f"{name}/" for name in parts)))
    files = {f"{name}/{file}" for name, part in parts.items() for file in part.motions}
    assert set(pooled.motions) == files == {each.file for each in pooled.recorded}
    assert {each.runner for each in pooled.recorded} == set(runners)
    stances = pd.concat([pooled.footsteps["stance"], pooled.missed["stance"]])
    assert stances.is_unique and list(pooled.samples.stances["stance"]) == list(pooled.footsteps["stance"])


def test_pool_keeps_each_laboratory_to_the_bit(parts, pooled):
    """Read by file, as all that follows reads: motion, measured curves, and times at their own rate of force."""
    first = 0
    for name, part in parts.items():
        index = np.flatnonzero(pooled.footsteps["file"].str.startswith(f"{name}/"))
        mine = pooled.take(index)
        same = ["side", "touchdown_s", "toeoff_s", "mid_s", "contact_s", "flight_s", "speed", "mass_kg"]
        pd.testing.assert_frame_equal(mine.footsteps[same], part.footsteps[same])
        for array in ("points", "forces", "lengths", "inside", "mirrored"):
            np.testing.assert_array_equal(getattr(mine.samples, array), getattr(part.samples, array))
        np.testing.assert_array_equal(samples.curve_targets(mine.samples), samples.curve_targets(part.samples))
        for file, moved in part.motions.items():
            assert pooled.motions[f"{name}/{file}"] is moved
        frames = mine.samples.frames
        np.testing.assert_array_equal(frames["time_s"], part.samples.frames["time_s"])
        assert set(frames["stance"]) == set(mine.footsteps["stance"])
        assert mine.footsteps["stance"].iloc[0] - part.footsteps["stance"].iloc[0] == first
        first += 1 + max(table["stance"].max() for table in (part.footsteps, part.missed) if len(table))


def test_one_laboratory_stays_as_it_is(studies, parts):
    home, one = {"home": studies["home"]}, {"home": parts["home"]}
    assert laboratories.pool(one) is parts["home"]
    own = studies["home"].field["about"]
    assert laboratories.about_all(home, own) == own
    assert set(laboratories.tested_files(home)) <= set(parts["home"].footsteps["file"])


def test_each_laboratory_keeps_its_own_offset_and_its_own_filter_of_forces(studies, parts):
    table = laboratories.summarise(studies, laboratories.pool(parts))
    assert list(table["cameras_late_ms"]) == [0.0, 1.0] and list(table["forces_lowpassed_hz"].fillna(0)) == [0.0, 15.0]
    assert list(table["steps"]) == [len(part.footsteps) for part in parts.values()]
    seen = []
    laboratories.over_all(parts, studies, lambda part, section: (seen.append((part, section)), np.zeros(1))[1])
    assert [
        (part is parts[name], section is studies[name].section)
        for name, (part, section) in zip(parts, seen, strict=True)
    ] == [(True, True)] * 2
    targets = laboratories.over_all(parts, studies, field_training.targets)
    alone = field_training.targets(parts["away"], studies["away"].section)
    np.testing.assert_array_equal(targets[-len(alone) :], alone)


def test_false_footsteps_are_counted_on_treadmills_only(studies, parts):
    """One is planted in each laboratory: in the flight after the first stance of its first recording."""
    planted = {}
    for name, part in parts.items():
        steps = part.footsteps[part.footsteps["file"] == part.footsteps["file"].iloc[0]].sort_values("touchdown_s")
        extra = steps.iloc[[0]].assign(mid_s=steps["toeoff_s"].iloc[0] + 0.01)[list(part.found)]
        planted[name] = part._replace(found=pd.concat([part.found, extra], ignore_index=True))

    def with_belts(home, away):
        belts = {"home": home, "away": away}
        changed = {
            name: each._replace(section=each.section.model_copy(update={"treadmill": belts[name]}))
            for name, each in studies.items()
        }
        false, before = (laboratories.false_footsteps(found, changed) for found in (planted, parts))
        return None if false is None else sorted(set(false["file"]) - set(before["file"]))

    assert with_belts(False, False) is None
    first = {name: f"{name}/{part.footsteps['file'].iloc[0]}" for name, part in parts.items()}
    assert with_belts(True, True) == sorted(first.values())
    assert with_belts(False, True) == [first["away"]]


def test_tested_files_are_those_of_the_test_runners_of_each(studies, pooled):
    files = laboratories.tested_files(studies)
    for name, each in studies.items():
        (runner,) = each.stances["runner"][each.stances["split"] == "test"].unique()
        mine = {file for file in files if file.startswith(f"{name}/")}
        kept = pooled.footsteps[pooled.footsteps["runner"] == f"{name}/{runner}"]
        assert set(kept["file"]) <= mine and not mine & set(
            pooled.footsteps["file"][pooled.footsteps["runner"] != f"{name}/{runner}"]
        )


def test_about_all_says_all_data_and_that_a_licence_is_not_stated(studies):
    own = studies["home"].field["about"]
    about = laboratories.about_all(studies, own)
    assert about["data"] == "home: Data of home. away: Data of away."
    assert about["licence"] == "home: CC BY 4.0; away: CC BY 4.0"
    unstated = studies["away"].field["about"] | {"licence": "not stated"}
    changed = studies | {"away": studies["away"]._replace(field={"about": unstated})}
    said = laboratories.about_all(changed, own)["licence"]
    assert said.startswith("This model may not be passed on: the licence of away is not stated.")
    alone = laboratories.about_all({"away": changed["away"]}, unstated)
    assert alone["licence"].startswith("This model may not be passed on") and alone["data"] == unstated["data"]


def test_accuracy_is_that_of_each_laboratory_alone_and_of_runners_left_out(studies, parts, pooled):
    """One who is exact has no error; the row of one is not changed by the others; low-passed alike where it says so."""
    measured = pooled
    curves = samples.curve_targets(measured.samples)
    left = (measured.footsteps["side"] == "l").to_numpy()
    curves[left] = curves[left] * [1, -1, 1]
    contacts = measured.footsteps
    table = laboratories.accuracy(studies, measured, contacts, curves)
    assert list(table.index) == list(studies) and list(table["n"]) == [len(part.footsteps) for part in parts.values()]
    assert np.isnan(table["lowpass_hz"]["home"]) and table["lowpass_hz"]["away"] == 15.0
    assert (table[["touchdown_rmse_ms", "toeoff_rmse_ms"]] == 0).all(axis=None) and (table["nrmse_pct_v"] < 1).all()
    worse = curves.copy()
    worse[contacts["file"].str.startswith("away/")] *= 1.1
    again = laboratories.accuracy(studies, measured, contacts, worse)
    pd.testing.assert_series_equal(again.loc["home"], table.loc["home"])
    assert 1.05 < again["rmse_bw_v"]["away"] / 0.1 < 2.5  # a tenth of 1.05 to 2.5 BW


def test_a_left_out_runner_leans_as_the_others_of_that_laboratory(pooled):
    """Plates of one laboratory are tilted: its estimates lean, those of the other stay level."""
    model, contacts = _trained(pooled)
    runners = pooled.footsteps["runner"].unique()
    tilted = pd.Series([0.05 if name.startswith("away/") else 0.0 for name in runners], runners)
    curves, _ = field_accuracy.estimate_left_out(model, pooled.motions, contacts, tilted)
    level, _ = field_accuracy.estimate_left_out(model, pooled.motions, contacts)
    away = contacts["file"].str.startswith("away/").to_numpy()
    np.testing.assert_array_equal(curves[~away], level[~away])
    np.testing.assert_allclose(curves[away][..., 1] - level[away][..., 1], 0.05 * level[away][..., 2])


def test_every_runner_of_every_laboratory_is_left_out_in_turn(pooled):
    """Forces of one runner are changed beyond sense: estimates of that runner do not move, all others' do."""
    model, contacts = _trained(pooled)
    own = pooled.footsteps["runner"].to_numpy()
    worse = samples.curve_targets(pooled.samples)
    for runner in np.unique(own)[[0, -1]]:
        curves = worse.copy()
        curves[own == runner] += 5.0
        changed = FieldModel(model.detector, field_training.regression(pooled, curves, RECIPE), model.settings)
        (before, _), (after, _) = (
            field_accuracy.estimate_left_out(each, pooled.motions, contacts) for each in (model, changed)
        )
        mine = (contacts["runner"] == runner).to_numpy()
        np.testing.assert_allclose(after[mine], before[mine], atol=1e-8)
        assert np.abs(after[~mine] - before[~mine]).max() > 1e-3


def _trained(measured):
    detector = field_accuracy.fit_detector(measured, DETECTOR, every=1, seed=1)
    contacts = field_accuracy.detect_left_out(
        detector, measured.motions, measured.found, measured.footsteps, measured.footsteps
    )
    section = SimpleNamespace(points_cutoff_hz=30.0, checks=SimpleNamespace(max_gap_s=0.04))
    settings = field_training.settings(section, RECIPE, measured.footsteps, level=0.9, vlr=VLR)
    curves = samples.curve_targets(measured.samples)
    return FieldModel(detector, field_training.regression(measured, curves, RECIPE), settings), contacts


def test_degraded_by_cutoff_trains_and_evaluates_a_model_for_each_lowpass_of_the_points(studies, monkeypatch):
    """Points are low-passed as the model's settings say, in training and in what is degraded."""
    seen = []

    def evaluate(measured, model, cases, *, seconds, seed):
        seen.append((model.settings["points_cutoff_hz"], len(measured.footsteps), cases, seconds, seed))
        return pd.DataFrame({"way": ["none"]})

    monkeypatch.setattr(laboratories.robustness, "evaluate_degraded", evaluate)
    settings = {"points_cutoff_hz": None, "max_gap_s": 0.04, "padding_s": RECIPE.padding_s, "vlr": VLR, "level": 0.9}
    given = {"cases": {"noise": [0.001]}, "every": 1, "seconds": 2.0, "seed": 3}
    one = dict(list(studies.items())[:1])
    tables = laboratories.degraded_by_cutoff(one, [8.0, 12.0], RECIPE, DETECTOR, settings | {"flight_s": 0.1}, **given)
    assert list(tables) == [8.0, 12.0]
    assert [each[0] for each in seen] == [8.0, 12.0] and seen[0][1] > 0
    assert all(each[2:] == ({"noise": [0.001]}, 2.0, 3) for each in seen)

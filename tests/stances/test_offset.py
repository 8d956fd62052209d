"""The offset between cameras and plates: planted ones are found and taken out, declared ones win, real ones are known.

Offsets are planted by filming late: the points of each recording are those of some milliseconds before.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, preprocessing, record_virtual
from scipy.interpolate import CubicSpline

from grfkit.points import INPUTS, POINTS, SEGMENTS
from grfkit.recordings import read
from grfkit.recordings.trials import read_trials
from grfkit.stances import cut, offset
from grfkit.study import file as study_file
from grfkit.study import store


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """Four virtual runners, three recordings each of two stances: their table and folder."""
    folder = tmp_path_factory.mktemp("offset")
    return record_virtual(folder, seed=3, men=2, women=2, trials=3), folder


@pytest.fixture
def film_late(monkeypatch):
    """Give a function that makes the cameras late by some seconds from then on, by a spline through their frames."""
    as_filmed = read.landmarks.from_markers

    def plant(late_s):
        def points(markers, names):
            made, frames = as_filmed(markers, names), np.arange(len(next(iter(markers.values()))))
            return CubicSpline(frames, made)(np.clip(frames - 100 * late_s, 0, frames[-1]))  # 100 Hz

        monkeypatch.setattr(read.landmarks, "from_markers", points)

    return plant


def test_lag_finds_the_offset_of_two_curves_beside_a_parabola():
    times, force = np.arange(0.1, 0.4, 0.002), lambda t: 1500 * np.exp(-(((t - 0.25) / 0.06) ** 2))
    spline = CubicSpline(np.arange(0, 0.5, 0.001), force(np.arange(0, 0.5, 0.001)))
    for late_s in (-0.02, -0.0031, 0.0, 0.0066, 0.02):

        def acceleration(t, late_s=late_s):
            return force(t - late_s) / 70 - 9.81 + 3 * (t - 0.3 - late_s) - 20 * (t - 0.2 - late_s) ** 2

        assert offset.lag(times, spline, acceleration) == pytest.approx(late_s, abs=1e-5)
    assert np.isnan(offset.lag(times, spline, lambda t: force(t - 0.06)))  # more than is looked for


def test_acceleration_is_that_of_all_segments():
    """By the literal sum: thigh, shank and foot of both legs at their centres, all else with the pelvis."""
    times, rng = np.arange(0, 1, 0.01), np.random.default_rng(0)
    height = np.cumsum(rng.normal(size=(100, 11, 3)), axis=0)
    total = np.zeros(100)
    for share in SEGMENTS.values():
        left = 1.0
        for side in "lr":
            hip, knee, ankle, heel, toe = (
                height[:, POINTS.index(f"{side}_{name}"), 2] for name in ("hip", "knee", "ankle", "heel", "toe")
            )
            for (mass, centre, _), start, end in (
                (share["thigh"], hip, knee), (share["shank"], knee, ankle), (share["foot"], heel, toe)
            ):  # fmt: skip
                total += mass * (start + centre * (end - start)) / 2
                left -= mass
        total += left * height[:, 0, 2] / 2
    found = offset.acceleration(SimpleNamespace(spline=CubicSpline(times, height)))
    np.testing.assert_allclose(found(times), CubicSpline(times, total)(times, 2), atol=1e-6)


@pytest.mark.parametrize(
    "late_s", [-0.01, 0.0, 0.01, *(pytest.param(each, marks=pytest.mark.slow) for each in (-0.005, 0.005))]
)
def test_estimate_finds_a_planted_offset_within_1_ms(laboratory, film_late, late_s):
    film_late(late_s)
    settings = preprocessing("smoke")
    table = offset.estimate(*laboratory, settings)
    study = table.iloc[-1]
    assert study["late_s"] == pytest.approx(late_s, abs=0.001)
    assert study["stances"] >= offset.FEWEST_STANCES and list(table["runner"]) == [
        *laboratory[0]["runner"].unique(),
        "",
    ]
    assert study["late_s"] == pytest.approx(table["late_s"][:-1].mean())
    if abs(late_s) == 0.01:
        assert study["applied_s"] == pytest.approx(study["late_s"], abs=6e-5)
        assert offset.take_out(settings, table).cameras_late_s == study["applied_s"]
        assert "It was taken out" in offset.describe(table, settings)
        assert ("earlier" if late_s < 0 else "later") in offset.describe(table, settings)
    if not late_s:
        assert study["applied_s"] == 0 and "so nothing was taken out" in offset.describe(table, settings)


def test_a_declared_offset_wins(laboratory, film_late):
    film_late(0.01)
    settings = preprocessing("smoke", cameras_late_s=0.0)
    table = offset.estimate(*laboratory, settings)
    assert table["applied_s"].iloc[-1] == 0 and table["late_s"].iloc[-1] > 0.008
    assert "The study file declares 0.0 ms" in offset.describe(table, settings)
    assert "check the declared offset" in offset.describe(table, settings)
    settings = preprocessing("smoke", cameras_late_s=0.0095)
    table = offset.estimate(*laboratory, settings)
    assert table["applied_s"].iloc[-1] == 0.0095 and table["late_s"].iloc[-1] > 0.008  # measured as it was recorded
    assert "check the declared offset" not in offset.describe(table, settings)


def test_an_offset_of_few_stances_is_only_shown(laboratory, film_late):
    film_late(0.01)
    trials, folder = laboratory
    table = offset.estimate(trials[trials["trial"] == trials["trial"].iloc[0]], folder, preprocessing("smoke"))
    assert table["stances"].iloc[-1] < offset.FEWEST_STANCES and table["applied_s"].iloc[-1] == 0
    assert "fewer than 20 stances" in offset.describe(table, preprocessing("smoke"))


def test_an_offset_of_nothing_is_said(laboratory):
    settings = preprocessing("smoke", speed_m_s=[9.0, 9.5])
    table = offset.estimate(*laboratory, settings)
    assert len(table) == 1 and offset.take_out(settings, table).cameras_late_s == 0
    assert "could not be measured" in offset.describe(table, settings)


def test_estimate_reads_one_recording_of_each_runner_and_no_named_test_runner(laboratory, monkeypatch):
    trials, folder = laboratory
    seen, runners = [], list(trials["runner"].unique())
    monkeypatch.setattr(offset, "load_trial", lambda trial, *_: (seen.append(trial.file), None))
    settings = preprocessing("smoke", test_runners=runners[:1])
    monkeypatch.setattr(offset, "lags", lambda *_, **__: [])
    offset.estimate(trials, folder, settings)
    assert set(seen) == set(trials.loc[trials["runner"] != runners[0], "file"])  # none has 20 stances: all are read
    monkeypatch.setattr(offset, "lags", lambda *_, **__: [0.0] * 20)
    seen.clear()
    offset.estimate(trials, folder, settings)
    assert len(seen) == len({*trials.set_index("file").loc[seen, "runner"]}) == 3
    seen.clear()
    monkeypatch.setattr(offset, "MOST_RUNNERS", 2)
    offset.estimate(trials, folder, settings)
    assert [trials.set_index("file").loc[file, "runner"] for file in seen] == [runners[1], runners[3]]  # every second


def test_summarise_takes_the_error_over_runners_and_that_of_the_method():
    late_s = pd.DataFrame({"runner": ["a", "a", "b", "c"] * 5, "late_s": [0.0, 0.002, 0.006, 0.014] * 5})
    study = offset.summarise(late_s, preprocessing()).iloc[-1]
    assert study["late_s"] == pytest.approx(0.007)  # of 1, 6 and 14 ms
    assert study["error_s"] == pytest.approx(np.sqrt((25 + 49 + 36 + 0 + 1 + 18) / 129 * 43 / 3 + 1) / 1000, rel=0.01)
    alone = offset.summarise(late_s[late_s["runner"] == "c"], preprocessing()).iloc[-1]
    assert alone["error_s"] == pytest.approx(np.hypot(0.003, 0.001))  # one runner's stances prove nothing of others


def test_stances_of_late_cameras_are_those_of_cameras_in_time(laboratory, film_late):
    trials, folder = laboratory
    stances, frames, *_ = cut.collect(trials, folder, preprocessing("smoke"))
    film_late(0.013)
    late, moved, *_ = cut.collect(trials, folder, preprocessing("smoke", cameras_late_s=0.013))
    assert len(stances) == len(late) >= 20
    np.testing.assert_allclose(late["touchdown_s"] - stances["touchdown_s"], 0.013, atol=1e-9)
    np.testing.assert_allclose(moved[INPUTS], frames[INPUTS], atol=5e-4)  # half a millimetre of interpolation
    np.testing.assert_allclose(moved[["grf_ap", "grf_ml", "grf_v"]], frames[["grf_ap", "grf_ml", "grf_v"]], atol=1e-3)


def test_recordings_are_read_again_as_01_read_them(laboratory, tmp_path):
    settings = preprocessing("smoke")
    with pytest.raises(ValueError, match=r"01_preprocess/offset\.csv is not in .* Run 01_preprocess first"):
        offset.as_in_01(settings, tmp_path)
    store.save(
        tmp_path, offset.TABLE, offset.summarise(pd.DataFrame({"runner": ["007"] * 30, "late_s": 0.01}), settings)
    )
    assert offset.as_in_01(settings, tmp_path).cameras_late_s == 0.01
    assert store.read(tmp_path, offset.TABLE)["runner"].tolist() == ["007", ""]
    trials, folder = laboratory
    both = [
        read.read_recorded(trials[:1], folder, each)[0]
        for each in (settings, offset.as_in_01(settings, tmp_path))
    ]  # fmt: skip
    np.testing.assert_array_equal(both[1].points, both[0].points)
    np.testing.assert_allclose(both[1].force[100:-100], both[0].force[90:-110], atol=0.5)  # zero levels are read anew


def test_estimate_of_rbds_is_late_and_of_a_synchronised_laboratory_is_not(rbds, hamner):
    settings = preprocessing("rbds")
    trials = read_trials(rbds, table=settings.table)
    table = offset.estimate(trials[trials["runner"].isin(["03", "04", "08", "09", "010"])], rbds, settings)
    study = table.iloc[-1]
    assert 0.004 < study["late_s"] < 0.009 and study["late_s"] > 2 * study["error_s"]
    assert study["applied_s"] == pytest.approx(study["late_s"], abs=6e-5)

    settings = study_file.preprocessing(ROOT / "params" / "hamner.yaml")
    study = offset.estimate(read_trials(hamner, table=settings.table), hamner, settings).iloc[-1]
    assert abs(study["late_s"]) < 0.0025 and study["applied_s"] == 0

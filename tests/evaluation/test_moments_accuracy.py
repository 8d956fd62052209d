"""Moments by plates and by estimates at the nodes of stances, and the tables of their errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT, force_of_a_step, preprocessing, swing_accelerations, swinging_leg
from scipy.stats import pearsonr

from grfkit.evaluation import left_out_runners, moments_accuracy
from grfkit.evaluation import moments as joint_moments
from grfkit.evaluation.field import ground_truth
from grfkit.evaluation.moments import LEG, NAMES
from grfkit.field import motion as point_motion
from grfkit.points import ESTIMATES, GRAVITY, POINTS
from grfkit.recordings import trials as trials_table
from grfkit.recordings.read import Recorded, read_recorded
from grfkit.reports import run
from grfkit.stances import cut as cut_stances
from grfkit.study import file as study_file
from grfkit.study import store
from grfkit.virtual.laboratory import record_study

FILTER = {"cutoff_hz": None, "max_gap_s": 0.04}


@pytest.fixture
def laboratory():
    """Make two runners' recordings with plates by hand: (stances, recorded, motions), a step every .5 s on a belt."""
    rows, recorded, motions = [], [], {}
    for number, file in enumerate(("a.c3d", "b.c3d")):
        clock, times, mass = np.arange(0, 3, 1 / 300), np.arange(0, 3, 1 / 150), 60.0 + 6 * number
        force, cop = (
            np.tile([0.0, 0.0, 8.0], (len(clock), 1)),
            np.full((len(clock), 3), np.nan),
        )  # a belt is never quite silent
        points = np.random.default_rng(number).normal(size=(11, 3)) * 0.01 + np.zeros((len(times), 11, 3))
        for step, begins in enumerate(np.arange(0.5, 2.6, 0.5)):
            side, inside = "lr"[step % 2], (clock >= begins) & (clock <= begins + 0.25)
            push, centre = force_of_a_step(clock[inside] - begins)
            force[inside], cop[inside] = mass * GRAVITY * push, centre + [2.0, -1.0, 0.0]
            rows.append(
                {
                    "stance": len(rows),
                    "file": file,
                    "runner": f"v{number}",
                    "side": side,
                    "speed_m_s": 3.5,
                    "split": "train",
                    "touchdown_s": begins + 0.02,
                    "toeoff_s": begins + 0.23,
                    "weighed_kg": mass,
                }
            )
        for side in "lr":
            points[:, [POINTS.index(f"{side}_{name}") for name in LEG]] = swinging_leg(times) + [2.0, -1.0, 0.0]
        points[:, 0, 2] += 1
        recorded.append(Recorded(file, f"v{number}", 3.5, points, 150.0, force, cop, 300.0))
        motions[file] = point_motion.from_points(points, 150.0, **FILTER)
    stances = pd.DataFrame(rows).assign(sex="m", speed="3.5 m/s")
    return stances, recorded, motions


def as_curves(stances, force, cop, points, *, earlier_s=0.0):
    """Lay out a source as 10_field saves estimated curves."""
    values = np.concatenate([force, cop[..., :2] - points[:, :, 1, :2]], axis=2).reshape(-1, 5)
    table = pd.DataFrame(values, columns=[*ESTIMATES, *moments_accuracy.COP])
    return table.assign(
        stance=np.repeat(stances["stance"].to_numpy(), 101),
        time_s=moments_accuracy.node_times(stances).ravel() - earlier_s,
    )


def test_measured_gives_back_force_and_centre_wherever_the_origin_lies(laboratory):
    stances, recorded, _ = laboratory
    force, cop = moments_accuracy.measured_source(recorded, stances, cutoff_hz=None, threshold_n=30.0)
    since = moments_accuracy.node_times(stances) - stances[["touchdown_s"]].to_numpy() + 0.02
    expected, centre = zip(*map(force_of_a_step, since), strict=True)
    np.testing.assert_allclose(
        force, expected, atol=2e-3
    )  # linear between frames of 300 Hz: curvature 380 BW/s^2 x (3.3 ms)^2 / 8
    np.testing.assert_allclose(cop, np.array(centre) + [2.0, -1.0, 0.0], atol=1e-3)
    moved = [replace(each, cop=each.cop + [5.0, 3.0, 0.0]) for each in recorded]
    for cutoff_hz in (None, 20.0):
        near, far = (
            moments_accuracy.measured_source(each, stances, cutoff_hz=cutoff_hz, threshold_n=30.0)[1]
            for each in (recorded, moved)
        )
        np.testing.assert_allclose(far, near + [5.0, 3.0, 0.0], atol=1e-9)


def test_legs_are_where_they_were_measured_and_accelerate_as_they_do(laboratory):
    stances, recorded, motions = laboratory
    way = np.arange(450)[:, None, None] / 150 * [3.5, 0.2, 0.0]  # overground
    motions["b.c3d"] = point_motion.from_points(recorded[1].points + way, 150.0, **FILTER)
    points, accelerations = moments_accuracy.leg_motion(motions, stances)
    for row, at in enumerate(moments_accuracy.node_times(stances)):
        on = at[:, None, None] * [3.5, 0.2, 0.0] if stances["file"][row] == "b.c3d" else 0
        np.testing.assert_allclose(points[row], swinging_leg(at) + [2.0, -1.0, 0.0] + on, atol=1e-5)
        np.testing.assert_allclose(
            accelerations[row], swing_accelerations(at), atol=0.06
        )  # of 4.4: a cubic spline's second derivative, knots 6.7 ms apart


def test_estimated_source_of_the_plates_own_values_gives_their_moments(laboratory):
    stances, recorded, motions = laboratory
    points, accelerations = moments_accuracy.leg_motion(motions, stances)
    plates = moments_accuracy.measured_source(recorded, stances, cutoff_hz=None, threshold_n=30.0)
    curves = as_curves(stances, *plates, points).sample(frac=1, random_state=0)  # in any order of rows
    again = moments_accuracy.estimated_source(curves, stances, points)
    late = moments_accuracy.estimated_source(as_curves(stances, *plates, points, earlier_s=0.1), stances, points)
    sources = {"plates": plates, "same": again, "late": late}
    values = moments_accuracy.moments_of_sources(points, accelerations, sources, stances)
    np.testing.assert_allclose(values["same"], values["plates"], atol=1e-9)
    assert (late[0][:, -40:] == 0).all()  # after the detected contact there is no force: inertia and weight alone
    one = stances[stances["side"] == "r"].index[0]
    ankle, knee = joint_moments.moments(points[one], accelerations[one], plates[0][one], plates[1][one], sex="m")
    np.testing.assert_array_equal(values["plates"][one], joint_moments.named(ankle, knee, "r"))


def test_estimated_asks_for_a_centre_of_pressure(laboratory):
    with pytest.raises(ValueError, match="lacks est_cop_ap, est_cop_ml.*10_field"):
        moments_accuracy.estimated_source(pd.DataFrame(columns=["stance", "time_s", *ESTIMATES]), laboratory[0], None)


def test_evaluated_stances_are_weighed_and_seen_throughout(laboratory):
    stances, _, motions = laboratory
    stances = stances.drop(columns=["sex", "speed"])
    stances.loc[1, "weighed_kg"], stances.loc[2, "toeoff_s"] = np.nan, 99.0
    stances.loc[4, ["split", "speed_m_s"]] = "other_speed", 2.6
    motions["a.c3d"] = motions["a.c3d"]._replace(gaps=np.array([[2.05, 2.15]]))  # in stance 3
    trials = pd.DataFrame({"file": ["a.c3d", "b.c3d"], "sex": ["M", " female"]})
    kept = moments_accuracy.evaluated_stances(stances, stances[stances["stance"] != 9], trials, motions)
    assert kept["stance"].tolist() == [0, 4, 5, 6, 7, 8] and kept["sex"].tolist() == list("mmffff")
    assert kept["speed"].tolist() == ["3.5 m/s", "2.5 m/s", *["3.5 m/s"] * 4]


@pytest.fixture
def three_runners():
    """Moments (S, 101, 3) of three runners at two speeds, by plates and by one source."""
    rng, runners = np.random.default_rng(5), np.repeat(["a", "b", "c"], 8)
    wave = np.sin(np.pi * np.linspace(0, 1, 101))[:, None]
    plates = wave * rng.uniform(1, 3, size=(24, 1, 3)) + 0.05 * rng.normal(size=(24, 101, 3))
    stances = pd.DataFrame(
        {"stance": np.arange(24) + 7, "runner": runners, "speed": np.tile(["2.5 m/s", "3.5 m/s"], 12)}
    )
    return plates, {"estimated": plates + 0.1 * rng.normal(size=plates.shape)}, stances


def test_scores_equal_their_formulas_stance_by_stance(three_runners):
    plates, sources, stances = three_runners
    table = moments_accuracy.scores(plates, sources, stances).set_index(["moment", "stance"])
    for row, stance in enumerate(stances["stance"]):
        for number, name in enumerate(NAMES):
            one, other = plates[row, :, number], sources["estimated"][row, :, number]
            rmse = np.linalg.norm(one - other) / np.sqrt(101)
            expected = pearsonr(one, other).statistic, rmse, 100 * rmse / (one.max() - one.min())
            np.testing.assert_allclose(
                table.loc[(name, stance), moments_accuracy.MEASURES].astype(float), expected, rtol=1e-9
            )


def test_peaks_and_their_table_by_hand(three_runners):
    plates, sources, stances = three_runners
    sources = {
        "estimated": plates * [1.1, 0.9, 1.0] + [0.0, 0.0, 0.2],
        left_out_runners.BASELINE: left_out_runners.mean_of_other_runners(plates, stances),
    }
    peaks = moments_accuracy.peaks(plates, sources, stances)
    table = moments_accuracy.peak_table(peaks, stances).set_index(["source", "moment", "speed"])
    mine = plates.max(axis=1)
    for number, (name, error) in enumerate(
        zip(NAMES, (0.1 * mine[:, 0], -0.1 * mine[:, 1], np.full(24, 0.2)), strict=True)
    ):
        row = table.loc[("estimated", name, "all")]
        expected = (
            mine[:, number].mean(),
            mine[:, number].std(ddof=1),
            error.mean(),
            error.std(ddof=1),
            np.abs(error).mean(),
        )
        np.testing.assert_allclose(
            row[["measured", "measured_sd", "error", "error_sd", "abs_error"]].astype(float), expected, atol=1e-9
        )
        assert row["abs_error_pct"] == pytest.approx(100 * np.abs(error).mean() / mine[:, number].mean())
        assert row["r_of_runners"] == pytest.approx(1) and row["error_low"] <= row["error"] <= row["error_high"]
        assert row[["n", "runners"]].tolist() == [24, 3]
        slow = table.loc[("estimated", name, "2.5 m/s")]
        assert slow["n"] == 12 and slow["measured"] == pytest.approx(mine[::2, number].mean())
    assert table.xs(left_out_runners.BASELINE)["r_of_runners"].isna().all()
    fast = stances[stances["speed"] == "3.5 m/s"]
    means = moments_accuracy.runner_peaks(peaks, fast, "estimated").set_index(["moment", "runner"])
    assert len(means) == 9 and means.loc[("knee_extension", "b"), "measured"] == pytest.approx(mine[9:16:2, 1].mean())


def test_moments_of_a_real_runner_are_those_of_running(rbds):
    settings = preprocessing("rbds")
    trials = trials_table.read_trials(rbds, table="rbds").query("file == 'RBDS001/RBDS001runT35.c3d'")
    stances, *_ = cut_stances.collect(trials, rbds, settings)
    recorded = read_recorded(stances, rbds, settings)
    motions = ground_truth.motions(recorded, settings)
    kept = moments_accuracy.evaluated_stances(stances, stances, trials, motions)
    assert len(kept) == len(stances) > 60 and set(kept["sex"]) == {"m"}
    points, accelerations = moments_accuracy.leg_motion(motions, kept)
    force, cop = moments_accuracy.measured_source(
        recorded, kept, cutoff_hz=settings.force_cutoff_hz, threshold_n=settings.contact_threshold_n
    )
    heel, toe = points[:, 50, 2, :2], points[:, 50, 3, :2]
    share = ((cop[:, 50, :2] - heel) * (toe - heel)).sum(axis=1) / ((toe - heel) ** 2).sum(axis=1)
    assert 0.2 < np.median(share) < 1.0  # at mid-stance the force acts on the foot
    values = moments_accuracy.moments_of_sources(points, accelerations, {"plates": (force, cop)}, kept)["plates"]
    peaks = pd.DataFrame(values.max(axis=1), columns=NAMES).groupby(kept["side"]).mean()
    assert peaks["ankle_plantarflexion"].between(1.5, 3.5).all() and peaks["knee_extension"].between(1.5, 4.0).all()
    assert peaks["knee_abduction"].between(0.2, 2.5).all()
    # at the peak the foot is planted: its inertia is some hundredths, the rest is the lever of the raw force
    each, row = recorded[0], kept.iloc[0]
    node = values[0, :, 0].argmax()
    frame = round(moments_accuracy.node_times(kept)[0, node] * each.force_hz)
    ankle = points[0, node, 1]
    raw = (
        np.median([-np.cross(each.cop[k] - ankle, each.force[k])[1] for k in range(frame - 3, frame + 4)])
        / row["weighed_kg"]
    )
    assert values[0, node, 0] == pytest.approx(raw, rel=0.06)


@pytest.mark.slow  # two notebooks on recordings made for them
def test_notebook_finds_no_error_in_the_plates_own_values(tmp_path):
    smoke, results = study_file.load(ROOT / "params" / "smoke.yaml"), tmp_path / "results"
    settings = preprocessing("smoke")
    record_study(smoke, tmp_path / "recordings")
    run.run(ROOT / "notebooks" / "01_preprocess.ipynb", study=smoke, reports=tmp_path)
    stances = store.read(results, "01_preprocess/stances.csv")
    recorded = read_recorded(stances, tmp_path / "recordings", settings)
    points, _ = moments_accuracy.leg_motion(ground_truth.motions(recorded, settings), stances)
    plates = moments_accuracy.measured_source(
        recorded, stances, cutoff_hz=settings.force_cutoff_hz, threshold_n=settings.contact_threshold_n
    )
    store.save(results, "10_field/curves.parquet", as_curves(stances, *plates, points))
    page = run.run(ROOT / "notebooks" / "13_moments.ipynb", study=smoke, reports=tmp_path)
    assert (
        "How close are the peaks?" in page.read_text(encoding="utf-8")
        and (results / "13_moments" / "moments.png").stat().st_size > 0
    )
    scores, peaks = (
        store.read(results, f"13_moments/{name}.csv").query("source == 'estimated' and speed == 'all'")
        for name in ("scores", "peaks")
    )
    assert len(scores) == len(peaks) == 3 and (scores["n"] == len(stances)).all()
    np.testing.assert_allclose(scores["rmse_nm_kg"], 0, atol=1e-6)
    np.testing.assert_allclose(peaks["abs_error"], 0, atol=1e-6)

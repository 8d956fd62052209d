"""Importance is found where it was put, equals a slow literal version, and never uses the left-out runner's forces."""

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT
from matplotlib.figure import Figure

from grfkit.estimators import samples
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.evaluation import importance
from grfkit.points import COMPONENTS, DIRECTIONS, INPUTS, POINTS
from grfkit.reports import run
from grfkit.reports.plots import evaluation as evaluation_plots
from grfkit.study import file as study_file
from grfkit.study import recipes, store

PHYSICS = recipes.load(ROOT / "params" / "recipes" / "physics.yaml").model_copy(update={"body_weight": "study"})
CANDIDATE = {
    "positions_m": 1.0,
    "velocities_m_s": 1.5,
    "accelerations_m_s2": 2.0,
    "times_s": 0.5,
    "noise": 1e-2,
    "edges": 0.4,
}
KNEE, WINDOW = POINTS.index("r_knee"), 3  # the stance leg's knee between 30 and 40 % of stance


def table_of(runners):
    return pd.DataFrame({"stance": np.arange(len(runners)) + 100, "runner": runners})


@pytest.fixture(scope="module")
def small():
    """Four runners with inputs of every kind; the last stance of each at another speed."""
    rng, runners = np.random.default_rng(3), np.repeat(["d", "a", "c", "b"], 6)
    inputs = {
        kind: (rng.normal(size=(24, 51, 11, 3)).astype(np.float32), rng.normal(size=(24, 6, 11, 3)).astype(np.float32))
        for kind in samples.KINDS
    }
    inputs["times"] = rng.normal(size=(24, 2)).astype(np.float32), np.empty((24, 0), np.float32)
    ours = np.flatnonzero(np.arange(24) % 6 < 5)
    return inputs, rng.normal(size=(24, 101, 3)), table_of(runners), ours


def fit(small, **changed):
    inputs, targets, stances, ours = small
    return importance.fit(inputs, changed.get("targets", targets), stances, ours, CANDIDATE, shape="gaussian")


def literal(small, replace):
    """Refit without each runner and estimate from inputs that `replace(part, kind, place, stance, others)` changed.

    Returns RMSE (O, 3).
    """
    inputs, targets, stances, ours = small
    runners, errors = stances["runner"].to_numpy(), []
    for stance in ours:
        others = np.flatnonzero(runners != runners[stance])
        known = {kind: tuple(part[others] for part in parts) for kind, parts in inputs.items()}
        chosen = np.zeros((1, 3), int)
        fitted = KernelRidge.fit_curves(known, targets[others], [CANDIDATE], chosen, shape="gaussian")
        mine = {kind: tuple(part[[stance]].copy() for part in parts) for kind, parts in inputs.items()}
        for kind, parts in mine.items():
            for place, part in enumerate(parts):
                replace(part[0], kind, place, stance, [other for other in others if other in ours])
        (curve,) = fitted.estimate(mine)
        errors.append(np.sqrt(((curve - targets[stance]) ** 2).mean(axis=0)))
    return np.array(errors)


def values(table, key, name, column="rmse_bw"):
    rows = table[table[key] == name].set_index("direction")
    return rows.loc[DIRECTIONS, column].to_numpy()


def test_by_point_and_by_kind_equal_a_refit_with_replaced_inputs(small):
    inputs, _, _, ours = small
    fitted = fit(small)
    donors = importance.draw_donors(fitted, repeats=2, seed=5)
    before = literal(small, lambda *_: None)

    def expected(changes):
        def replace(places):
            def one(part, kind, place, stance, others):
                donor = inputs[kind][place][ours[places[np.flatnonzero(ours == stance)[0]]]]
                if changes == kind or changes == importance.ALL_KINDS:
                    part[...] = donor
                elif changes in importance.ORDER and kind != "times":
                    point = list(importance.NAMES.values()).index(changes)
                    part[:, point] = donor[:, point]

            return one

        return np.mean([literal(small, replace(places)) for places in donors], axis=0)

    points, kinds = importance.by_point(fitted, donors), importance.by_kind(fitted, donors)
    for table, key, names in (
        (points, "point", ["pelvis", "stance_toe", "swing_knee"]),
        (kinds, "kind", [*inputs, importance.ALL_KINDS]),
    ):
        for name in names:
            after = expected(name)
            np.testing.assert_allclose(
                values(table, key, name), after.mean(axis=0), atol=1e-5
            )  # features are in single precision
            np.testing.assert_allclose(values(table, key, name, "rise_bw"), (after - before).mean(axis=0), atol=1e-5)
    assert list(dict.fromkeys(points["point"])) == importance.ORDER and list(dict.fromkeys(kinds["kind"])) == [
        *inputs,
        importance.ALL_KINDS,
    ]


def test_by_moment_equals_a_refit_with_the_mean_of_the_others(small):
    inputs, _, _, _ = small
    table = importance.by_moment(fit(small), window_pct=20)
    for name, nodes in (("0-20", slice(0, 10)), ("40-60", slice(20, 30)), ("80-100", slice(40, 51))):

        def replace(part, kind, place, stance, others, nodes=nodes):
            if kind != "times" and place == 0:
                part[nodes] = inputs[kind][0][others][:, nodes].mean(axis=0)

        np.testing.assert_allclose(
            values(table[table["part"] == "all"], "window", name), literal(small, replace).mean(axis=0), atol=1e-5
        )
    assert len(table) == (5 + 1) * 5 * 3


def test_replacing_a_motion_by_itself_changes_nothing(small):
    fitted = fit(small)
    same = np.tile(np.arange(len(fitted.ours)), (2, 1))
    assert (importance.by_point(fitted, same)["rise_bw"] == 0).all() and (
        importance.by_kind(fitted, same)["rise_bw"] == 0
    ).all()


def test_the_left_out_runners_forces_are_never_used(small):
    _, targets, stances, ours = small
    fitted, of_a = fit(small), (stances["runner"] == "a").to_numpy()
    spoiled = np.where(of_a[:, None, None], 50 - 3 * targets, targets)
    again, mine = fit(small, targets=spoiled), of_a[ours]
    np.testing.assert_allclose(again.estimated[mine], fitted.estimated[mine], atol=1e-9)
    assert (
        np.abs(again.estimated[~mine] - fitted.estimated[~mine]).min(axis=(1, 2)).max() > 1e-3
    )  # others do learn from it
    places = importance.draw_donors(fitted, repeats=1, seed=0)[0]
    one, other = (importance._estimate(each, each.total, each.total, places) for each in (fitted, again))
    np.testing.assert_allclose(one[mine], other[mine], atol=1e-9)


@pytest.mark.parametrize("shape", ["gaussian", "linear"])
def test_the_one_point_and_window_that_a_force_depends_on_win_by_far(shape):
    rng, s = np.random.default_rng(1), 360
    latent = rng.normal(size=(s, 10, 11, 1))
    core = np.repeat(latent, [5] * 9 + [6], axis=1) * np.ones(3)
    inputs = {"positions": (core.astype(np.float32), np.zeros((s, 6, 11, 3), np.float32))}
    bump = np.where((np.arange(101) >= 30) & (np.arange(101) < 40), 1.0, 0.0)
    targets = latent[:, WINDOW, KNEE, 0, None, None] * bump[:, None] * [1.0, 0.5, 2.0]
    scale = {"gaussian": 3.0, "linear": 1.0}[shape]
    fitted = importance.fit(
        inputs,
        targets,
        table_of(np.repeat(list("abcdef"), 60)),
        np.arange(s),
        {"positions_m": scale, "noise": 1e-4, "edges": 0.0},
        shape=shape,
    )
    points = importance.by_point(fitted, importance.draw_donors(fitted, repeats=3, seed=2))
    moments = importance.by_moment(fitted, window_pct=10)
    for direction in DIRECTIONS:
        rises = points[points["direction"] == direction].set_index("point")["rise_bw"]
        assert rises.idxmax() == "stance_knee" and rises.max() > 5 * rises.drop("stance_knee").abs().max()
        rises = moments[moments["direction"] == direction].set_index(["window", "part"])["rise_bw"]
        whole = rises.xs("all", level="part")
        assert whole.idxmax() == "30-40" and whole.max() > 5 * whole.drop("30-40").abs().max()
        parts = rises["30-40"].drop("all")
        assert parts.idxmax() == "30-40" and parts.max() > 100 * parts.drop("30-40").abs().max()  # there the force is 0


def test_draw_donors_takes_other_runners_by_the_seed(small):
    fitted = fit(small)
    donors, runners = importance.draw_donors(fitted, repeats=50, seed=1), fitted.stances["runner"].to_numpy()
    assert (runners[donors] != runners).all() and set(donors.ravel()) == set(range(len(runners)))
    assert (donors == importance.draw_donors(fitted, repeats=50, seed=1)).all()
    assert (donors != importance.draw_donors(fitted, repeats=50, seed=2)).any()


def test_fit_asks_for_a_second_runner(small):
    inputs, targets, stances, ours = small
    with pytest.raises(ValueError, match="found 1 runner"):
        importance.fit(inputs, targets, stances.assign(runner="a"), ours, CANDIDATE, shape="gaussian")


@pytest.mark.parametrize("change", [{"mirror": False}, {"estimator": "mean_curve"}])
def test_leave_out_names_a_recipe_that_cannot_be_examined(tidy, change):
    with pytest.raises(ValueError, match="Change `examined`"):
        importance.leave_out(*tidy()[::-1], PHYSICS.model_copy(update=change))


def test_a_mirrored_world_has_the_same_stance_and_swing_leg(tidy):
    stances, frames = tidy(12)
    other = {name: {"l": "r", "r": "l"}[name[0]] + name[1:] for name in INPUTS if name[1] == "_"}
    mirrored = frames.rename(columns=other)[frames.columns].copy()
    mirrored[[name for name in mirrored if name.endswith("_ml")]] *= -1
    tables = []
    for table, rows in ((stances, frames), (stances.assign(side=stances["side"].map({"l": "r", "r": "l"})), mirrored)):
        fitted, pose = importance.leave_out(rows, table, PHYSICS)
        tables.append((importance.by_point(fitted, importance.draw_donors(fitted, repeats=1, seed=1)), pose))
    (one, pose), (two, again) = tables
    pd.testing.assert_frame_equal(one, two, atol=1e-6)
    np.testing.assert_allclose(pose, again, atol=1e-6)
    assert one["rise_bw"].nunique() > 11  # points differ, so that a swap of legs would show


def test_windows_hold_each_node_once():
    numbers = importance._window_of(np.linspace(0, 100, samples.CORE_NODES), 10)
    assert np.bincount(numbers.astype(int)).tolist() == [5] * 9 + [6]
    assert np.bincount(importance._window_of(np.linspace(0, 100, 101), 5).astype(int)).tolist() == [5] * 19 + [6]
    assert importance._window_of(np.array([np.nan]), 10).tolist() == [-1]


def test_points_figure_writes_each_rise_at_its_point():
    pose = np.random.default_rng(4).uniform(0.1, 1, (11, 3))
    rises = np.arange(len(importance.ORDER)) * 1e-3
    table = pd.DataFrame(
        [
            {"point": name, "direction": direction, "rise_bw": rise, "n": 7, "runners": 3}
            for direction in DIRECTIONS
            for name, rise in zip(importance.ORDER, rises, strict=True)
        ]
    )
    *_, ax, key = evaluation_plots.importance_of_points(Figure().subplots(2, 2).flat, pose, table)
    written = {text.xy[1]: text.get_text() for text in ax.texts if hasattr(text, "xy")}
    expected = {
        pose[POINTS.index(point), 2]: f"{1000 * rises[importance.ORDER.index(name)]:.1f}"
        for point, name in importance.NAMES.items()
    }
    assert written == expected and "7 stances, 3 runners" in key.texts[0].get_text()
    areas, heights = ax.collections[0].get_sizes(), ax.collections[0].get_offsets()[:, 1]
    np.testing.assert_allclose(areas, [evaluation_plots.LARGEST * float(expected[height]) / 10 for height in heights])


@pytest.mark.slow  # `make beyond` on the study smoke runs it in make test
def test_notebook_runs_on_three_runners(tidy, tmp_path):
    stances, frames = tidy(12)
    results = tmp_path / "results"
    store.save(results, "01_preprocess/stances.csv", stances.assign(unit_kg=60.0, weighed_kg=61.0))
    store.save(results, "01_preprocess/stances.parquet", frames)
    page = run.run(
        ROOT / "notebooks" / "11_explanation.ipynb",
        study=study_file.load(ROOT / "params" / "smoke.yaml"),
        reports=tmp_path,
    )
    assert "Which moments?" in page.read_text(encoding="utf-8")
    rows = {"points": len(POINTS) * len(COMPONENTS), "kinds": 5 * 3, "moments": 11 * 10 * 3}
    for name, n in rows.items():
        assert len(store.read(results, f"11_explanation/{name}.csv")) == n, name
    for name in ("points", "kinds", "moments", "matrix"):
        assert (results / "11_explanation" / f"{name}.png").stat().st_size > 0

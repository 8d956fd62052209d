"""The benchmark counts ratios, bars and operations right, and compares what does the same work. No time is asserted."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import ROOT

from grfkit import cli, transform
from grfkit.estimators import lstm, samples
from grfkit.evaluation import left_out_runners
from grfkit.evaluation.cost import cost, cost_cases
from grfkit.study import recipes

NETWORK = {
    "frames_per_step": 20,
    "layers": 1,
    "units": 4,
    "dropout": 0.0,
    "learning_rate": 0.01,
    "batch_size": 4,
    "epochs": 2,
    "window": 1,
    "shrinkage": 1e-5,
}


@pytest.fixture
def prepared(tidy):
    stances, frames = tidy(12, runners=3)
    return samples.prepare(frames, stances, recipes.load(ROOT / "params" / "recipes" / "physics.yaml"))


def test_measure_goes_by_turns_and_times_both_equally_often():
    calls = []
    times = cost.measure(lambda: calls.append("ours"), lambda: calls.append("floor"), repeats=4)
    assert calls == ["floor", "ours", "ours", "floor", "floor", "ours", "ours", "floor"]
    assert times.shape == (4, 2, 2) and (times >= 0).all()


def test_row_gives_the_median_of_ratios_not_the_ratio_of_medians():
    wall = np.array([[2.0, 1.0], [30.0, 10.0], [4.0, 1.0]])
    row = cost.ratio_row("b", "ours", "floor", np.stack([wall, wall * [1, 2]], axis=-1), at_most=3.5)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"], row["cpu_ratio"]) == (3.0, 2.5, 3.5, 1.5)
    assert (row["ms"], row["against_ms"], row["n"]) == (4000.0, 1000.0, 3)
    assert (row["bar"], row["met"]) == ("at most 3.5", "yes")


@pytest.mark.parametrize(
    ("bars", "met"),
    [
        ({}, ""),
        ({"at_most": 2.0}, "yes"),
        ({"at_most": 1.9}, "no"),
        ({"at_least": 2.1}, "no"),
        ({"at_least": 2.0}, "yes"),
    ],
)
def test_value_says_whether_a_bar_is_met(bars, met):
    assert cost.number_row("b", "c", "d", 2.0, **bars)["met"] == met


def test_a_bar_in_milliseconds_judges_our_own_time():
    slow = np.full((3, 2, 2), 0.006)
    assert (
        cost.ratio_row("b", "c", "d", slow, ms_at_most=5.0)["met"] == "no"
        and cost.ratio_row("b", "c", "d", slow / 2, ms_at_most=5.0)["met"] == "yes"
    )


def test_shown_gives_times_and_quartiles_where_there_are_any():
    times = np.array([[[2.0, 2.0], [1.0, 1.0]], [[3.0, 3.0], [1.0, 1.0]]])
    table = cost.as_text(
        [cost.ratio_row("b", "ours", "floor", times, at_most=1.0), cost.number_row("b", "memory", "", 5.0, at_most=8.0)]
    )
    assert table.loc["ours"].tolist() == [
        "floor",
        "2,500.0 : 1,000.0",
        "2.50 (2.25 to 2.75)",
        "2.50",
        "at most 1",
        "no",
    ]
    assert table.loc["memory"].tolist() == ["", "", "5.00", "", "at most 8", "yes"]


def test_exponent_of_a_power_is_that_power():
    n = np.array([100, 1000, 10000])
    assert cost.exponent(pd.DataFrame({"n": n, "seconds": 3e-4 * n**1.3})) == pytest.approx(1.3)


def test_grown_stances_are_the_given_ones_but_for_their_size(prepared):
    points = prepared.points.reshape(len(prepared.points), -1)
    more, forces, lengths = cost.grow(points, prepared.forces, prepared.lengths, 50, seed=1)
    assert len(lengths) == 50 and len(more) == len(forces) == lengths.sum() and more.dtype == np.float32
    first = more[: lengths[0]]
    sizes = [
        first / points[start : start + lengths[0]]
        for start, length in zip(transform.starts(prepared.lengths), prepared.lengths, strict=True)
        if length == lengths[0]
    ]
    assert any(np.ptp(size) < 1e-3 and 0.94 < size.mean() < 1.06 for size in sizes)


@pytest.mark.parametrize("window", [None, 3])
def test_the_floor_multiplies_the_same_batches(prepared, window):
    """What an epoch needs, counted gate by gate, forth and back; and every stance is in one batch of its own length."""
    given = prepared.points.reshape(len(prepared.points), -1), prepared.forces, prepared.lengths
    epochs = cost_cases.Epochs(*given, NETWORK | {"layers": 2, "window": window})
    assert sum(len(x) for x, _ in epochs.batches) == len(prepared)
    steps, count = sum(x.shape[0] * x.shape[1] for x, _ in epochs.batches), 0
    for layer in (0, 1):
        for _direction in (0, 1):
            for _gate in range(4):
                count += 4 * (33 * (window or 1) if layer == 0 else 8) + 4 * 4  # units times inputs, units times units
    assert epochs.flops == 3 * 2 * steps * (count + 8 * 60)  # the head: two directions to 20 frames of three components
    assert all(x.shape[-1] == 33 * (window or 1) for x, _ in epochs.batches)
    before = [value.clone() for value in (*epochs.net.parameters(), *epochs.bare.parameters())]
    epochs.ours()
    epochs.floor()
    after = [*epochs.net.parameters(), *epochs.bare.parameters()]
    assert all((one != other).any() for one, other in zip(before, after, strict=True))  # both of them learn


def test_what_is_compared_gives_the_same(prepared, tidy):
    both = recipes.load_all(ROOT / "params" / "recipes", ["paper", "physics"])
    experiment = left_out_runners.KernelExperiment(prepared, both["physics"])
    np.testing.assert_allclose(cost_cases.refit_each(experiment), experiment.leave_out(), atol=1e-4)
    runners = experiment.runners
    stances, frames = tidy(12, runners=3)
    paper = samples.prepare(frames, stances, both["paper"])
    estimated = lstm.Lstm.leave_runners_out(paper, both["paper"], seed=1, network=NETWORK, progress=False)
    for runner, alone in zip(
        np.unique(runners), cost_cases.networks_one_by_one(paper, both["paper"], seed=1, network=NETWORK), strict=True
    ):
        np.testing.assert_allclose(alone, estimated[np.repeat(runners == runner, paper.lengths)], atol=1e-6)


def test_one_stance_compares_one_alone_with_one_of_a_batch(prepared, monkeypatch):
    """Whatever takes as long for one stance as for all is many times slower alone."""
    counts, n = [], len(prepared)
    fit = SimpleNamespace(predict=lambda given: counts.append(len(given)))

    def measure(ours, against, *, repeats):
        ours(), against()
        return np.ones((repeats, 2, 2))

    monkeypatch.setattr(cost_cases, "measure", measure)
    (times,) = cost_cases.one_stance({"a": fit}, prepared, repeats=3).values()
    assert counts == [1, n] and (times[:, 0] == 1).all()
    np.testing.assert_allclose(times[:, 1], 1 / n)


@pytest.mark.slow
def test_bench_runs_on_few_recordings(smoke, project):
    import papermill

    papermill.execute_notebook(
        project / "notebooks" / "bench.ipynb",
        project / "bench.ipynb",
        {
            "study": "../params/smoke.yaml",
            "data": (smoke / "recordings").as_posix(),
            "results": (project / "bench").as_posix(),
            "runners": 8,
            "stances": 40,
            "repeats": 2,
            "epochs": 1,
            "seeds": [1],
            "patience": 1,
            "numbers": [50, 100],
            "factorised": [50, 100],
            "on_landmarks": [50, 100],
            "network": {"units": 4, "layers": 1, "dropout": 0.1, "learning_rate": 0.005, "batch_size": 8}
            | {"window": 1, "shrinkage": 1e-5},
        },
        kernel_name="python3",
        cwd=project / "notebooks",
        progress_bar=False,
    )
    table = pd.read_csv(project / "bench" / "bench" / "bench.csv")
    assert {"reading", "training", "frames a step", "leaving out", "one stance", "in the field", "SPM", "cost"} == set(
        table["bench"]
    )
    assert np.isfinite(table["ratio"]).all() and set(table["met"].dropna()) <= {"yes", "no"}


def test_main_says_what_is_wrong_and_leaves_no_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(["bench", "--study", str(tmp_path / "no.yaml"), "--reports", str(tmp_path / "bench")]) == 1
    assert "does not exist" in capsys.readouterr().err and not (tmp_path / "bench").exists()

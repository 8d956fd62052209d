"""Errors of left-out runners against literal versions, and the bands that they make."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from grfkit import features
from grfkit.evaluation.field import field_uncertainty
from grfkit.field import bands
from grfkit.points import FORCES


def test_curve_errors_are_estimated_less_measured_at_the_same_moments(lab):
    rows, errors = lab.off.rows, lab.off.curves
    assert list(rows) == list(np.flatnonzero(lab.contacts["stance"].notna())) and errors.shape == (len(rows), 101, 3)
    for number in (0, len(rows) // 2, len(rows) - 1):
        contact = lab.contacts.iloc[rows[number]]
        plate = measured_at(lab, contact["stance"], np.linspace(contact["touchdown_s"], contact["toeoff_s"], 101))
        np.testing.assert_allclose(
            lab.estimated[rows[number], :, :3] - errors[number], plate, atol=1e-5
        )  # times of frames are in single precision


def measured_at(lab, stance, times):
    """A stance's measured force at times of the recording, the slow way; it is not mirrored."""
    frames = lab.measured.samples.frames[lab.measured.samples.frames["stance"] == stance]
    first = lab.measured.footsteps.set_index("stance").loc[stance, "touchdown_s"]
    return np.stack(
        [np.interp(times, first + frames["time_s"], frames[name], left=0, right=0) for name in FORCES], axis=1
    )


def test_coverage_counts_samples_and_the_least_runner():
    steps = pd.DataFrame({"speed": ["a", "a", "b"], "runner": ["x", "y", "y"]})
    inside = np.ones((3, 101, 3), bool)
    inside[0, :, 2], inside[2, :50] = False, False
    table = field_uncertainty.coverage(inside, steps).set_index(["speed", "direction"])
    assert table.loc[("a", "V"), "covered_pct"] == 50 and table.loc[("a", "V"), "least_runner_pct"] == 0
    assert table.loc[("b", "all"), "covered_pct"] == pytest.approx(100 * 51 / 101)
    assert table.loc[("all", "all"), "covered_pct"] == pytest.approx(100 * inside.mean())
    by_runner = field_uncertainty.covered_by_runner(inside, steps).set_index("runner")
    assert by_runner.loc["x", "V"] == 0 and by_runner.loc["y", "AP"] == pytest.approx(100 * (101 + 51) / 202)


def test_asymmetry_errors_are_of_groups_with_five_steps_of_a_side():
    rng = np.random.default_rng(1)
    rows = []
    for group, count in (("x at 2", 6), ("y at 2", 4)):
        for side in "lr":
            rows += [
                {
                    "stance": f"{group}{side}{number}",
                    "runner": group[0],
                    "group": group,
                    "side": side,
                    "contact_s": 0.25 + 0.01 * rng.random(),
                    **{name: 2 + rng.random() for name in features.FEATURES},
                }
                for number in range(count)
            ]
    table = pd.DataFrame(rows)
    table = table.assign(
        **{f"{name}_measured": table[name] * np.where(table["side"] == "l", 1.1, 1.0) for name in features.FEATURES}
    )
    steps = table[["stance"]].assign(touchdown_s=1.0, toeoff_s=1.0 + table["contact_s"])
    errors = field_uncertainty.asymmetry_errors(table, steps)
    assert list(errors.index) == ["x at 2"] and errors["contact_s"].iloc[0] == pytest.approx(0, abs=1e-9)
    left, right = (
        table[(table["group"] == "x at 2") & (table["side"] == side)]["active_peak_bw"].mean() for side in "lr"
    )
    literal = 200 * (left - right) / (left + right) - 200 * (1.1 * left - right) / (1.1 * left + right)
    assert errors["active_peak_bw"].iloc[0] == pytest.approx(literal)
    assert field_uncertainty.asymmetry_errors(table[table["group"] == "y at 2"], steps).empty
    limits = field_uncertainty.asymmetry_limits(errors, level=0.9)
    assert limits["contact_s"] == pytest.approx(0, abs=1e-9) and limits["active_peak_bw"] == pytest.approx(abs(literal))
    assert field_uncertainty.asymmetry_limits(errors[:0], level=0.9) == {}


def test_typical_takes_the_stance_with_the_median_error(lab):
    rows, errors = lab.off.rows, lab.off.curves
    contact_s, runners = (lab.contacts[name].to_numpy()[rows] for name in ("contact_s", "runner"))
    model = SimpleNamespace(bands=bands.fit(errors, contact_s, runners, level=0.9))
    measured, estimated, half = field_uncertainty.typical(lab.off, lab.contacts, lab.estimated, model)
    sizes = np.sort((errors**2).mean(axis=(1, 2)))
    assert ((estimated - measured) ** 2).mean() == pytest.approx(sizes[len(sizes) // 2]) and half.shape == (101, 3)

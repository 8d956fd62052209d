"""A runner of the virtual laboratory: the force obeys Newton, and follows speed, stiffness, strike, mass and noise."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from grfkit import features
from grfkit.evaluation import explore
from grfkit.plot import ESTIMATED
from grfkit.points import FORCES, GRAVITY
from grfkit.reports.plots import explore as explore_plots
from grfkit.virtual import one_runner

VLR = "touchdown_to_13"
KNOBS = one_runner.KNOBS
USUAL = {name: knob.value for name, knob in KNOBS.items()}


def true_forces(**changed):
    run = one_runner.run(**{**USUAL, **changed})
    return run, run.frames[FORCES].to_numpy()


def test_a_simulated_force_obeys_newton():
    """Over a step the vertical impulse is the weight's, and the centre of mass falls freely in flight."""
    for speed in (KNOBS["speed_m_s"].low, KNOBS["speed_m_s"].high):
        run, force = true_forces(speed_m_s=speed)
        row = run.stances.iloc[0]
        assert force[:, 2].sum() / 1000 == pytest.approx(
            row["toeoff_s"] + row["flight_s"], abs=0.001
        )  # frames are whole
        assert force[:, 0].sum() == pytest.approx(0, abs=1e-9)
        motion = one_runner.simulate_runner(speed, 100, 65, 13)
        assert np.diff(motion.com[motion.contacts[1][2] : motion.contacts[2][1] + 1, 2], n=2) * 1e6 == pytest.approx(
            -GRAVITY, abs=1e-6
        )
        covered = np.ptp(
            motion.com[[motion.contacts[0][1], motion.contacts[2][1]], 0]
        )  # a stride: the speed that was asked for
        assert covered / (motion.contacts[2][1] - motion.contacts[0][1]) * 1000 == pytest.approx(speed, rel=0.01)


def test_speed_stiffness_and_strike_do_to_the_force_what_the_sliders_say():
    peaks = [true_forces(speed_m_s=speed)[1][:, 2].max() for speed in (2.5, 3.6, 5.0)]
    assert peaks == sorted(peaks) and peaks[0] < peaks[2] - 0.3
    braking, propulsion = np.array(
        [[-along.min(), along.max()] for along in (true_forces(speed_m_s=speed)[1][:, 0] for speed in (2.5, 3.5, 4.5))]
    ).T
    np.testing.assert_allclose(
        braking, [0.277, 0.386, 0.481], atol=0.06
    )  # BW, mean peaks of the public set rbds at these speeds
    np.testing.assert_allclose(propulsion, [0.209, 0.311, 0.398], atol=0.06)
    usual = true_forces()[0].facts
    for percent in (70, 150):
        facts = true_forces(stiffness_pct=percent)[0].facts
        assert facts["vertical stiffness (kN/m)"] / usual["vertical stiffness (kN/m)"] == pytest.approx(
            percent / 100, rel=0.05
        )  # not half a sine
        assert facts["flight time (ms)"] == pytest.approx(usual["flight time (ms)"], abs=1)
    impacts = [
        features.extract(force[30:-30], np.arange(len(force) - 60) / 1000, vlr=VLR)["impact_peak_bw"]
        for _, force in (true_forces(strike_deg=angle) for angle in (0, 13, 25))
    ]
    assert impacts == sorted(impacts)


def test_stiffness_is_that_of_a_force_of_half_a_sine():
    """Integrated numerically: half a sine over contact, from rest to rest; largest force over sinking."""
    contact, flight = 0.25, 0.1
    time = np.linspace(0, contact, 20001)
    force = np.pi / 2 * GRAVITY * (flight / contact + 1) * np.sin(np.pi * time / contact)
    speed = -GRAVITY * flight / 2 + np.concatenate([[0], np.cumsum((force[1:] + force[:-1]) / 2 - GRAVITY) * time[1]])
    sinking = -np.cumsum(speed * time[1]).min()
    assert one_runner.stiffness(contact, flight) == pytest.approx(force.max() / sinking, rel=1e-3)
    assert one_runner.contact_time(one_runner.stiffness(contact, flight), flight) == pytest.approx(contact)


def test_mass_scales_newtons_and_leaves_body_weights():
    (light, force), (heavy, same) = true_forces(mass_kg=50), true_forces(mass_kg=100)
    np.testing.assert_allclose(same, force, atol=1e-12)
    assert heavy.facts["largest vertical force (N)"] == pytest.approx(2 * light.facts["largest vertical force (N)"])
    assert heavy.weight_n == pytest.approx(100 * GRAVITY)


def test_camera_noise_leaves_the_force_and_spoils_the_estimate(simulated_sources):
    runs = [true_forces(noise_mm=noise, speed_m_s=4.0, strike_deg=18) for noise in (0.6, 2, 5)]  # trained on 0.6 mm
    for _, force in runs[1:]:
        np.testing.assert_array_equal(force, runs[0][1])
    errors = {
        name: [explore.curve_errors(explore.show_simulated(run, source))["RMSE (BW)"]["V"] for run, _ in runs]
        for name, source in simulated_sources.items()
    }
    assert errors["physics"] == sorted(errors["physics"]) and errors["physics"][2] > 1.5 * errors["physics"][0]
    assert len(set(errors["mean_curve"])) == 1  # it sees no points


def test_effects_turn_one_number_at_a_time(simulated_sources):
    found = explore.effects(one_runner.run, KNOBS, simulated_sources["physics"])
    assert list(found) == list(KNOBS)
    usual = true_forces()[1]
    for name, several in found.items():
        assert [value for value, _, _ in several] == [KNOBS[name].low, KNOBS[name].value, KNOBS[name].high]
        np.testing.assert_array_equal(several[1][1].frames[FORCES], usual)
    axes = Figure().subplots(1, len(KNOBS))
    explore_plots.effects(axes, found, {name: knob.label for name, knob in KNOBS.items()})
    for ax, name in zip(axes, KNOBS, strict=True):  # blue is an estimate, and nothing else
        blue = [line.get_label() for line in ax.lines if line.get_color() == ESTIMATED]
        assert blue == (["estimated, 0", "estimated, 0.6", "estimated, 5"] if name == "noise_mm" else [])

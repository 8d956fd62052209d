"""The runners of the virtual laboratory: their bodies, and the numbers that describe how each moves in a trial.

In: generators of random numbers. Out: a Runner, and a style, {name: (2 sides, STEPS virtual steps)}, for
`motion.simulate`.
"""

from dataclasses import dataclass

import numpy as np

from grfkit.virtual.motion import QUARTERS, STEPS

SPEEDS = (12.35 / 3.6, 13.65 / 3.6)  # m/s, valid trials (paper section 1.2)
# our choice, fitted to the published features: mean; SD of runners; of shoes; change a lap; SD of trials; of steps
STYLE = {
    "speed": (3.61, 0.09, 0.0, 0.0, 0.05, 0.0),  # m/s
    "step_length": (1.24, 0.03, 0.005, 0.0, 0.006, 0.0),  # m
    "contact": (0.2435, 0.010, 0.001, 0.0006, 0.002, 0.005),  # s, at 1.70 m and 3.61 m/s
    "peak_time": (0.47, 0.012, 0.002, 0.0005, 0.004, 0.010),  # share of contact
    "limb_speed": (1.82, 0.46, 0.10, 0.01, 0.12, 0.15),  # m/s, of the lower limb at touchdown
    "limb_time": (0.0315, 0.003, 0.0006, 0.0, 0.0007, 0.0015),  # s, until the lower limb has stopped
    "strike": (13.0, 5.0, 0.8, -0.1, 0.8, 0.5),  # degrees, toes up at touchdown
    "brake": (0.325, 0.055, 0.008, 0.0, 0.012, 0.008),  # BW
    "brake_skew": (0.043, 0.016, 0.002, 0.0, 0.003, 0.002),  # BW
    "brake_sharp": (0.0, 0.035, 0.004, 0.0, 0.006, 0.004),  # BW
    "brake_spike": (0.05, 0.04, 0.005, 0.0, 0.010, 0.040),  # BW for each BW of impact
    "step_width": (0.09, 0.022, 0.004, 0.0, 0.006, 0.0),  # m
    "sway_double": (0.25, 0.35, 0.03, 0.0, 0.04, 0.03),  # share of the medial hump
    "sway_skew": (0.05, 0.3, 0.02, 0.0, 0.03, 0.02),  # of the hump, towards its first half
    "sway_spike": (-0.04, 0.08, 0.006, 0.0, 0.010, 0.035),  # BW for each BW of impact
    "overstride": (0.285, 0.006, 0.002, 0.0, 0.003, 0.002),  # ankle before centre of mass at touchdown, share of path
    "toe_off": (58.0, 2.5, 0.5, 0.0, 1.0, 0.7),  # degrees, heel up at toe-off
    "heel_off": (0.52, 0.025, 0.004, 0.0, 0.006, 0.004),  # share of contact
    "slide_ahead": (0.15, 0.05, 0.01, 0.0, 0.02, 0.02),  # of the heel at touchdown, over its speed down
    "slide_in": (0.03, 0.05, 0.01, 0.0, 0.02, 0.02),  # inwards
    "swing_height": (1.0, 0.05, 0.005, -0.003, 0.01, 0.0),  # of the ankle in swing, over that of body.SWING
    "toe_out": (5.0, 3.0, 0.5, 0.0, 0.5, 0.0),  # degrees
    "knee_out": (0.0, 3.0, 0.3, 0.0, 0.4, 0.0),  # degrees, in the frontal plane
    "pelvis_turn": (7.0, 2.0, 0.2, 0.0, 0.4, 0.0),  # degrees, about the vertical, and in the frontal plane
    "pelvis_drop": (5.0, 1.5, 0.2, 0.05, 0.3, 0.0),
    "lean": (0.04, 0.012, 0.001, 0.001, 0.003, 0.0),  # m, trunk's centre before the hips
    "timing": (0.0, 0.0, 0.0, 0.0, 0.0, 0.003),  # s, of the middle of a contact, later than evenly spaced
    "swing_out": (0.0, 0.008, 0.001, 0.0, 0.003, 0.012),  # m, outwards, of the ankle in mid-swing
    "surge": (0.0, 0.0, 0.0, 0.0, 0.0, 0.022),  # m/s, of the centre of mass after a step, forward and to the left
    "drift": (0.0, 0.0, 0.0, 0.0, 0.0, 0.022),
}
# Differences that no name above covers, fitted to the spread of force and of pelvis acceleration in rbds, within and
# between runners: a share of the vertical force for each of motion.HARMONICS, and the place of the trunk's centre in
# each of motion.QUARTERS (m). SD of steps. The SD of runners is the first number times as large; those of shoes
# and days are smaller.
RIPPLES = {
    "ripple_ap": (1.0, (0.006, 0.009, 0.006, 0.005, 0.005, 0.004)),
    "ripple_ml": (1.5, (0.010, 0.010, 0.008, 0.007, 0.006, 0.006)),
    "ripple_v": (1.0, (0.028, 0.020, 0.018, 0.012, 0.007, 0.006)),
    "trunk_ap": (1.0, QUARTERS * (0.0010,)),
    "trunk_ml": (1.0, QUARTERS * (0.0010,)),
    "trunk_v": (1.0, QUARTERS * (0.0006,)),
}
STYLE |= {
    f"{name}_{k}": (0.0, times * step, 0.2 * step, 0.0, 0.4 * step, step)
    for name, (times, steps) in RIPPLES.items()
    for k, step in enumerate(steps)
}
# How the movement follows the force, our choice: target += slope * (source - its mean). A flat landing takes longer to
# stop, so that some runners have no impact peak; a foot set far ahead brakes more; a strong push-off lifts the heel; a
# foot that slides pushes at once.
LINKS = [
    ("limb_time", "strike", -0.0004),
    ("overstride", "brake", 0.2),
    ("toe_off", "brake", 50.0),
    ("toe_off", "brake_skew", -50.0),
    ("slide_ahead", "brake_spike", 6.0),
    ("slide_in", "sway_spike", 4.0),
    ("toe_out", "sway_skew", 10.0),
    ("pelvis_drop", "sway_double", 4.0),
]
ASYMMETRIC = ("limb_speed", "brake", "peak_time", "sway_double", "strike")  # legs differ by a third of the runners' SD


@dataclass(frozen=True)
class Runner:
    """One runner: body, and standard normal deviates (for each entry of STYLE) of the person and of the left leg."""

    sex: str
    height_m: float
    mass_kg: float
    habit: dict
    one_sided: dict


def rng_of(seed, *key):
    """Return the random generator of one runner, session or trial. It does not depend on how many others there are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def sources(seed, number, shoe, lap, trial):
    """Return the deviates of a pair of shoes and the generator of a trial.

    Runners are numbered from 1; shoes, laps and trials from 0.
    """
    return draw_deviates(rng_of(seed, number, shoe)), rng_of(seed, number, shoe, lap, trial)


def draw_deviates(rng):
    """Draw a standard normal deviate, cut off at 2.2, for each entry of STYLE."""
    return dict(zip(STYLE, rng.normal(size=len(STYLE)).clip(-2.2, 2.2), strict=True))


def draw_runner(rng, sex):
    """Draw a runner of a sex ("m" or "f").

    Height and mass follow the paper's cohort (section 1.1). How men and women differ is our choice.
    """
    tall, build = rng.normal(size=2).clip(-2.2, 2.2)
    if sex == "m":
        height, mass = 1.76 + 0.06 * tall, 72 + 5 * tall + 6.5 * build
    else:
        height, mass = 1.66 + 0.055 * tall, 58 + 4 * tall + 5.5 * build
    return Runner(str(sex), round(height, 3), round(mass, 1), draw_deviates(rng), draw_deviates(rng))


def draw_style(runner, shoe, trial_rng, *, lap, steps=STEPS):
    """Draw the style of a runner in one trial: {name: (2 sides, steps)}. `shoe` holds the deviates of the shoes."""
    today = draw_deviates(trial_rng)
    style = {}
    for name, (mean, person, pair, fatigue, day, spread) in STYLE.items():
        value = mean + person * runner.habit[name] + pair * shoe[name] + fatigue * lap + day * today[name]
        sides = np.array([1, -1]) * (person / 3 * runner.one_sided[name] if name in ASYMMETRIC else 0)
        style[name] = value + sides[:, None] + spread * trial_rng.normal(size=(2, steps)).clip(-2.2, 2.2)
    style["speed"] = style["speed"].clip(*SPEEDS)
    return linked(style)


def linked(style):
    """Apply LINKS to a style {name: (2 sides, STEPS)}, so that the movement follows the force."""
    style = dict(style)
    for target, source, slope in LINKS:
        style[target] = style[target] + slope * (style[source] - STYLE[source][0])
    return style

"""One virtual runner with chosen numbers: what speed, stiffness, mass, foot strike and camera noise do to the force.

In: the values of KNOBS. Out: a Run, one stance in the format of 01_preprocess. The runner is the mean of the virtual
cohort (`runners.STYLE`), and all virtual steps are the same. Physics and cameras are those of the recordings
(`motion`, `cameras_plates`). Axes AP, ML, V; m, s, N, kg.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from grfkit import transform
from grfkit.points import FORCES, GRAVITY, INPUTS
from grfkit.virtual.cameras_plates import Cameras
from grfkit.virtual.motion import STEPS, simulate
from grfkit.virtual.runners import STYLE, Runner, linked

RATE_HZ, CAMERA_HZ, CUTOFF_HZ = 1000, 100, 20.0  # of force, cameras and their low-pass: those of the study virtual
PADDING_S = 0.030  # the longest of the recipes
HEIGHT_M = 1.70  # of the runner: the height for which STYLE states contact time
STEP_TIME, BRAKING = -0.22, 1.0  # exponents of speed: 22 runners of the public set rbds at 2.5, 3.5 and 4.5 m/s
CONTACT = 1  # the stance of a trial that is shown: a right leg's


@dataclass(frozen=True)
class Knob:
    """One number of the runner or the cameras that a user may change, and what it changes in the model."""

    label: str
    low: float
    high: float
    step: float
    value: float
    about: str


KNOBS = {
    "speed_m_s": Knob(
        "Speed (m/s)",
        2.5,
        5.0,
        0.1,
        3.6,
        "Contact time is proportional to speed^-0.60 (our choice), step time to speed^-0.22, braking and propulsion to "
        "speed (both measured on 22 runners of the public set rbds). The landing speed of the lower limb stays the "
        "same; in people impact grows too (Munro, Miller and Fuglevand 1987).",
    ),
    "stiffness_pct": Knob(
        "Stiffness (%)",
        70,
        150,
        5,
        100,
        "Vertical stiffness; 100 % is the mean runner's at this speed. Contact lasts as long as on a spring of this "
        "stiffness (half a sine, Morin et al. 2005); flight time stays the same. The stiffness that results, largest "
        "force / sinking (McMahon and Cheng 1990), is shown below.",
    ),
    "mass_kg": Knob(
        "Mass (kg)",
        45,
        100,
        1,
        65,
        "Changes the mass of every segment (shares: de Leva 1996), and so every force in newtons. In body weights "
        "nothing changes.",
    ),
    "strike_deg": Knob(
        "Foot strike (°)",
        0,
        25,
        1,
        13,
        "Angle of the foot at touchdown: 0 is flat, larger is toes up. With a flatter foot the lower limb takes longer "
        "to stop (our choice), and its share of the force is lower and later (two masses: Clark, Ryan and Weyand "
        "2017). The table's impact peak is the force at 13 % of stance.",
    ),
    "noise_mm": Knob(
        "Camera noise (mm)",
        0,
        5,
        0.2,
        0.6,
        "SD of each coordinate before the cameras' low-pass of 20 Hz. The virtual study has 0.6 mm, which makes the "
        "pelvis' acceleration as noisy as in rbds. Noise changes points and estimate, never the true force.",
    ),
}


@dataclass(frozen=True)
class Run:
    """One simulated stance: `frames` and `stances` in the format of 01_preprocess, body weight, facts of the step."""

    frames: pd.DataFrame
    stances: pd.DataFrame
    weight_n: float
    facts: dict  # name with unit: number


def run(*, speed_m_s, stiffness_pct, mass_kg, strike_deg, noise_mm):
    """Simulate a runner and film one stance of the right leg; returns a Run.

    Only the size of the noise changes: every run draws the same random numbers.
    """
    motion = simulate_runner(speed_m_s, stiffness_pct, mass_kg, strike_deg)
    _, touchdown, toeoff = motion.contacts[CONTACT]
    each, pad = RATE_HZ // CAMERA_HZ, round(PADDING_S * RATE_HZ)
    cameras = Cameras(CAMERA_HZ, bias_m=0.0, jitter_m=noise_mm / 1000, cutoff_hz=CUTOFF_HZ)
    filmed = cameras.film(motion.points[::each], np.random.default_rng(0))
    when = np.arange(touchdown - pad, toeoff + pad + 1)
    points = CubicSpline(np.arange(len(filmed)) * each, filmed)(when)
    points = transform.to_touchdown_frame(points, points[pad, 0])
    weight_n = mass_kg * GRAVITY
    force = motion.force[1, when] / weight_n
    frames = pd.DataFrame(
        np.column_stack([(when - touchdown) / RATE_HZ, points.reshape(len(when), -1), force]),
        columns=["time_s", *INPUTS, *FORCES],
    )
    frames.insert(0, "frame", np.arange(len(frames)))
    frames.insert(0, "stance", 0)
    flight_s = (motion.contacts[CONTACT + 1][1] - toeoff) / RATE_HZ
    stances = pd.DataFrame(
        [
            {
                "stance": 0,
                "runner": "simulated",
                "side": "r",
                "speed_m_s": speed_m_s,
                "mass_kg": mass_kg,
                "touchdown_s": 0.0,
                "toeoff_s": (toeoff - touchdown) / RATE_HZ,
                "flight_s": flight_s,
                "split": "test",
                "weighed_kg": mass_kg,
                "unit_kg": mass_kg,
            }
        ]
    )
    return Run(frames, stances, weight_n, _facts(motion, touchdown, toeoff, flight_s))


@lru_cache(maxsize=64)
def simulate_runner(speed_m_s, stiffness_pct, mass_kg, strike_deg):
    """Simulate the runner's movement and force; returns a motion.Motion."""
    style = {name: np.full((2, STEPS), float(mean)) for name, (mean, *_) in STYLE.items()}
    usual = STYLE["speed"][0]
    style["speed"][:], style["strike"][:] = speed_m_s, strike_deg
    style["brake"] *= (speed_m_s / usual) ** BRAKING
    contact_s = style["contact"][0, 0] * (usual / speed_m_s) ** 0.6  # as motion.time_steps makes of it
    flight_s = style["step_length"][0, 0] / usual * (speed_m_s / usual) ** STEP_TIME - contact_s
    chosen_s = contact_time(stiffness_pct / 100 * stiffness(contact_s, flight_s), flight_s)
    style["contact"] *= chosen_s / contact_s
    style["step_length"][:] = speed_m_s * (chosen_s + flight_s)
    runner = Runner("m", HEIGHT_M, mass_kg, habit={}, one_sided={})
    return simulate(runner, linked(style), first_side=1, rate_hz=RATE_HZ, plates=False)


def stiffness(contact_s, flight_s):
    """Return the vertical stiffness over body mass, N/m/kg, of a force that is half a sine.

    Source: Morin et al. 2005, J Appl Biomech 21:167.
    """
    return np.pi**2 / (contact_s**2 * (1 - np.pi * contact_s / (4 * (contact_s + flight_s))))


def contact_time(wanted, flight_s):
    """Return the contact time (s) that gives a wanted stiffness (N/m/kg)."""
    return brentq(lambda contact_s: stiffness(contact_s, flight_s) - wanted, 0.02, 2.0)


def _facts(motion, touchdown, toeoff, flight_s):
    """Return times, largest vertical force, sinking of the centre of mass and vertical stiffness of the step."""
    height, peak_n = motion.com[touchdown : toeoff + 1, 2], motion.force[1, touchdown : toeoff + 1, 2].max()
    sinking_m = height[0] - height.min()
    return {
        "contact time (ms)": 1000 * (toeoff - touchdown) / RATE_HZ,
        "flight time (ms)": 1000 * flight_s,
        "largest vertical force (N)": peak_n,
        "sinking of the centre of mass (mm)": 1000 * sinking_m,
        "vertical stiffness (kN/m)": peak_n / sinking_m / 1000,
    }

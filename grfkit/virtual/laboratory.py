"""The virtual laboratory: draws a cohort, records C3D files and plants faults. Design after Zhou 2025.

In: the section `laboratory` of a study file, and a seed. Out: C3D files, trials.csv and planted.csv; the same seed
gives the same bytes.

Each trial goes through four modules: `runners` draws the style, `motion` turns it into forces of each virtual step
and integrates the centre of mass, `body` puts legs and trunk around it, `cameras_plates` records. Axes: AP forward,
ML to the runner's left, V up; m, s, N, kg.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit.recordings.trials import TRIAL_COLUMNS
from grfkit.study import store
from grfkit.virtual import cameras_plates
from grfkit.virtual.cameras_plates import Cameras, Plates
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style, rng_of, sources

SLOWEST_HZ = 1000  # of the integrator
FAULTS = {  # fault: the key of the section that says how many
    "wrong_person": "wrong_person_trials",
    "missed_plate": "missed_plate_steps",
    "lost_frames": "lost_frame_trials",
    "stuck_force": "stuck_force_trials",
    "unsynchronised": "unsynchronised_trials",
    "wrong_mass": "wrong_mass_trials",
    "wrong_speed": "wrong_speed_trials",
}
# the sizes of faults are our choice, each as a laboratory would meet it
LOST_FRAMES = (8, 14)  # camera frames without points, fewest and most
STUCK_N = (40.0, 90.0)  # what a plate goes on reading after a contact
LATE_S = (0.06, 0.10)  # between cameras and plates that were not started together
WRONG_MASS = (0.15, 0.25)  # share by which a listed mass is off
WRONG_SPEED = 1.2  # true speed over the listed one


def record_study(study, folder):
    """Record what a Study asks for. Raises ValueError if it has no section `laboratory`, or more faults than trials."""
    if study.laboratory is None:
        raise ValueError(
            f"Virtual runners are recorded from the section `laboratory` of a study file; {study.path} has none. "
            "Copy it from params/virtual.yaml."
        )
    return record(folder, study.laboratory, seed=study.seed)


def record(folder, settings, *, seed):
    """Record C3D files, planted.csv (file, fault, side: l, r or both) and, last of all, trials.csv. Returns that table.

    `settings` is the section `laboratory` of a study (schema.Laboratory). In each trial a whole left and a whole
    right stance are on two plates. Each planted fault is in a trial of its own: wrong_person (from some frame before
    the first stance the points are those of somebody at least 1 m away), missed_plate (a foot lands half or wholly
    beside the plates), lost_frames (8 or more camera frames of a stance have no points), stuck_force (a plate does
    not return to zero), unsynchronised (plates start early or late), wrong_mass and wrong_speed (the table lists a
    wrong one). Raises ValueError for more faults than trials.
    """
    folder = Path(folder)
    (folder / "trials.csv").unlink(missing_ok=True)  # an interrupted recording must not look complete
    table, runners = plan_trials(settings, seed=seed)
    faults, planted = plan_faults(table["file"], settings, seed=seed), []
    mixing = np.eye(8) + settings.crosstalk * (1 - np.eye(8)) * rng_of(seed, 0, 0).uniform(-1, 1, (8, 8))
    plates = Plates(settings.plate_hz, settings.plate_noise_n, settings.plate_drift_n, mixing)
    for row in tqdm(list(table.itertuples()), desc="recording", unit="file", mininterval=1):
        number, shoe, fault = int(row.runner[1:]), ord(row.shoe) - ord("A"), faults.get(row.file)
        bias_m = settings.joint_bias_m * rng_of(seed, number, shoe, 0).normal(size=(11, 3))
        cameras = Cameras(settings.camera_hz, bias_m, settings.joint_jitter_m, settings.camera_cutoff_hz)
        pair, rng = sources(seed, number, shoe, row.lap, row.trial - 1)
        style = draw_style(runners[row.runner], pair, rng, lap=row.lap)
        points, channels, side = record_trial(runners[row.runner], style, rng, cameras, plates, fault)
        path = folder / row.file
        path.parent.mkdir(parents=True, exist_ok=True)
        cameras_plates.write_c3d(path, points, channels, camera_hz=cameras.rate_hz, plate_hz=plates.rate_hz)
        if fault:
            planted.append((row.file, fault, side))
        if fault == "wrong_mass":
            share = 1 + rng.choice([-1, 1]) * rng.uniform(*WRONG_MASS)
            table.loc[row.Index, "mass_kg"] = round(row.mass_kg * share, 1)
    store.save(folder, "planted.csv", pd.DataFrame(planted, columns=["file", "fault", "side"]))
    store.save(folder, "trials.csv", table)
    return table


def plan_trials(settings, *, seed):
    """Draw the cohort and list its trials. Returns the table as in trials.csv, and {name: Runner}."""
    rows, runners = [], {}
    sexes = rng_of(seed).permutation(["m"] * settings.men + ["f"] * settings.women)
    for number, sex in enumerate(sexes, start=1):
        name = f"v{number:02d}"
        runners[name] = runner = draw_runner(rng_of(seed, number), sex)
        for shoe, lap, trial in np.ndindex(settings.shoes, settings.laps, settings.trials):
            letter = chr(ord("A") + shoe)
            speed = draw_style(runner, *sources(seed, number, shoe, lap, trial), lap=lap)["speed"][0, 0]
            file, facts = f"{name}/{name}_{letter}_{lap}_{trial + 1}.c3d", (runner.mass_kg, runner.height_m, sex)
            rows.append((file, name, *facts, round(speed, 3), letter, lap, trial + 1, ""))
    return pd.DataFrame(rows, columns=TRIAL_COLUMNS), runners


def plan_faults(files, settings, *, seed):
    """Choose the trials that get a fault. Returns {file: fault}. Raises ValueError for more faults than files."""
    wanted = [fault for fault, key in FAULTS.items() for _ in range(getattr(settings, key))]
    if len(wanted) > len(files):
        raise ValueError(
            f"Every planted fault needs a trial of its own; found {len(wanted)} faults and {len(files)} "
            "trials. Plant fewer faults or record more trials."
        )
    return dict(zip(rng_of(seed, 0).permutation(files), wanted, strict=False))


def record_trial(runner, style, rng, cameras, plates, fault):
    """Simulate and record one trial with a fault or None.

    Returns points (T, 11, 3) m, raw channels (24, T') N, and the side of the fault ("l", "r" or "both").
    """
    rate_hz = math.lcm(cameras.rate_hz, plates.rate_hz)
    rate_hz *= math.ceil(SLOWEST_HZ / rate_hz)
    if fault == "wrong_speed":
        style = style | {"speed": WRONG_SPEED * style["speed"]}
    motion = simulate(runner, style, first_side=int(rng.integers(2)), rate_hz=rate_hz)
    shift = cameras_plates.place_on_plates(motion, rng)
    side, touchdown, toeoff = motion.contacts[int(rng.integers(1, 3))]  # the contact that gets the fault
    if fault == "missed_plate":
        shift = cameras_plates.beside_plates(motion, shift, side, rng)
    motion = motion.moved(shift)
    each, step = rate_hz // cameras.rate_hz, rate_hz // plates.rate_hz
    begin = int(rng.integers(each))
    frames = (len(motion.com) - begin) // each
    points = cameras.film(motion.points[begin::each][:frames], rng)
    if fault == "wrong_person":
        start = int(rng.integers((motion.contacts[1][1] - begin) // each - 3))
        points[start:] = cameras.film(simulate_other(rng, rate_hz, frames) + shift, rng)[start:]
    if fault == "lost_frames":
        start = (touchdown - begin) // each + 2
        points[start : start + int(rng.integers(LOST_FRAMES[0], LOST_FRAMES[1] + 1))] = np.nan
    loads = cameras_plates.plate_loads(motion.force, motion.cop)[:, begin::step][:, : frames * each // step]
    if fault == "stuck_force":
        cameras_plates.hold_force(loads, (toeoff - begin) // step, rng.uniform(*STUCK_N))
    if fault == "unsynchronised":
        loads = np.roll(loads, int(rng.choice([-1, 1]) * rng.uniform(*LATE_S) * plates.rate_hz), axis=1)
    channels = plates.disturb(cameras_plates.raw_channels(loads), rng)
    return points, channels, "lr"[side] if fault in ("missed_plate", "lost_frames", "stuck_force") else "both"


def simulate_other(rng, rate_hz, frames):
    """Simulate another person, 1.3 to 1.8 m away, whom the cameras track by mistake: points (frames, 11, 3) m."""
    other = draw_runner(rng, rng.choice(["m", "f"]))
    style = draw_style(other, draw_deviates(rng), rng, lap=0)
    points = simulate(other, style, first_side=int(rng.integers(2)), rate_hz=rate_hz).points
    aside = rng.choice([-1, 1]) * rng.uniform(1.3, 1.8)
    return points[np.linspace(0, len(points) - 1, frames).astype(int)] + [0, aside, 0]

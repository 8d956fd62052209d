"""A virtual running laboratory: runners whose forces and positions obey Newton's second law, recorded as C3D files.

Design after Zhou 2025 (cohort, speed, rates, three plates).
`grfkit record --study params/virtual.yaml --out DIR`

The chain of one trial: style (a runner's numbers today, here) -> force of each step and the centre of mass by integration
(`virtual_motion`) -> feet planted under it, and a pelvis so that all segments add up to it (`virtual_body`) -> cameras,
plates and the C3D file (`virtual_c3d`). Axes: AP forward, ML to the runner's left, V up; m, s, N, kg.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from grfkit.virtual import cameras_plates
from grfkit.virtual.motion import STEPS, simulate

SPEEDS = (12.35 / 3.6, 13.65 / 3.6)  # m/s, valid trials (paper section 1.2)
SLOWEST_HZ = 1000  # of the integrator
FAULTS = ("wrong_person", "missed_plate", "lost_frames", "stuck_force", "unsynchronised", "wrong_mass", "wrong_speed")
LOST_FRAMES = (8, 14)  # camera frames without points, fewest and most
STUCK_N = (40.0, 90.0)  # what a plate goes on reading after a step
LATE_S = (0.06, 0.10)  # between cameras and plates that were not started together
WRONG_MASS = (0.15, 0.25)  # how far a listed mass is off
WRONG_SPEED = 1.2  # of the listed speed; these faults' sizes are our choice, each as a laboratory would meet it

# our choice, fitted to the published features: mean; SD of runners; of shoes; change a lap; SD of trials; of steps
STYLE = {
    "speed": (3.61, 0.09, 0.0, 0.0, 0.05, 0.0),  # m/s
    "step_length": (1.24, 0.03, 0.005, 0.0, 0.006, 0.0),  # m
    "contact": (0.2435, 0.010, 0.001, 0.0006, 0.0015, 0.001),  # s, at 1.70 m and 3.61 m/s
    "peak_time": (0.47, 0.012, 0.002, 0.0005, 0.003, 0.002),  # share of contact
    "limb_speed": (1.82, 0.48, 0.10, 0.01, 0.10, 0.08),  # m/s, of the lower limb at touchdown
    "limb_time": (0.0315, 0.003, 0.0006, 0.0, 0.0007, 0.0005),  # s, until the lower limb has stopped
    "strike": (13.0, 5.0, 0.8, -0.1, 0.8, 0.5),  # degrees, toes up at touchdown
    "brake": (0.325, 0.055, 0.008, 0.0, 0.012, 0.008),  # BW
    "brake_skew": (0.043, 0.016, 0.002, 0.0, 0.003, 0.002),  # BW
    "brake_sharp": (0.0, 0.035, 0.004, 0.0, 0.006, 0.004),  # BW
    "brake_spike": (0.05, 0.04, 0.005, 0.0, 0.008, 0.006),  # BW for each BW of impact
    "step_width": (0.09, 0.022, 0.004, 0.0, 0.006, 0.0),  # m
    "sway_double": (0.25, 0.35, 0.03, 0.0, 0.04, 0.03),  # share of the medial hump
    "sway_skew": (0.05, 0.3, 0.02, 0.0, 0.03, 0.02),
    "sway_spike": (0.04, 0.05, 0.004, 0.0, 0.006, 0.005),  # BW for each BW of impact
    "overstride": (0.285, 0.006, 0.002, 0.0, 0.003, 0.002),  # ankle before centre of mass at touchdown, share of path
    "toe_off": (58.0, 2.5, 0.5, 0.0, 1.0, 0.7),  # degrees, heel up at toe-off
    "heel_off": (0.52, 0.025, 0.004, 0.0, 0.006, 0.004),  # share of contact
    "slide_ahead": (0.15, 0.05, 0.01, 0.0, 0.02, 0.02),  # of the heel at touchdown, over its speed down
    "slide_in": (0.03, 0.05, 0.01, 0.0, 0.02, 0.02),  # inwards
    "swing_height": (1.0, 0.05, 0.005, -0.003, 0.01, 0.0),
    "toe_out": (5.0, 3.0, 0.5, 0.0, 0.5, 0.0),  # degrees
    "knee_out": (0.0, 3.0, 0.3, 0.0, 0.4, 0.0),  # degrees, in the frontal plane
    "pelvis_turn": (7.0, 2.0, 0.2, 0.0, 0.4, 0.0),  # degrees, about the vertical, and in the frontal plane
    "pelvis_drop": (5.0, 1.5, 0.2, 0.05, 0.3, 0.0),
    "lean": (0.04, 0.012, 0.001, 0.001, 0.003, 0.0),  # m, trunk's centre before the hips
}
# what shows a force in the movement, target += slope * (source - its mean): our choice. A flat landing takes longer to stop
# (so that some runners have no impact peak), braking comes with a foot set far ahead, a strong push-off lifts the heel,
# a sliding foot pushes at once
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
ASYMMETRIC = ("limb_speed", "brake", "peak_time", "sway_double", "strike")  # between the legs, by a third of the spread


@dataclass(frozen=True)
class Runner:
    """One runner: body, and standard normal deviates (for every entry of STYLE) of the person and of the left leg."""

    sex: str
    height_m: float
    mass_kg: float
    habit: dict
    one_sided: dict


def draw_runner(rng, sex):
    """Draw a runner of a sex ("m" or "f").

    Height and mass after the paper's cohort (section 1.1); how men and women differ in it is our choice.
    """
    tall, build = rng.normal(size=2).clip(-2.2, 2.2)
    if sex == "m":
        height, mass = 1.76 + 0.06 * tall, 72 + 5 * tall + 6.5 * build
    else:
        height, mass = 1.66 + 0.055 * tall, 58 + 4 * tall + 5.5 * build
    return Runner(str(sex), round(height, 3), round(mass, 1), draw_deviates(rng), draw_deviates(rng))


def draw_style(runner, shoe, trial_rng, *, lap):
    """Give a runner's numbers for one trial: dict of name -> (2 sides, STEPS); shoe is the pair's deviates."""
    today = draw_deviates(trial_rng)
    style = {}
    for name, (mean, person, pair, fatigue, day, step) in STYLE.items():
        value = mean + person * runner.habit[name] + pair * shoe[name] + fatigue * lap + day * today[name]
        sides = np.array([1, -1]) * (person / 3 * runner.one_sided[name] if name in ASYMMETRIC else 0)
        style[name] = value + sides[:, None] + step * trial_rng.normal(size=(2, STEPS)).clip(-2.2, 2.2)
    style["speed"] = style["speed"].clip(*SPEEDS)
    return linked(style)


def linked(style):
    """Let what shows a force in the movement follow it: a style (dict of name -> (2 sides, STEPS)) with LINKS applied."""
    style = dict(style)
    for target, source, slope in LINKS:
        style[target] = style[target] + slope * (style[source] - STYLE[source][0])
    return style


def draw_deviates(rng):
    """Draw a standard normal deviate, cut off at 2.2, for each entry of STYLE."""
    return dict(zip(STYLE, rng.normal(size=len(STYLE)).clip(-2.2, 2.2)))


def rng_of(seed, *key):
    """Give the generator of one thing (runner, session, trial), which does not depend on how many others there are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def plan_trials(seed, *, men, women, shoes, laps, trials):
    """Draw the cohort and list its trials -> (table as trials.csv, dict of name -> Runner)."""
    rows, runners = [], {}
    sexes = rng_of(seed).permutation(["m"] * men + ["f"] * women)
    for number, sex in enumerate(sexes, start=1):
        name = f"v{number:02d}"
        runners[name] = runner = draw_runner(rng_of(seed, number), sex)
        for shoe, lap, trial in np.ndindex(shoes, laps, trials):
            letter = chr(ord("A") + shoe)
            speed = draw_style(runner, *sources(seed, number, shoe, lap, trial), lap=lap)["speed"][0, 0]
            rows.append(
                (
                    f"{name}/{name}_{letter}_{lap}_{trial + 1}.c3d",
                    name,
                    runner.mass_kg,
                    runner.height_m,
                    sex,
                    round(speed, 3),
                    letter,
                    lap,
                    trial + 1,
                    "",
                )
            )
    columns = ["file", "runner", "mass_kg", "height_m", "sex", "speed_m_s", "shoe", "lap", "trial", "static"]
    return pd.DataFrame(rows, columns=columns), runners


def sources(seed, number, shoe, lap, trial):
    """Give the deviates of a runner's pair of shoes and the generator of a trial (numbers from 0, the runner's from 1)."""
    return draw_deviates(rng_of(seed, number, shoe)), rng_of(seed, number, shoe, lap, trial)


def plan_faults(files, seed, counts):
    """Choose the trials with a planted fault: dict of file -> fault. counts is dict of fault -> number of trials."""
    wanted = [fault for fault, count in counts.items() for _ in range(count)]
    if len(wanted) > len(files):
        raise ValueError(
            f"Every planted fault needs a trial of its own; found {len(wanted)} faults and {len(files)} "
            "trials. Plant fewer faults or record more trials."
        )
    return dict(zip(rng_of(seed, 0).permutation(files), wanted))


def record(
    folder,
    *,
    seed,
    men,
    women,
    shoes,
    laps,
    trials,
    camera_hz,
    plate_hz,
    joint_bias_m,
    joint_jitter_m,
    camera_cutoff_hz,
    plate_noise_n,
    plate_drift_n,
    crosstalk,
    wrong_person_trials,
    missed_plate_steps,
    lost_frame_trials,
    stuck_force_trials,
    unsynchronised_trials,
    wrong_mass_trials,
    wrong_speed_trials,
):
    """Record a virtual study: C3D files, planted.csv (file, fault, side: l, r or both) and, last of all, trials.csv.

    Every trial has one whole left and one whole right stance on two plates, but for the planted faults, each in another
    trial: wrong_person (from before the first stance the points are those of somebody at least 1 m away), missed_plate
    (a foot lands half or wholly beside the plates), lost_frames (8 camera frames or more of a stance without points),
    stuck_force (a plate does not return to zero), unsynchronised (plates early or late), wrong_mass and wrong_speed (the
    table lists another than the runner's).
    joint_bias_m (constant for a runner, pair of shoes, point and axis) and joint_jitter_m are SDs of a component,
    plate_noise_n the SD of a plate's vertical force, plate_drift_n the most that its offset gets to, crosstalk the largest
    share of a raw channel that reaches another one of the same plate. Returns the table of trials; the same seed gives the
    same bytes. Raises ValueError for more faults than trials.
    """
    folder = Path(folder)
    (folder / "trials.csv").unlink(missing_ok=True)  # an interrupted recording is never taken for whole
    table, runners = plan_trials(seed, men=men, women=women, shoes=shoes, laps=laps, trials=trials)
    counts = dict(
        zip(
            FAULTS,
            (
                wrong_person_trials,
                missed_plate_steps,
                lost_frame_trials,
                stuck_force_trials,
                unsynchronised_trials,
                wrong_mass_trials,
                wrong_speed_trials,
            ),
            strict=True,
        )
    )
    faults = plan_faults(table["file"], seed, counts)
    mixing = np.eye(8) + crosstalk * (1 - np.eye(8)) * rng_of(seed, 0, 0).uniform(-1, 1, (8, 8))
    plates = {"rate_hz": plate_hz, "noise_n": plate_noise_n, "drift_n": plate_drift_n, "mixing": mixing}
    planted = []
    for row in tqdm(list(table.itertuples()), desc="recording", unit="file", mininterval=1):
        number, shoe = int(row.runner[1:]), ord(row.shoe) - ord("A")
        bias = joint_bias_m * rng_of(seed, number, shoe, 0).normal(size=(11, 3))
        cameras = {"rate_hz": camera_hz, "bias_m": bias, "jitter_m": joint_jitter_m, "cutoff_hz": camera_cutoff_hz}
        pair, rng = sources(seed, number, shoe, row.lap, row.trial - 1)
        style = draw_style(runners[row.runner], pair, rng, lap=row.lap)
        points, channels, side = record_trial(runners[row.runner], style, rng, cameras, plates, faults.get(row.file))
        (folder / row.file).parent.mkdir(parents=True, exist_ok=True)
        cameras_plates.write_c3d(folder / row.file, points, channels, camera_hz=camera_hz, plate_hz=plate_hz)
        if row.file in faults:
            planted.append((row.file, faults[row.file], side))
        if faults.get(row.file) == "wrong_mass":
            table.loc[row.Index, "mass_kg"] = round(
                row.mass_kg * (1 + rng.choice([-1, 1]) * rng.uniform(*WRONG_MASS)), 1
            )
    _write_table(pd.DataFrame(planted, columns=["file", "fault", "side"]), folder / "planted.csv")
    _write_table(table, folder / "trials.csv")
    return table


def record_trial(runner, style, rng, cameras, plates, fault):
    """Simulate, film and weigh one trial -> points (T, 11, 3) m, raw channels (24, T') N, side of the planted fault."""
    rate_hz = math.lcm(cameras["rate_hz"], plates["rate_hz"])
    rate_hz *= math.ceil(SLOWEST_HZ / rate_hz)
    if fault == "wrong_speed":
        style = style | {"speed": WRONG_SPEED * style["speed"]}
    motion = simulate(runner, style, first_side=int(rng.integers(2)), rate_hz=rate_hz)
    shift, chosen = (
        cameras_plates.place_on_plates(motion, rng),
        int(rng.integers(1, 3)),
    )  # the contact that a fault is for
    side, touchdown, toeoff = motion.contacts[chosen]
    motion = motion.moved(shift if fault != "missed_plate" else cameras_plates.beside_plates(motion, shift, side, rng))
    begin, each = int(rng.integers(rate_hz // cameras["rate_hz"])), rate_hz // cameras["rate_hz"]
    frames = (len(motion.com) - begin) // each
    points = cameras_plates.film(motion.points[begin::each][:frames], rng, **cameras)
    if fault == "wrong_person":
        start = int(rng.integers((motion.contacts[1][1] - begin) // each - 3))
        other = simulate_other(rng, rate_hz, frames) + shift
        points[start:] = cameras_plates.film(other, rng, **cameras)[start:]
    if fault == "lost_frames":
        start = (touchdown - begin) // each + 2
        points[start : start + int(rng.integers(LOST_FRAMES[0], LOST_FRAMES[1] + 1))] = np.nan
    step = rate_hz // plates["rate_hz"]
    loads = cameras_plates.plate_loads(motion.force, motion.centre)[:, begin::step][:, : frames * each // step]
    if fault == "stuck_force":
        cameras_plates.hold_force(loads, (toeoff - begin) // step, rng.uniform(*STUCK_N))
    if fault == "unsynchronised":
        loads = np.roll(loads, int(rng.choice([-1, 1]) * rng.uniform(*LATE_S) * plates["rate_hz"]), axis=1)
    channels = cameras_plates.disturb_channels(cameras_plates.raw_channels(loads), rng, **plates)
    return points, channels, "lr"[side] if fault in ("missed_plate", "lost_frames", "stuck_force") else "both"


def simulate_other(rng, rate_hz, frames):
    """Give the points (frames, 11, 3) m of somebody else, who is tracked by mistake, well aside of the one who runs."""
    other = draw_runner(rng, rng.choice(["m", "f"]))
    style = draw_style(other, draw_deviates(rng), rng, lap=0)
    points = simulate(other, style, first_side=int(rng.integers(2)), rate_hz=rate_hz).points
    aside = rng.choice([-1, 1]) * rng.uniform(1.3, 1.8)
    return points[np.linspace(0, len(points) - 1, frames).astype(int)] + [0, aside, 0]


def _write_table(table, path):
    """Write a CSV whole or not at all."""
    part = path.with_suffix(".part")
    table.to_csv(part, index=False, lineterminator="\n")
    part.replace(path)


def record_study(study, folder):
    """Record the virtual runners of a study.file.Study into a folder, as `record`; raises ValueError where it has none."""
    if study.laboratory is None:
        raise ValueError(
            f"A virtual recording needs a section `laboratory`; {study.path} has none. Copy it from params/virtual.yaml."
        )
    return record(folder, seed=study.seed, **study.laboratory)

"""The example that ships with the package: one virtual runner on a treadmill, as C3D, TRC and CSV, and the true forces.

In: an empty folder. Out: the files of grfkit/example, copied or recorded again: the same bytes for the same seed.

The runner is in no study: the seed and the size of the body are this module's own. No model that ships was trained on
it. It is a recording such as a coach has, without force plates. Files next to it hold the true forces, which no program
can know from the points.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from grfkit.points import DIRECTIONS, POINTS, InputError
from grfkit.virtual import one_runner
from grfkit.virtual.cameras_plates import Cameras, c3d_of_points
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import STYLE, Runner, draw_deviates, draw_style, rng_of

SHIPPED = Path(__file__).parents[1] / "example"
RECORDINGS = ["run.c3d", "run.trc", "run.csv"]
FILES = [*RECORDINGS, "true_forces.csv", "true_steps.csv", "README.md"]
SEED = 23  # no study's
MASS_KG, HEIGHT_M, SPEED_M_S, STEPS = 68.0, 1.74, 3.3, 27  # our choice; these virtual steps take nine seconds
RATE_HZ, CAMERA_HZ, FORCE_HZ = 1000, 100, 250  # of the integrator, of the cameras, of the true forces that are kept
BIAS_M, JITTER_M, CUTOFF_HZ = 0.008, 0.0006, 20.0  # of the cameras: those of the study virtual
DECIMALS_M, DECIMALS_N = 5, 1  # written: a hundredth of a millimetre, so that rounding is the same everywhere


def write(folder, *, again=False):
    """Write the example to a folder that is new or empty; returns the paths of its files.

    With `again` it is recorded anew instead of copied. Raises InputError for a folder that is not empty, or a file.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = f"holds {len([*folder.iterdir()])} files or folders already" if folder.is_dir() else "is a file"
        raise InputError(
            f"The example goes to a new or empty folder; {folder} {what}.",
            "Name another folder: grfkit example FOLDER.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if again:
        record(folder)
    for name in FILES[-1:] if again else FILES:
        shutil.copyfile(SHIPPED / name, folder / name)
    return [folder / name for name in FILES]


def in_words(paths):
    """Say what `write` wrote, and how to go on."""
    written = "\n".join(path.as_posix() for path in paths)
    return f"{written}\nNow: grfkit estimate {paths[0].as_posix()} --mass {MASS_KG:g}"


def record(folder):
    """Record the runner to a folder: run.c3d, run.trc, run.csv, true_forces.csv and true_steps.csv.

    C3D: mm, Z up. TRC: m, Y up, Z to the right. CSV: m, Z up. In all X is the way the runner faces, times count from
    the first frame, and places are of the laboratory, so that the runner stays where the belt is.
    """
    folder, motion, rng = Path(folder), *_run()
    points = film(motion, rng).round(DECIMALS_M)
    c3d_of_points(points, CAMERA_HZ).write(str(folder / "run.c3d"))
    _write_trc(folder / "run.trc", points)
    _write_csv(folder / "run.csv", points)
    forces, steps = truth(motion)
    for name, table in (("true_forces.csv", forces), ("true_steps.csv", steps)):
        table.to_csv(folder / name, index=False, lineterminator="\n")


def film(motion, rng):
    """Film a motion.Motion by cameras beside a treadmill: points (F, 11, 3) m in AP, ML, V at CAMERA_HZ."""
    bias_m = BIAS_M * rng.normal(size=(len(POINTS), 3))
    cameras = Cameras(CAMERA_HZ, bias_m, JITTER_M, CUTOFF_HZ)
    belt = SPEED_M_S * np.arange(len(motion.points)) / RATE_HZ
    on_belt = motion.points - belt[:, None, None] * [1, 0, 0]
    return cameras.film(on_belt[:: RATE_HZ // CAMERA_HZ], rng)


def truth(motion):
    """Tabulate what a motion.Motion knows: forces on the runner at FORCE_HZ, N; a row for each whole contact."""
    rows = np.arange(0, len(motion.com), RATE_HZ // FORCE_HZ)
    names = [f"{side}_{name.lower()}_n" for side in ("left", "right") for name in DIRECTIONS]
    forces = motion.force[:, rows].transpose(1, 0, 2).reshape(len(rows), -1).round(DECIMALS_N) + 0.0  # no -0.0
    table = pd.DataFrame(forces, columns=names)
    table.insert(0, "time_s", rows / RATE_HZ)
    steps = pd.DataFrame(motion.contacts, columns=["side", "touchdown_s", "toeoff_s"])
    steps["side"] = steps["side"].map({0: "left", 1: "right"})
    steps[["touchdown_s", "toeoff_s"]] /= RATE_HZ
    return table, steps.assign(mass_kg=MASS_KG)


def _run():
    """Simulate the runner at SPEED_M_S, by one_runner's laws of speed -> motion.Motion, generator for the cameras."""
    rng = rng_of(SEED)
    runner = Runner("m", HEIGHT_M, MASS_KG, draw_deviates(rng), draw_deviates(rng))
    style = draw_style(runner, draw_deviates(rng), rng, lap=0, steps=STEPS)
    share = SPEED_M_S / STYLE["speed"][0]
    style["speed"] = np.full_like(style["speed"], SPEED_M_S)
    style["brake"] = style["brake"] * share**one_runner.BRAKING
    style["step_length"] = style["step_length"] * share ** (1 + one_runner.STEP_TIME)
    return simulate(runner, style, first_side=0, rate_hz=RATE_HZ, plates=False), rng


def _write_csv(path, points):
    columns = [f"{point}_{axis}" for point in POINTS for axis in "xyz"]
    table = pd.DataFrame(points.reshape(len(points), -1), columns=columns)
    table.insert(0, "time_s", np.arange(len(points)) / CAMERA_HZ)
    table.to_csv(path, index=False, lineterminator="\n")


def _write_trc(path, points):
    """Write a TRC file as OpenSim and Pose2Sim lay it out: Y up."""
    values = np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=2).reshape(len(points), -1)
    count, marks = len(points), len(POINTS)
    head = [
        "PathFileType\t4\t(X/Y/Z)\trun.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{CAMERA_HZ}\t{CAMERA_HZ}\t{count}\t{marks}\tm\t{CAMERA_HZ}\t1\t{count}",
        "Frame#\tTime\t" + "\t".join(f"{point}\t\t" for point in POINTS),
        "\t\t" + "\t".join(f"{axis}{number}" for number in range(1, marks + 1) for axis in "XYZ"),
        "",
    ]
    rows = [
        f"{frame + 1}\t{frame / CAMERA_HZ:.2f}\t" + "\t".join(f"{value:.{DECIMALS_M}f}" for value in row)
        for frame, row in enumerate(values)
    ]
    path.write_text("\n".join([*head, *rows, ""]), encoding="utf-8", newline="\n")

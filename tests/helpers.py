"""What several tests share: where the real recordings lie, how make is called, and builders of runners, studies and
results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from scipy.interpolate import make_smoothing_spline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import butter, savgol_filter, sosfiltfilt

from grfkit import features
from grfkit.estimators import samples
from grfkit.evaluation.field import field_accuracy, field_training, field_uncertainty, ground_truth
from grfkit.field.bands import Abroad
from grfkit.field.model import FieldModel
from grfkit.points import POINTS
from grfkit.recordings import discover
from grfkit.recordings.read import read_recorded
from grfkit.recordings.trials import TRIAL_COLUMNS
from grfkit.reports import words as report_words
from grfkit.stances import cut as cut_stances
from grfkit.study import file as study_file
from grfkit.study import recipes
from grfkit.study.file import Study
from grfkit.study.schema import Preprocessing
from grfkit.virtual import laboratory
from grfkit.virtual.motion import simulate
from grfkit.virtual.runners import draw_deviates, draw_runner, draw_style, rng_of

ROOT = Path(__file__).resolve().parents[1]
CASES = Path(__file__).parent / "cases"  # small files of faults and habits, each with what is right
REAL = Path(os.environ.get("GRFKIT_DATA", ROOT.parent / "shared" / "data"))
SMOKE = ROOT / "params" / "smoke.yaml"
PUBLISHED = study_file.published(ROOT / "params" / "published.yaml")
HZ = 200
HEADER = ["time_s", *(f"{point}_{axis}" for point in POINTS for axis in "xyz")]
DETECTOR = {"positions_m": 0.5, "velocities_m_s": 1.8, "accelerations_m_s2": 60.0, "noise": 1e-3}
VLR = "touchdown_to_13"
FEATURES = list(report_words.FEATURES)
DIRECTIONS = ["AP", "ML", "V"]
CARD = {
    "title": "Virtual runners",
    "purpose": "Tests.",
    "data": "Six virtual runners.",
    "licence": "none",
    "citation": "none",
    "recipe": "physics",
    "scores": [],
    "scored_on": "Each runner left out.",
    "limits": ["No real runner was seen."],
}
LIMITS_PCT = {
    "contact_s": 3.0,
    "active_peak_bw": 4.0,
    "vlr_bw_s": 10.0,
    "impact_peak_bw": 9.0,
    "braking_peak_bw": 9.0,
    "propulsive_peak_bw": 6.0,
}
GARBAGE = {
    "text": "abc",
    "ragged": [[1, 2], [3]],
    "empty": [],
    "nan": float("nan"),
    "complex": 1 + 2j,
    "flag": True,
    "dictionary": {},
    "cube": np.zeros((2, 3, 4)),
    "object": object(),
    "texts": ["a", "b"],
    "pair": (1.0, "x"),
    "huge": 10**400,
    "row of nan": np.full(3, np.nan),
    "square": np.zeros((2, 2)),
    "pairs of nothing": [(None, None)] * 5,
    "pairs of ragged": [([0, "a"], [[1], [2, 3]])] * 5,
    "two": (1, 2),
}
ABROAD = Abroad(
    laboratories=["hamner", "ja1"],
    in_range=[2.0, 1.5, 1.9],
    unlike=[2.4, 1.8, 2.3],
    nrmse_pct=[5.1, 24.0, 3.6],
    rmse_bw=[0.03, 0.02, 0.085],
    home_nrmse_pct=[3.4, 7.9, 3.0],
    home_rmse_bw=[0.02, 0.02, 0.074],
    features_pct={"braking_peak_bw": 4.0, "impact_peak_bw": 28.0, "vlr_bw_s": 34.2},
)


def script_environment():
    """Give the environment in which a test file that is run as a script finds these helpers."""
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def make_command(*arguments):
    """Give the command line of make, and its environment as from a shell: under `make test` the variables of that make
    would change what this one does and prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    }
    return ["make", *arguments, "CONDA_DEFAULT_ENV=grfkit", f"PYTHON={sys.executable}"], environment


def make(project, *arguments):
    command, environment = make_command(*arguments)
    return subprocess.run(
        command,
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=1200,  # ten times what the longest takes: a machine may be busy
    )


def preprocessing(study="virtual", *, checks=None, **changes):
    """Give the Preprocessing of a study of params/ with some values changed, those of `checks` by their own names."""
    section = study_file.load(ROOT / "params" / f"{study}.yaml").sections["01_preprocess"]
    return Preprocessing.of(section | {"checks": section["checks"] | (checks or {})} | changes)


def _butterworth(cutoff_hz, order):
    """Low-pass as scripts do: twice, uncorrected, so that it is 6 dB down at the cutoff."""
    return lambda points, rate_hz: sosfiltfilt(butter(order, cutoff_hz, fs=rate_hz, output="sos"), points, axis=0)


def _spline(points, rate_hz):
    """A smoothing spline, 6 dB down at 8 Hz."""
    return make_smoothing_spline(np.arange(len(points)) / rate_hz, points, lam=(2 * np.pi * 8) ** -4 * rate_hz)(
        np.arange(len(points)) / rate_hz
    )


# What people do to points (F, 11, 3) m: what raises no alarm, and what does, whatever made them smooth.
SMOOTH = {
    "12 Hz": _butterworth(12, 2),
    "15 Hz, steep": _butterworth(15, 4),
    "20 Hz": _butterworth(20, 2),
    "mm": lambda points, rate_hz: np.round(points, 3),
    "3 frames": lambda points, rate_hz: uniform_filter1d(points, 3, axis=0),
}
SMOOTHED = {
    "10 Hz": _butterworth(10, 2),
    "10 Hz, steep": _butterworth(10, 4),
    "8 Hz": _butterworth(8, 2),
    "6 Hz": _butterworth(6, 2),
    "6 Hz, mm": lambda points, rate_hz: np.round(_butterworth(6, 2)(points, rate_hz), 3),
    "moving average": lambda points, rate_hz: uniform_filter1d(points, round(0.08 * rate_hz), axis=0),
    "spline": _spline,
    "Savitzky-Golay": lambda points, rate_hz: savgol_filter(points, round(0.2 * rate_hz) // 2 * 2 + 1, 3, axis=0),
    "Gaussian": lambda points, rate_hz: gaussian_filter1d(points, 0.025 * rate_hz, axis=0),
}


def virtual_run(number, *, hz=200):
    """Simulate one of any number of virtual runners overground.

    Returns points (F, 11, 3) m at `hz`, and contacts [(side, touchdown_s, toeoff_s)].
    """
    runner, rng = draw_runner(rng_of(7, number), "mf"[number % 2]), rng_of(8, number)
    style = draw_style(runner, draw_deviates(rng), rng, lap=0)
    motion = simulate(runner, style, first_side=number // 2 % 2, rate_hz=1000, plates=False)
    return motion.points[:: 1000 // hz], [
        ("lr"[side], first / 1000, end / 1000) for side, first, end in motion.contacts
    ]


def write_points(path, points, header=HEADER, *, separator=",", decimals=5, times=None):
    """Write points (F, 11, 3) as CSV, as a spreadsheet would: with semicolons decimal commas and a mark of UTF-8."""
    times = np.arange(len(points)) / HZ if times is None else times
    lines = [
        separator.join([f"{time:.5f}", *("" if np.isnan(cell) else f"{cell:.{decimals}f}" for cell in frame.ravel())])
        for time, frame in zip(times, points, strict=True)
    ]
    text = "\n".join(
        [separator.join(header), *(line if separator == "," else line.replace(".", ",") for line in lines)]
    )
    path.write_text(text + "\n", encoding="utf-8" if separator == "," else "utf-8-sig")
    return path


def write_trc(path, markers, rate_hz, *, start_s=0.0, unit="mm", names=None):
    """Write markers {name: (F, 3) m in file axes} as a TRC file, as OpenSim does; an empty cell is missing."""
    factor, names = {"mm": 1000, "cm": 100, "m": 1}[unit], names or list(markers)
    count = len(next(iter(markers.values())))
    keys = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames".split()
    values = [f"{rate_hz:g}", f"{rate_hz:g}", count, len(names), unit, f"{rate_hz:g}", 1, count]
    axes = "\t".join(f"X{number}\tY{number}\tZ{number}" for number in range(1, len(names) + 1))
    rows = [
        "\t".join(
            [str(frame + 1), f"{start_s + frame / rate_hz:.6f}"]
            + ["" if np.isnan(each) else f"{each * factor:.9g}" for xyz in markers.values() for each in xyz[frame]]
        )
        for frame in range(count)
    ]
    head = [f"PathFileType\t4\t(X/Y/Z)\t{path.name}", "\t".join(keys), "\t".join(map(str, values))]
    head += ["Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t", f"\t\t{axes}", ""]
    path.write_text("\n".join(head + rows) + "\n", encoding="utf-8")
    return path


def write_mot(path, plates, rate_hz, *, start_s=0.0, names=None):
    """Write (force (T, 3) N, centre of pressure (T, 3) m) of each plate, in file axes, as OpenSim's MOT."""
    names = names or [f"{number}_ground_force_%s" for number in range(1, len(plates) + 1)]
    columns = ["time"] + [name % f"{kind}{axis}" for name in names for kind in "vp" for axis in "xyz"]
    values = np.column_stack([np.nan_to_num(each) for plate in plates for each in plate])
    rows = [
        "\t".join([f"{start_s + i / rate_hz:.6f}", *(f"{each:.9g}" for each in row)]) for i, row in enumerate(values)
    ]
    head = [path.name, "version=1", f"nRows={len(rows)}", f"nColumns={len(columns)}", "inDegrees=yes", "endheader"]
    path.write_text("\n".join([*head, "\t".join(columns), *rows]) + "\n", encoding="utf-8")
    return path


def write_trials(folder, **changes):
    """Write a table of two trials of one runner, a.c3d and b.c3d, with `changes` to its columns; returns the folder."""
    row = ["002", "63.7", "1.70", "f", "3.6", "A", "0", "1", ""]
    for name in "ab":
        (folder / f"{name}.c3d").touch()
    table = pd.DataFrame([[f"{name}.c3d", *row] for name in "ab"], columns=TRIAL_COLUMNS)
    table.assign(**changes).to_csv(folder / "trials.csv", index=False)
    return folder


def on_belt(points, speed):
    """Bring overground points to a treadmill: everything goes backwards with the belt."""
    return points - speed * (np.arange(len(points)) / HZ)[:, None, None] * [1, 0, 0]


def refused_file(path, **options):
    """Give the message with which discover.read refuses a file."""
    with pytest.raises(ValueError) as error:
        discover.read(path, **options)
    return str(error.value)


def record_virtual(folder, *, seed, men=1, women=1, trials=1):
    """Record a few virtual runners without any fault as C3D files; returns their table of trials."""
    design = dict.fromkeys(laboratory.FAULTS.values(), 0) | {"men": men, "women": women, "trials": trials}
    settings = study_file.load(SMOKE).laboratory.model_copy(update=design)
    return laboratory.record(folder, settings, seed=seed)


def cut_virtual(trials, folder):
    """Cut virtual recordings into stances and measure them by their plates: Measured, the section and the recipe."""
    section = preprocessing("smoke", points_cutoff_hz=30.0, padding_s=0.03)
    stances, frames, *_ = cut_stances.collect(trials, folder, section)
    stances = stances.assign(split="train")
    recipe = recipes.load(ROOT / "params" / "recipes" / "physics.yaml")
    recorded = read_recorded(stances, folder, section)
    measured = ground_truth.measure(recorded, stances, samples.prepare(frames, stances, recipe), section)
    return SimpleNamespace(measured=measured, section=section, recipe=recipe, stances=stances)


def leave_each_out(folder, **who):
    """Leave each of some virtual runners out: contacts, curves with centres of pressure, and their errors."""
    have = cut_virtual(record_virtual(folder, trials=2, **who), folder)
    measured = have.measured
    detector = field_accuracy.fit_detector(measured, DETECTOR, every=1, seed=1)
    have.contacts = field_accuracy.detect_left_out(
        detector, measured.motions, measured.found, measured.footsteps, measured.footsteps
    )
    have.targets = field_training.targets(measured, have.section)
    settings = field_training.settings(have.section, have.recipe, measured.footsteps, level=0.9, vlr=VLR)
    regression = field_training.regression(measured, have.targets, have.recipe)
    have.model = FieldModel(detector, regression, settings)
    have.estimated, have.nearest = field_accuracy.estimate_left_out(have.model, measured.motions, have.contacts)
    have.off = field_uncertainty.errors(measured, have.contacts, have.estimated, vlr=VLR)
    return have


def make_study(sections=None, *, data="recordings", laboratory=None):
    return Study(
        Path("params/tiny.yaml"),
        "tiny",
        7,
        data,
        {"men": 1} if laboratory is None else laboratory,
        sections or {},
        "0" * 64,
    )


def write_tables(results, *, r=(0.99, 0.95, 0.98), p=0.4, clusters=(), baseline_r=0.9):
    """Write made-up result files with the columns of the contract."""
    for folder in ("01_preprocess", "04_table1", "05_table2", "06_table3", "07_figure4"):
        (results / folder).mkdir(parents=True)
    table1 = [
        {
            "estimator": name,
            "direction": direction,
            "r_mean": mean,
            "r_sd": 0.0123,
            "rmse_bw_mean": 0.0456,
            "rmse_bw_sd": 0.01,
            "nrmse_pct_mean": 4.321,
            "nrmse_pct_sd": 1.0,
            "n": 17,
            "published_r_mean": 0.777 if name == "lstm" else None,
            "published_r_sd": 0.02,
            "published_rmse_bw_mean": 0.1,
            "published_rmse_bw_sd": 0.01,
            "published_nrmse_pct_mean": 5.0,
            "published_nrmse_pct_sd": 1.0,
        }
        for name, means in (("mean_curve", [baseline_r] * 3), ("lstm", r))
        for direction, mean in zip(DIRECTIONS, means, strict=True)
    ]
    table2 = [
        {
            "estimator": "lstm",
            "feature": feature,
            "estimated_mean": 1.5,
            "estimated_sd": 0.1,
            "measured_mean": 1.6,
            "measured_sd": 0.1,
            "p": p if feature == "vlr_bw_s" else 0.5,
            "n": 17,
            "published_estimated_mean": 1.4,
            "published_estimated_sd": 0.2,
            "published_measured_mean": 1.45,
            "published_measured_sd": 0.2,
            "published_p": 0.789,
        }
        for feature in FEATURES
    ]
    spm = [
        {"direction": direction, "node": node, "t": 0.0, "threshold": 3.0}
        for direction in DIRECTIONS
        for node in (0, 99)
    ]
    stances = [{"stance": i, "runner": f"R{i // 5}", "split": "test" if i < 10 else "train"} for i in range(100)]
    pd.DataFrame(table1).to_csv(results / "04_table1/table1.csv", index=False)
    pd.DataFrame(table2).to_csv(results / "05_table2/table2.csv", index=False)
    pd.DataFrame(spm).to_csv(results / "07_figure4/spm.csv", index=False)
    pd.DataFrame(clusters, columns=["direction", "start", "end", "p"]).to_csv(
        results / "07_figure4/clusters.csv", index=False
    )
    pd.DataFrame(stances).to_csv(results / "01_preprocess/stances.csv", index=False)
    pd.DataFrame(
        {"file": "a.c3d", "side": "l", "touchdown_s": 0.1, "reason": ["missed plate"] * 3 + ["lost frames"]}
    ).to_csv(results / "01_preprocess/excluded.csv", index=False)


def record_notebook(reports, stem, status, started, **more):
    """Write a provenance record and, for what is done, its report."""
    entry = {
        "notebook": stem,
        "status": status,
        "started": started,
        "duration_s": 61.0,
        "seed": 7,
        "study_file": "tiny.yaml",
        "study_sha256": "0" * 64,
        "commit": "abc",
        "versions": {"python": "3.11"},
        **more,
    }
    (reports / f"{stem}.json").write_text(json.dumps(entry), encoding="utf-8")
    if status == "done":
        (reports / f"{stem}.html").write_text("x", encoding="utf-8")


def words(html):
    """Return a page's text as a reader sees it, spaces equal."""

    return " ".join(BeautifulSoup(html.split("</style>")[1], "html.parser").get_text(" ").split())


def assert_accessible(html):
    """Check what a page owes to a screen reader and to the keyboard, as far as its source tells (WCAG 1.1.1, 1.3.1,
    2.4.1, 4.1.2)."""

    soup = BeautifulSoup(html, "html.parser")
    assert len(soup.find_all("main")) == len(soup.find_all("h1")) == len(soup.body.find_all("header")) == 1
    levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False)), levels
    names = [element["id"] for element in soup.find_all(id=True)]
    assert len(names) == len(set(names))
    anchors = [link["href"][1:] for link in soup.find_all("a", href=re.compile("^#"))]
    assert "content" in anchors and set(anchors) <= set(names)
    assert all(image.get("alt", "").strip() for image in soup.find_all("img"))
    assert all(element.get("aria-label") for element in [*soup.find_all("nav"), *soup.find_all(tabindex="0")])
    assert all(
        table.find_parent(tabindex="0")
        or "beside" in table.get("class", [])
        or len(table.find("tr").find_all(["td", "th"])) <= 3
        for table in soup.find_all("table")
    )  # a wide table can be scrolled
    assert all(header.get_text(strip=True) for header in soup.find_all("th")) and not soup.find("script")


def solutions(session):
    """Execute the imports and the solution cells of one session's notebook; returns their names as attributes."""
    notebook = nbformat.read(ROOT / "course" / "source" / session / f"{session}.ipynb", as_version=4)
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (cell.id == "imports" or cell.metadata.get("nbgrader", {}).get("solution")):
            exec(cell.source, names)  # the project's own
    return SimpleNamespace(**names)


def exercises(module):
    """Name the exercises that a session's module checks by a function check_NAME."""
    return [name.removeprefix("check_") for name in vars(module) if name.startswith("check_")]


def refused(check, answer):
    """Give the hint with which a check refuses a function."""
    with pytest.raises(AssertionError) as caught:
        check(answer)
    return str(caught.value)


def steps_by_hand():
    steps = pd.DataFrame(
        {
            "stance": [0, 1, 2, 3],
            "file": list("aabb"),
            "runner": list("xxyy"),
            "speed": ["2.5 m/s"] * 2 + ["3.5 m/s"] * 2,
            "touchdown_s": [1.0, 1.4, 1.0, 1.4],
            "toeoff_s": [1.25, 1.65, 1.25, 1.65],
        }
    )
    detected = steps.assign(
        touchdown_s=steps["touchdown_s"] + [0.003, -0.004, 0.002, 0.0],
        toeoff_s=steps["toeoff_s"] + [0.001, 0.0, 0.060, -0.002],
    )
    return steps, pd.concat([detected, detected.iloc[:1].assign(stance=np.nan, touchdown_s=5.0)], ignore_index=True)


STANDING_LEG = np.array(
    [[0.02, 0.1, 0.5], [0.0, 0.1, 0.1], [-0.05, 0.1, 0.03], [0.15, 0.1, 0.03]]
)  # knee, ankle, heel, toe


def swinging_leg(times):
    """Give a leg (T, 4, 3) m that moves every way at once, smoothly, its lengths nearly kept."""
    phases = np.arange(12).reshape(4, 3)
    wave = np.sin(7.0 * times[:, None, None] + phases) + 0.3 * np.sin(13.0 * times[:, None, None] + 2 * phases)
    return STANDING_LEG + 0.03 * wave


def force_of_a_step(times):
    """Give force (T, 3) BW and centre of pressure (T, 3) m of a step of .25 s."""
    share = times / 0.25
    force = np.stack([-0.3 * np.sin(2 * np.pi * share), 0.08 * np.sin(3 * share), 2.4 * np.sin(np.pi * share)], axis=1)
    return force, np.stack([0.02 + 0.1 * share, 0.09 + 0.01 * share, 0 * share], axis=1)


def swing_accelerations(times):
    """Give the accelerations (T, 4, 3) m/s^2 of `swinging_leg`, by its own formula."""
    phases = np.arange(12).reshape(4, 3)
    return -0.03 * (
        49.0 * np.sin(7.0 * times[:, None, None] + phases)
        + 0.3 * 169.0 * np.sin(13.0 * times[:, None, None] + 2 * phases)
    )


def draw_pairs(rng, *, runners=12, stances=18, shift=0.0, between=0.1, within=0.1):
    """Draw one feature of 2.5 BW: the difference of a stance is a shift, a runner's own (mean 0) and the stance's."""
    runner = np.repeat(np.arange(runners), stances)
    measured = 2.5 + 0.2 * rng.normal(size=runners)[runner] + 0.1 * rng.normal(size=len(runner))
    difference = shift + between * rng.normal(size=runners)[runner] + within * rng.normal(size=len(runner))
    return pd.DataFrame(
        {
            "feature": "active_peak_bw",
            "stance": np.arange(len(runner)),
            "runner": runner,
            "measured": measured,
            "estimated": measured + difference,
        }
    )


def smooth_curves(rng, *shape):
    """Draw smooth random curves (..., 100)."""
    return gaussian_filter1d(rng.normal(size=(*shape, 180)), 8, axis=-1)[..., 40:-40]


def as_csv(path, points, rate_hz, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_points(path, points, times=np.arange(len(points)) / rate_hz, **options)


def many_footsteps(count=60, seed=0, *, uneven=0.0, drift=0.0):
    """Make a table of footsteps whose contact time differs between sides by so many %, and drifts (s a minute)."""
    rng, number = np.random.default_rng(seed), np.arange(count)
    side = np.where(number % 2 == 0, "l", "r")
    touchdown = 0.35 * number
    contact = (
        0.24 * (1 + np.where(side == "l", 0.5, -0.5) * uneven / 100)
        + drift * touchdown / 60
        + rng.normal(0, 0.002, count)
    )
    table = pd.DataFrame(
        {
            "file": "a",
            "step": number + 1,
            "side": side,
            "touchdown_s": touchdown,
            "toeoff_s": touchdown + contact,
            "contact_s": contact,
            "step_s": 0.35,
            "flight_s": 0.35 - contact,
            "step_rate_per_min": 60 / 0.35,
            "speed_m_s": 3.5,
        }
    )
    return table.assign(**{name: 2.0 + rng.normal(0, 0.02, count) for name in features.FEATURES}, unlike="")


def ja1_clusters(regression):
    """Write by hand how joint centres of JA1 (Dorn 2012) follow from its static trial, as `clusters` has it.

    One marker on the sacrum stands for both posterior spines; `regression` is the hips'.
    """
    on = {
        "thigh": ["THLP", "THLD", "THAP", "THAD"],
        "shank": ["TIAP", "TIAD", "TILAT"],
        "foot": ["HEEL", "MFS", "MFL", "P1MT", "P5MT", "TOE"],
    }
    places = {
        "knee": ("thigh", ["LEPI", "MEPI"]),
        "ankle": ("shank", ["LMAL", "MMAL"]),
        "heel": ("foot", ["HEEL"]),
        "toe": ("foot", ["TOE"]),
    }
    segments = {"pelvis": ["RASI", "LASI", "SACR"]} | {
        f"{s.lower()}_{name}": [s + each for each in on[name]] for s in "LR" for name in on
    }
    marks = {"pelvis": {"segment": "pelvis", "markers": segments["pelvis"], "regression": None}}
    marks |= {f"{side}_hip": {"segment": "pelvis", "markers": None, "regression": regression} for side in "lr"}
    marks |= {
        f"{s.lower()}_{point}": {
            "segment": f"{s.lower()}_{segment}",
            "markers": [s + name for name in names],
            "regression": None,
        }
        for s in "LR"
        for point, (segment, names) in places.items()
    }
    return {
        "segments": segments,
        "landmarks": marks,
        "max_residual_m": 0.03,
        "pelvis_markers": {"l_asis": "LASI", "r_asis": "RASI", "l_psis": "SACR", "r_psis": "SACR"},
    }

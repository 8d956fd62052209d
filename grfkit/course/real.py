"""A real runner to compare with the course's virtual ones, if the recordings of the study rbds are there.

In: C3D files of Fukuchi, Fukuchi & Duarte 2017 (PeerJ 5:e3298, CC BY 4.0), read where they lie, or the results of the
study rbds. Out: one recording, its stances, runners' differences. If they are missing or cannot be
read, a sentence says so and nothing is returned: no exercise and no check needs them.
"""

import functools
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from grfkit import features
from grfkit.course.features import Curve
from grfkit.estimators import closed_form
from grfkit.evaluation import agreement
from grfkit.recordings import c3d, plates, trials
from grfkit.recordings.read import load_trial, why_unread
from grfkit.stances import cut
from grfkit.study import file as study_file
from grfkit.study import store
from grfkit.study.provenance import ROOT

STUDY, REPORTS = ROOT / "params" / "rbds.yaml", ROOT / "reports" / "rbds"
TABLE = "participantInfo.csv"  # the public set's table of people: where it lies the recordings are
RUNNER = "014"  # who trains: a heel striker with a clear impact peak, a marker of whom an arm hides; our choice
OTHER = "013"  # who trains and lands on the forefoot; our choice
SPEED_M_S = 3.5
ESTIMATES, RECIPE = "08_generalisation/predictions.parquet", "physics"
FIRST_STANCES = 20  # of a runner, whose mean they give well enough: our choice, so that it takes seconds
SOURCE = "Recordings: Fukuchi, Fukuchi & Duarte 2017, PeerJ 5:e3298, CC BY 4.0"


class Trial(NamedTuple):
    """One recording of a real runner: F camera frames, T force frames."""

    file: str
    mass_kg: float
    recording: c3d.Recording
    points: np.ndarray  # (F, 11, 3) m, as the study rbds computes them from the markers
    plate: c3d.Plate  # its offset and drift taken away, as of the virtual plates
    hidden: dict  # {marker: (F,), True where the file stores (0, 0, 0), "not seen"}


def find(folder=""):
    """Find the recordings of rbds: in a named folder, or else where a study has them; None where they are not.

    That is GRFKIT_DATA, the folder that `make reproduce STUDY=rbds DATA=...` was given, ../shared/data/rbds, and
    recordings/rbds, which `make fetch STUDY=rbds` makes. A folder rbds in any of these will do.
    """
    places = [Path(folder).expanduser()] if folder else _usual_places()
    inside = [place / "rbds" for place in places]  # a folder of several sets, as GRFKIT_DATA names it
    found = [each for both in zip(places, inside, strict=True) for each in both]
    return next((place for place in found if (place / TABLE).is_file()), None)


def read(folder=""):
    """Read 30 s of one real runner at 3.5 m/s: a Trial, or None where there is none to read."""
    return _from_recordings(_trial, folder)


def curves(folder=""):
    """Cut the real runner's recording into stances, unfiltered: a list of Curve, empty where there is none to read."""
    return _from_recordings(_curves, folder) or []


def runners(folder=""):
    """Give real runners' features by plate and by an estimate, as course.agreement's means; None without any.

    The columns are feature, runner, measured, estimated. Estimates are those that notebook 08 of the study rbds saved;
    where it was not run, the active peak is that of half a sine (Morin et al. 2005), for two runners.
    """
    if not folder and (REPORTS / "results" / ESTIMATES).is_file():
        return _or_none(_estimated, REPORTS / "results")
    return _from_recordings(_half_sines, folder)


def _usual_places():
    told = [Path(os.environ["GRFKIT_DATA"])] if os.environ.get("GRFKIT_DATA") else []
    remembered = REPORTS / "data.mk"
    if remembered.is_file():
        told.append(ROOT / remembered.read_text(encoding="utf-8").partition(":=")[2].strip())
    return [*told, ROOT.parent / "shared" / "data" / "rbds", ROOT / "recordings" / "rbds"]


def _from_recordings(function, folder):
    place = find(folder)
    if place:
        return _or_none(function, place)
    where = folder or "recordings/rbds"
    print(
        f"No real runner is shown: {where} holds no {TABLE}, and neither does a folder rbds in it. No exercise "
        "needs them."
    )
    return None


def _or_none(function, place):
    """Call a function with the folder that it reads; where that fails say so in a sentence."""
    try:
        return function(place)
    except Exception as error:  # a damaged file can fail anywhere, and a lesson goes on without it
        print(f"No real runner is shown; no exercise needs one. The reason: {why_unread(error)}")
        return None


def _trial(place, runner=RUNNER):
    trial = _read(place, runner)
    recording = trial.recording
    print(
        f"{trial.file}: {trial.mass_kg:.1f} kg, {SPEED_M_S} m/s on a treadmill\n"
        f"{len(recording.points)} markers at {recording.point_hz:.0f} Hz give {trial.points.shape[1]} points; one "
        f"plate at {recording.force_hz:.0f} Hz\n{SOURCE}"
    )
    return trial


@functools.cache
def _read(place, runner):
    """Read one runner's recording at 3.5 m/s as the study rbds does: a Trial."""
    settings, name = study_file.preprocessing(STUDY), f"RBDS{runner}"
    file = f"{name}/{name}runT{10 * SPEED_M_S:.0f}.c3d"
    if not (place / file).is_file():
        raise ValueError(f"The recordings must hold {file}; {place} lacks it. Copy it there.")
    table = trials.read_trials(place, table=settings.table)
    row = next(table[table["file"] == file].itertuples())
    recording, points = load_trial(row, place, {}, settings)
    stored = c3d.open_file(place / row.file).points
    hidden = dict(zip(recording.points, (stored == 0).all(axis=0), strict=True))
    plate = plates.zeroed(recording.plates[0], recording.force_hz)
    return Trial(row.file, row.mass_kg, recording, points, plate, hidden)


def _stances(trial):
    """Cut a Trial as the study rbds does, its force not filtered: a list of (side, cut.Stance)."""
    settings = study_file.preprocessing(STUDY).model_copy(update={"force_cutoff_hz": None})
    found = cut.cut(trial.recording, trial.points, settings, mass_kg=trial.mass_kg, speed_m_s=SPEED_M_S)
    return [(side, stance) for side, _, stance in found if isinstance(stance, cut.Stance)]


def _curves(place):
    return [_curve(RUNNER, side, stance) for side, stance in _stances(_trial(place))]


def _curve(runner, side, stance):
    """Take the padding off a cut.Stance, which holds a force of exactly 0: a Curve."""
    loaded = np.flatnonzero(stance.force[:, 2])
    inside = slice(loaded[0], loaded[-1] + 1)
    return Curve(runner, side, stance.flight_s, stance.time_s[inside], stance.force[inside])


def _estimated(results):
    """Read the features of real runners off the curves that notebook 08 saved, of each runner's first stances."""
    table = store.read(results, "01_preprocess/stances.csv")
    saved = store.read(results, ESTIMATES, filters=[("estimator", "==", RECIPE)])
    tested = table[table["stance"].isin(saved["stance"].unique())]
    few = tested.groupby("runner").head(FIRST_STANCES)["stance"]
    pairs = agreement.of_runners(features.by_stance(saved[saved["stance"].isin(few)], vlr="touchdown_to_13"), table)
    means = agreement.runner_means(pairs)
    print(
        f"{means['runner'].nunique()} real runners on a treadmill, from the results of the study rbds.\nThe "
        f"recipe {RECIPE} was not trained on the runner it estimates. Means of {FIRST_STANCES} stances a "
        f"runner.\n{SOURCE}"
    )
    return means


def _half_sines(place):
    """Compare the active peak of half a sine, from contact and flight time alone, with the plate's, for two runners."""
    found = [_curve(runner, *stance) for runner in (RUNNER, OTHER) for stance in _stances(_trial(place, runner))]
    rows = [
        ("active_peak_bw", each.runner, each.force[:, 2].max(), _highest(each.time_s[-1], each.flight_s))
        for each in found
    ]
    pairs = pd.DataFrame(rows, columns=["feature", "runner", "measured", "estimated"]).dropna()
    print(
        f"{len(pairs)} stances of two real runners. The estimate is half a sine curve, from contact and flight "
        "time alone\n(Morin et al. 2005, J Appl Biomech 21:167-180)"
    )
    return agreement.runner_means(pairs)


def _highest(contact_s, flight_s):
    return closed_form.sine(contact_s / 2, contact_s=contact_s, flight_s=flight_s)

"""Estimate forces from recordings without force plates: a folder of C3D files or CSV files of points and a model folder, both only read.

    make estimate MODEL=FOLDER DATA=FOLDER MASS=70
    grfkit estimate --model FOLDER --data FOLDER [--study FILE] [--mass KG] [--speed M_S] [--out FOLDER]

The same from Python, and for points of any pose system, an array (F, 11, 3) m in AP, ML, V:

    from grfkit import estimate, field_estimate, field_model
    steps, curves, recordings = estimate.estimate_all("MODEL", "DATA", mass_kg=70)
    model, card = field_model.load("MODEL")
    steps, curves, warnings = field_estimate.one(model, "a name", points, 100, 3.5)  # at 100 Hz, 3.5 m/s
"""

from pathlib import Path

from tqdm import tqdm

from grfkit.field import estimate
from grfkit.field import model as field_model
from grfkit.recordings import discover, trials
from grfkit.study import file as study_files
from grfkit.study.schema import Preprocessing, StudyError


def estimate_all(model, data, **given):
    """Estimate all recordings of the folder `data` by a model folder; returns the tables (steps, curves, recordings) of field_estimate.everything.

    `given` is what read_all takes: mass_kg, speed_m_s, rate_hz, treadmill, study_file. Nothing is written. Raises ValueError where the model or
    no recording can be read; a recording that is not estimated says why in `recordings`.
    """
    model, _ = field_model.load(model)
    return estimate.everything(model, *read_all(data, **given), folder=Path(data))


def read_all(folder, *, study_file=None, mass_kg=None, speed_m_s=None, rate_hz=None, treadmill=None):
    """Read all recordings of a folder -> list of field_read.Found, list of masses (kg or None), {file: why it was left out}.

    `study_file` says how the 11 points, axes and treadmill are found, and its table of trials, where it exists, masses, speeds and
    static trials; else `mass_kg` and `speed_m_s` hold for all. Raises ValueError where no recording can be read.
    """
    folder = Path(folder)
    _check(mass_kg=mass_kg, speed_m_s=speed_m_s, rate_hz=rate_hz)
    layout, rows = _study(study_file, folder) if study_file else (None, {})
    found, masses, unread, files = [], [], {}, discover.find(folder)
    statics = {row["static"] for row in rows.values()}
    for path in tqdm(files, desc="reading", unit="file", mininterval=1, disable=None):
        name = path.relative_to(folder).as_posix()
        row = rows.get(name, {})
        if name in statics:
            continue
        try:
            found.append(
                discover.read(
                    path,
                    layout=layout,
                    static=folder / row["static"] if row.get("static") else None,
                    treadmill=treadmill,
                    speed_m_s=speed_m_s or row.get("speed_m_s"),
                    rate_hz=rate_hz,
                )
            )
            masses.append(mass_kg or row.get("mass_kg"))
        except ValueError as error:
            unread[name] = str(error).removeprefix(f"{path.name}: ")  # it stands beside the name
    if not found:
        reasons = "\n".join(f"  {name}: {why}" for name, why in unread.items())
        raise StudyError(
            f"Forces are estimated from recordings that can be read; none of {len(files)} of {folder} can be:\n{reasons}"
        )
    return found, masses, unread


def _check(**values):
    """Check that a mass and a speed are a runner's, and a rate a camera's."""
    for name, value in values.items():
        low, high = (trials.LIMITS | {"rate_hz": discover.RATES_HZ})[name]
        if value is not None and not low <= value <= high:
            raise StudyError(
                f"{name} must be a number from {low} to {high}; found {value:g}. Correct it, or leave it out."
            )


def _study(path, folder):
    """Read a study file -> its section 01_preprocess, and {file: row} of its table of trials where that exists."""
    path = Path(path)
    section = Preprocessing.of(study_files.load(path).sections["01_preprocess"])
    table = section.table
    lies = {"rbds": folder / "participantInfo.csv", "trials.csv": folder / "trials.csv"}.get(table, path.parent / table)
    if not lies.is_file():
        if section.clusters:
            raise StudyError(
                f"{path} finds joint centres by static trials, which its table names; {lies} is not there. Put it beside the recordings."
            )
        return section, {}
    rows = trials.read_trials(folder, table=table if table in ("rbds", "trials.csv") else lies)
    return section, {row["file"]: row for row in rows.to_dict("records")}

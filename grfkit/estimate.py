"""Estimate forces from recordings without force plates: a folder of C3D files or CSV files of points and a model folder, both only read.

    python -m grfkit.estimate --model FOLDER --data FOLDER [--study FILE] [--mass KG] [--speed M_S] [--out FOLDER]
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from grfkit import field_read, recordings, study
from grfkit.study import StudyError


def estimate_all(model, found, mass_kg):
    """Estimate the forces of each recording; `found` are field_read.Found, `mass_kg` a number or None for each."""
    raise NotImplementedError


def read_all(folder, *, study_file=None, mass_kg=None, speed_m_s=None, rate_hz=None, treadmill=None):
    """Read all recordings of a folder -> list of field_read.Found, list of masses (kg or None), {file: why it was left out}.

    `study_file` says how the 11 points, axes and treadmill are found, and its table of trials, where it exists, masses, speeds and
    static trials; else `mass_kg` and `speed_m_s` hold for all. Raises ValueError where no recording can be read.
    """
    folder = Path(folder)
    _check(mass_kg=mass_kg, speed_m_s=speed_m_s)
    layout, rows = _study(study_file, folder) if study_file else (None, {})
    found, masses, unread, files = [], [], {}, field_read.find(folder)
    statics = {row["static"] for row in rows.values()}
    for path in tqdm(files, desc="reading", unit="file", mininterval=1, disable=None):
        name = path.relative_to(folder).as_posix()
        row = rows.get(name, {})
        if name in statics:
            continue
        try:
            found.append(field_read.read(path, layout=layout, static=folder / row["static"] if row.get("static") else None, treadmill=treadmill,
                                         speed_m_s=speed_m_s or row.get("speed_m_s"), rate_hz=rate_hz))
            masses.append(mass_kg or row.get("mass_kg"))
        except ValueError as error:
            unread[name] = str(error)
    if not found:
        reasons = "\n".join(f"  {name}: {why}" for name, why in unread.items())
        raise StudyError(f"Forces are estimated from recordings that can be read; none of {len(files)} of {folder} can be:\n{reasons}")
    return found, masses, unread


def _check(**values):
    """Check that a mass and a speed are a runner's."""
    for name, value in values.items():
        low, high = recordings.LIMITS[name]
        if value is not None and not low <= value <= high:
            raise StudyError(f"{name} must be a number from {low} to {high}; found {value:g}. Correct it, or leave it out.")


def _study(path, folder):
    """Read a study file -> its section 01_preprocess, and {file: row} of its table of trials where that exists."""
    path = Path(path)
    section = study.load(path).sections["01_preprocess"]
    table = section["table"]
    lies = {"rbds": folder / "participantInfo.csv", "trials.csv": folder / "trials.csv"}.get(table, path.parent / table)
    if not lies.is_file():
        return section, {}
    rows = recordings.read_trials(folder, table=table if table in ("rbds", "trials.csv") else lies)
    return section, {row["file"]: row for row in rows.to_dict("records")}


def main(arguments=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m grfkit.estimate", description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a trained model")
    parser.add_argument("--data", required=True, help="folder of C3D files or CSV files of points; it is only read")
    parser.add_argument("--study", help="a study file that says where the points are, where the recordings do not show it")
    parser.add_argument("--mass", type=float, help="body mass (kg) of the runner of all recordings; without it forces are in body weights")
    parser.add_argument("--speed", type=float, help="speed (m/s) of all recordings; without it, it is measured")
    parser.add_argument("--rate", type=float, help="frames a second, of CSV files without times")
    parser.add_argument("--treadmill", action=argparse.BooleanOptionalAction, help="on a treadmill or not; without it, it is found")
    parser.add_argument("--out", type=Path, default=Path("reports/estimate"), help="folder to write to")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a Windows console may lack the characters of a label
        stream.reconfigure(errors="replace")
    try:
        if not options.data:
            raise StudyError("An estimate needs a folder of recordings; none was given. Give it: make estimate MODEL=DIR DATA=DIR.")
        found, mass_kg, unread = read_all(options.data, study_file=options.study, mass_kg=options.mass, speed_m_s=options.speed, rate_hz=options.rate,
                                          treadmill=options.treadmill)
        for name, why in unread.items():
            print(f"left out: {name}: {why}", file=sys.stderr)
        estimate_all(options.model, found, mass_kg)  # HERE the estimate is made and written to options.out, whole or not at all
    except (ValueError, OSError) as error:  # StudyError is a ValueError
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

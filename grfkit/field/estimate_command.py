"""Estimate forces from recordings without force plates: a folder of C3D files or CSV files of points and a model folder, both only read.

    make estimate MODEL=FOLDER DATA=FOLDER MASS=70
    python -m grfkit.field.estimate_command --model FOLDER --data FOLDER [--study FILE] [--mass KG] [--speed M_S] [--out FOLDER]

The same from Python, and for points of any pose system, an array (F, 11, 3) m in AP, ML, V:

    from grfkit import estimate, field_estimate, field_model
    steps, curves, recordings = estimate.estimate_all("MODEL", "DATA", mass_kg=70)
    model, card = field_model.load("MODEL")
    steps, curves, warnings = field_estimate.one(model, "a name", points, 100, 3.5)  # at 100 Hz, 3.5 m/s
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from grfkit.field import estimate
from grfkit.field import model as field_model
from grfkit.recordings import discover, trials
from grfkit.reports import estimate_page
from grfkit.study import file as study_files
from grfkit.study.schema import StudyError


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
    section = study_files.load(path).sections["01_preprocess"]
    table = section["table"]
    lies = {"rbds": folder / "participantInfo.csv", "trials.csv": folder / "trials.csv"}.get(table, path.parent / table)
    if not lies.is_file():
        if section["clusters"]:
            raise StudyError(
                f"{path} finds joint centres by static trials, which its table names; {lies} is not there. Put it beside the recordings."
            )
        return section, {}
    rows = trials.read_trials(folder, table=table if table in ("rbds", "trials.csv") else lies)
    return section, {row["file"]: row for row in rows.to_dict("records")}


def _number(text, name):
    """Read a number that may be left out; decimal commas are read too."""
    try:
        return float(text.replace(",", ".")) if text else None
    except ValueError:
        raise StudyError(f"{name} is a number; found {text!r}. Correct it, or leave it out.") from None


def _options(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m grfkit.field.estimate_command", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--model", required=True, help="folder of a trained model")
    parser.add_argument("--data", required=True, help="folder of C3D files or CSV files of points; it is only read")
    parser.add_argument(
        "--study", help="a study file that says where the points are, where the recordings do not show it"
    )
    parser.add_argument(
        "--mass",
        metavar="KG",
        help="body mass (kg) of the runner of all recordings; without it forces are in body weights",
    )
    parser.add_argument("--speed", metavar="M_S", help="speed (m/s) of all recordings; without it, it is measured")
    parser.add_argument("--rate", metavar="HZ", help="frames a second, of CSV files without times")
    parser.add_argument("--treadmill", metavar="yes|no", help="on a treadmill or not; without it, it is found")
    parser.add_argument("--out", metavar="FOLDER", help="folder to write to; reports/estimate/NAME-OF-DATA without it")
    return parser.parse_args(arguments)


def _run(options):
    """Read, estimate and write; the exit status is 1 where no recording was estimated, which the report says too."""
    if not options.data:
        raise StudyError(
            "An estimate needs a folder of recordings; none was given. Give it: make estimate MODEL=DIR DATA=DIR."
        )
    if not options.model:
        raise StudyError(
            "An estimate needs the folder of a trained model; none was given. `make field STUDY=rbds DATA=DIR` trains one in "
            "reports/rbds/results/10_field/model: then give MODEL=that folder."
        )
    if options.treadmill not in (None, "", "yes", "no"):
        raise StudyError(
            f"TREADMILL is yes or no; found {options.treadmill!r}. Correct it, or leave it out: then it is found."
        )
    numbers = {
        name: _number(getattr(options, name.split("_")[0]), name.split("_")[0].upper())
        for name in ("mass_kg", "speed_m_s", "rate_hz")
    }
    out = Path(options.out or Path("reports/estimate") / (Path(options.data).resolve().name or "recordings"))
    estimate_page.check_out(out, options.data)
    model, card = field_model.load(options.model)
    read = read_all(
        options.data,
        study_file=options.study or None,
        treadmill={"yes": True, "no": False}.get(options.treadmill),
        **numbers,
    )
    steps, curves, table = estimate.everything(model, *read, folder=Path(options.data))
    estimate_page.write(out, steps, curves, table, model=model, card=card)
    for row in table[table["refused"] != ""].itertuples():
        print(f"left out: {row.file}: {row.refused}", file=sys.stderr)
    for row in table[table["warnings"] != ""].itertuples():
        print(f"warning: {row.file}: {row.warnings}", file=sys.stderr)
    print(f"{len(steps)} steps of {(table['steps'] > 0).sum()} recordings -> {(out / estimate_page.PAGE).as_posix()}")
    if steps.empty:
        print(
            "error: Forces are estimated from recordings of running; of these none could be: see above for the reason of each.",
            file=sys.stderr,
        )
    return 1 if steps.empty else 0


def main(arguments=None):
    """Run the command line; return the exit status."""
    options = _options(arguments)
    for stream in (sys.stdout, sys.stderr):  # a Windows console may lack the characters of a label
        stream.reconfigure(errors="replace")
    try:
        return _run(options)
    except (ValueError, OSError) as error:  # StudyError is a ValueError
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

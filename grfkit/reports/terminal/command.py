"""Run `grfkit estimate`: check what was typed, read, estimate, write, and print a summary.

In: the options of the command line, as texts. Out: the folder of a report, and text on the terminal.
"""

import re
import shutil
import sys
import textwrap
from pathlib import Path

from grfkit.field import estimate
from grfkit.field import model as field_model
from grfkit.points import InputError
from grfkit.recordings import discover, trials
from grfkit.reports import estimate_page
from grfkit.reports.terminal import summary

FORMATS = {"html": "a page", "csv": "tables", "mot": "OpenSim", "c3d": "C3D"}
IN_NEWTONS = ("mot", "c3d")
NOT_IN_NAMES = r'[<>:"|?*\\\x00-\x1f]'  # which some file systems do not allow


def run(options):
    """Estimate a recording or all of a folder.

    `options` has data, model, study, mass, speed, rate, treadmill, out and format: texts, or None if nothing was typed.
    Raises ValueError if an option is wrong, nothing can be read or written, or no step was estimated.
    """
    formats, given = _check(options)
    data = Path(options.data)
    out = Path(options.out or Path("reports/estimate") / _name(data))
    estimate_page.check_out(out, data, chosen=bool(options.out))
    model, card = field_model.load(options.model or None)
    found, masses, unread = estimate.read_all(data, study_file=options.study or None, **given)
    in_newtons = [each for each in formats if each in IN_NEWTONS]
    if in_newtons and not any(masses):
        raise InputError(
            f"Files of the format {' and '.join(in_newtons)} have forces in newtons, which need the body mass; none "
            f"was given.",
            "Give it in kg: --mass KG (make: MASS=kg). Or leave that format out.",
        )
    folder = trials.folder_of(data)
    steps, curves, table = estimate.estimate_recordings(
        model, found, masses, unread, folder=folder, home=estimate.home_of(model, options.study)
    )
    not_put, earlier = {}, {path.name for path in out.glob("*")}

    def put_more(new):
        alone = {*formats} == {*in_newtons}
        not_put.update(_export(new, in_newtons, found, masses, steps, curves, folder, alone=alone))

    tables = estimate_page.write(
        *(out, steps, curves, table),
        **{"model": model, "card": card, "data": data, "study": Path(options.study or "").stem},
        **{"formats": formats, "put_more": put_more},
    )
    _say(tables, not_put, [path.name for path in discover.find(data).others], model.abroad)
    gone = sorted(earlier - {path.name for path in out.iterdir()})
    if gone:
        print(f"replaced an earlier report, whose {', '.join(gone)} went with it")
    print((out / estimate_page.PAGE if "html" in formats else out).as_posix())
    if steps.empty:
        raise ValueError(
            "Forces are estimated from recordings of running; none of these could be estimated. The reasons are above."
        )


def _name(data):
    """Name the report of a folder, or of a file."""
    return data.resolve().stem if data.is_file() else data.resolve().name or "recordings"


def _check(options):
    """Check what was typed; returns the formats, and the arguments of read_all."""
    if not options.data:
        raise ValueError(
            "An estimate needs a recording or a folder of recordings; none was given. Give its path: grfkit estimate "
            "PATH, or make estimate DATA=PATH."
        )
    if options.model and not Path(options.model).is_dir():
        raise ValueError(
            f"A model is a folder; {options.model} is none, or does not exist. Leave it out to use the model that "
            "comes with grfkit. `make field STUDY=rbds DATA=DIR` trains another one in "
            "reports/rbds/results/10_field/model."
        )
    if options.treadmill not in (None, "", "yes", "no"):
        raise ValueError(
            f"--treadmill is yes or no; found {options.treadmill!r}. Correct it, or leave it out: then the points show "
            "it."
        )
    formats = [each.strip().lower() for each in (options.format or "html,csv").split(",")]
    unknown = [each for each in formats if each not in FORMATS]
    if unknown:
        raise ValueError(
            f"--format is one or more of these, separated by commas: {', '.join(FORMATS)}; found {unknown[0]!r}. "
            "Correct it, or leave it out: then a page and tables are written."
        )
    numbers = {
        name: _number(getattr(options, name.split("_")[0]), name) for name in ("mass_kg", "speed_m_s", "rate_hz")
    }
    return formats, trials.check_given(**numbers, treadmill={"yes": True, "no": False}.get(options.treadmill))


def _number(text, name):
    """Read a number that may be left out; a decimal comma is allowed."""
    try:
        return float(text.replace(",", ".")) if text else None
    except ValueError:
        pound = " (a pound is 0.454 kg)" * (name == "mass_kg")
        raise ValueError(
            f"--{name.split('_')[0]} is a number, in{trials.UNITS[name]}; found {text!r}. "
            f"Correct it{pound}, or leave it out."
        ) from None


def _export(new, formats, found, masses, steps, curves, folder, *, alone):
    """Write files for other programs from each recording to a new folder; returns {file: why it was not written}.

    Raises ValueError if none can be written and the folder is for them `alone`.
    """
    if not formats:
        return {}
    from grfkit.reports.exports import c3d, mot

    not_put = {}
    names = [discover.name_in(folder, each.file) for each in found]
    for each, mass_kg, name, stem in zip(found, masses, names, stems(names), strict=True):
        mine = [table[table["file"] == name] for table in (steps, curves)]
        for kind in formats if len(mine[0]) else ():
            try:
                {"mot": mot, "c3d": c3d}[kind].write(new / f"{stem}.{kind}", each, *mine, mass_kg)
            except InputError as reason:
                not_put[f"{stem}.{kind}"] = str(reason)
    if not_put and alone and not any(new.iterdir()):
        raise ValueError("\n".join(f"{file}: {why}" for file, why in not_put.items()))
    return not_put


def stems(names):
    """Name the files written from recordings, by their names in a folder: all different, in any file system."""
    plain = [Path(name).with_suffix("").parts for name in names]
    plain = [re.sub(NOT_IN_NAMES, "_", "_".join(parts)) for parts in plain]
    lower = [stem.lower() for stem in plain]
    given, out = set(), []
    for name, stem in zip(names, plain, strict=True):
        if lower.count(stem.lower()) > 1:
            stem += Path(name).suffix.replace(".", "_")
        number, first = 2, stem
        while stem.lower() in given:
            stem, number = f"{first}_{number}", number + 1
        given.add(stem.lower())
        out.append(stem)
    return out


def _say(tables, not_put, others, abroad):
    """Print the results; what was left out goes to standard error. A terminal's lines break between words."""
    recordings = tables["recordings.csv"]
    for row in recordings[recordings["refused"] != ""].itertuples():
        print(f"left out: {row.file}: {row.refused}", file=sys.stderr)
    for file, why in not_put.items():
        print(f"not written: {file}: {why}", file=sys.stderr)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in summary.lines(tables, others, abroad):
        print(textwrap.fill(line, columns, subsequent_indent="    ") if 0 < columns < len(line) else line)

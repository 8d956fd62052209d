"""The command `grfkit`. Its subcommands can be typed; make calls them too.

In: files and folders. Out: files, and a line that names them.

Each subcommand imports what it needs only when it runs, so that `grfkit --help` and a typing error are answered at
once. A user's mistake gives one message on standard error and exit status 1; Ctrl-C gives one line and 130.
"""

import argparse
import os
import sys
import time
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # a bench uses one thread, as a worker does


def main(arguments=None):
    """Run one subcommand; return the exit status."""
    options = _parser().parse_args(arguments)
    # without this jsonschema builds a parser of international URLs that nothing here uses: 2 s at each start
    sys.modules.setdefault("rfc3987_syntax", None)
    for stream in (sys.stdout, sys.stderr):  # a Windows console may lack the characters of a progress bar or a label
        stream.reconfigure(errors="replace")
    try:
        _check_folders(options)
        return options.command(options) or 0
    except (ValueError, OSError) as error:  # StudyError and InputError are ValueErrors
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "grfkit").split(".")[0] == "grfkit":  # ours: a fault of the program
            raise
        print(f"error: {_not_installed(error, options)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\ninterrupted: {options.interrupted.format(**vars(options))}", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="grfkit", description="Ground reaction forces of running.")
    commands = parser.add_subparsers(title="subcommands", required=True, metavar="SUBCOMMAND")
    for name, (command, about, arguments, interrupted) in COMMANDS.items():
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(command=command, interrupted=interrupted)
        for argument, settings in arguments.items():
            one.add_argument(argument, **settings)
    return parser


def _not_installed(error, options):
    """Say which packages a subcommand needs and how to install them."""
    extra = "course" if options.command is _course else "study"
    return (
        "Only estimates work with `pip install` of grfkit alone; this subcommand needs more packages, and "
        f"{error.name.split('.')[0]} is not installed. Install them in the folder of the project: "
        f'python -m pip install ".[{extra}]".'
    )


def _check_folders(options):
    """Check that the place a subcommand writes to is a folder, or can become one; estimate checks this itself."""
    for name in ("reports", "out"):
        given = getattr(options, name, None)
        for path in (given, *given.parents) if isinstance(given, Path) else ():
            if path.exists() and not path.is_dir():
                raise ValueError(
                    f"What is written goes to a folder; {path} is a file. Give another folder: --{name} FOLDER."
                )


def _run(options):
    from grfkit.reports import run
    from grfkit.study import file as study_file

    study, stem, clock = study_file.load(options.study), options.notebook.stem, time.perf_counter()
    given = {"reports": options.reports, "data": options.data, "recipe": options.recipe}
    if options.others is not None:
        from grfkit.study import others

        given["others"] = others.find(options.others, own=options.study)
    if options.pooled:
        from grfkit.study import others

        given["pooled"] = others.together(options.pooled)
        given["data"] = given["pooled"][0].data
    try:
        path = run.run(options.notebook, study=study, **given)
    except run.NotebookFailed as error:
        if not options.pooled:
            run.write_index(study, options.reports)
        copy = (options.reports / f"{stem}.failed.ipynb").as_posix()
        index = "" if options.pooled else f"\nFinished reports: {(options.reports / 'index.html').as_posix()}"
        raise ValueError(f"{stem} failed in {error}\nThe notebook as far as it ran: {copy}{index}") from error
    print(f"{stem}  {time.perf_counter() - clock:.1f} s  -> {path.as_posix()}")


def _index(options):
    from grfkit.reports import run
    from grfkit.study import file as study_file

    clock = time.perf_counter()
    path = run.write_index(study_file.load(options.study), options.reports)
    print(f"index  {time.perf_counter() - clock:.1f} s  -> {path.as_posix()}")


def _check(options):
    import hashlib

    from grfkit.reports.check import check

    if options.study.is_file():  # if not, make says what is missing
        sha256 = hashlib.sha256(options.study.read_bytes()).hexdigest()
        for line in check(options.reports, study_sha256=sha256):
            print(line)


def _transfer(options):
    """Check the studies that `make transfer` names before it starts; have it run again if they are other ones."""
    from grfkit.reports.check import make_old_without
    from grfkit.study import others

    _check_remembered(options.data, "a transfer", "make transfer")
    found = others.find(options.others, own=options.study)
    make_old_without(options.reports, "14_transfer", [other.name for other in found])


def _pool(options):
    """Check the studies that `make field` names before it starts, if there are several."""
    from grfkit.study import others

    _check_remembered(options.data, "a model of several studies", "make field")
    others.together(options.pooled)


def _check_remembered(data, what, then):
    if data:
        raise ValueError(
            f"For {what}, make remembers where the recordings of each study are; DATA={data} was typed. Run "
            f"`make stances STUDY=name DATA=DIR` once for each study, then `{then}` without DATA."
        )


def _remember(options):
    from grfkit.reports import run

    run.remember(options.reports, options.data)


def _record(options):
    from grfkit.study import file as study_file
    from grfkit.virtual import laboratory

    clock = time.perf_counter()
    laboratory.record_study(study_file.load(options.study), options.out)
    print(f"recordings  {time.perf_counter() - clock:.1f} s  -> {options.out.as_posix()}")


def _fetch(options):
    from grfkit.recordings import fetch

    clock = time.perf_counter()
    total = fetch.fetch_study(options.study, options.out, server=options.server)
    study = options.study.stem if options.study.parent == Path("params") else options.study.as_posix()
    print(f"fetch  {time.perf_counter() - clock:.1f} s  {total} files -> {options.out.as_posix()}")
    print(f"Now: make reproduce STUDY={study}")


def _new_study(options):
    from grfkit.recordings.new_study import write

    if not options.data:
        raise ValueError(
            "A new study needs a folder of recordings; none was given. Give it: make new-study NAME=mine DATA=DIR."
        )
    print(write.scaffold(options.name, options.data, params=options.params))


def _estimate(options):
    from grfkit.reports.terminal import command

    command.run(options)


def _example(options):
    from grfkit.virtual import example

    print(example.in_words(example.write(options.folder, again=options.again)))


def _estimate_page(options):
    from grfkit.reports.upload import command

    command.show(options.model, browser=not options.no_browser)


def _score(options):
    from grfkit.reports.benchmark.score_page import judge

    print("\n".join(judge(options.predictions, options.study, unit=options.unit, template=options.template)))


def _ship(options):
    """Train the model that comes with the package, and compare its errors with those of the whole model."""
    from grfkit.evaluation.field import shipping
    from grfkit.field import model as field_model
    from grfkit.study import file as study_file

    clock, out = time.perf_counter(), options.out or field_model.SHIPPED
    data = options.data or study_file.load(options.study).data
    table = shipping.ship(options.study, data=data, results=options.reports / "results", folder=out)
    for row in table.itertuples():
        print(f"{row.Index:<2}  {row.rmse_bw:.4f} BW, the whole model {row.rmse_bw_whole:.4f}: {row.loss_bw:+.4f}")
    if field_model.load(out)[0].abroad is None:
        print("14_transfer has not run: the model's bands are those of this laboratory, and it knows no other one")
    size = sum(path.stat().st_size for path in out.iterdir()) / 1e6
    print(f"ship  {time.perf_counter() - clock:.1f} s  {size:.1f} MB -> {out.as_posix()}")


def _search_worker(options):
    from grfkit.estimators import shared_search
    from grfkit.study import file as study_file
    from grfkit.study import recipes

    url = os.environ.get("STORAGE")  # on a command line anyone on the machine would see its password
    study, recipe = study_file.load(options.study), recipes.load(options.recipe)
    shared_search.check(recipe, url)
    if not options.check:
        shared_search.join(study, recipe, reports=options.reports, url=url)


def _course(options):
    from grfkit.course import build, handout
    from grfkit.reports import run
    from grfkit.study.provenance import ROOT

    if bool(options.name) + options.index + options.zip != 1:
        raise ValueError(
            "This builds one session of the course, the index, or the students' archive; none or several were named. "
            "Give a session's name, --index or --zip."
        )
    clock = time.perf_counter()
    try:
        whole = handout.write_archive if options.zip else build.write_index
        path = build.build(options.name) if options.name else whole()
    except run.NotebookFailed as error:
        raise ValueError(str(error)) from error
    shown = path.relative_to(ROOT).as_posix()
    print(f"{options.name}  {time.perf_counter() - clock:.1f} s  -> {shown}" if options.name else shown)


def _bench(options):
    from grfkit.reports import run
    from grfkit.study import file as study_file

    os.environ.update(dict.fromkeys(THREADS, "1"))
    notebook, study = Path("notebooks") / "bench.ipynb", study_file.load(options.study)
    try:
        page = run.run(notebook, study=study, reports=options.reports, data=options.data)
    except run.NotebookFailed as error:
        raise ValueError(f"bench failed in {error}") from error
    index = page.replace(options.reports / "index.html")
    run.write_comparison(options.reports)
    print(index.as_posix())


NOTHING = "nothing was written"
OTHERS = {"--others": {"help": "other studies, separated by blanks: names in params/ or YAML files"}}
POOLED = {"--pooled": {"default": "", "help": "studies that train one model together, the home study first"}}
STUDY = {"--study": {"required": True, "type": Path, "help": "YAML file of the study"}}
REPORTS = {"--reports": {"required": True, "type": Path, "help": "folder of the study's reports"}}
RECORDINGS = {"--data": {"default": "", "help": "folder of the recordings; default: the one in the study file"}}
OUT = {"--out": {"required": True, "type": Path, "help": "folder to write to"}}
NOTEBOOK = {"type": Path, "help": "the notebook, such as notebooks/01_preprocess.ipynb"}
RECIPE = {"type": Path, "help": "YAML file of the recipe; default: the paper's"}
SERVER = {"dest": "server", "default": "", "help": "address of another server; default: the one in the study file"}
CHECK = {"action": "store_true", "help": "only check whether the search can be joined"}
NEW_STUDY = {
    "--name": {"required": True, "help": "name of the study: letters, digits, - and _"},
    "--data": {"required": True, "help": "folder of the recordings; nothing in it is changed"},
    "--params": {"default": "params", "type": Path, "help": "folder of the study files"},
}
ESTIMATE = {
    "data": {"nargs": "?", "default": "", "help": "a recording (C3D, TRC, CSV) or a folder; it is never changed"},
    "--mass": {"metavar": "KG", "help": "body mass of the runner in kg; without it forces are in body weights only"},
    "--model": {"metavar": "DIR", "help": "folder of a trained model; default: the model that comes with grfkit"},
    "--out": {"metavar": "DIR", "help": "folder to write to; default: reports/estimate/NAME"},
    "--speed": {"metavar": "M_S", "help": "running speed in m/s; default: measured from the points"},
    "--rate": {"metavar": "HZ", "help": "frames per second, for CSV files that have no times"},
    "--treadmill": {"metavar": "yes|no", "help": "whether it was a treadmill; default: found from the points"},
    "--format": {
        "metavar": "html,csv,mot,c3d",
        "help": "what to write: page, tables, OpenSim, C3D; default: html,csv",
    },
    "--study": {
        "metavar": "FILE",
        "help": "study file that says which markers make the 11 points, if names alone do not show it",
    },
}
EXAMPLE = {
    "folder": {"nargs": "?", "default": "example", "type": Path, "help": "a new or empty folder; default: example"},
    "--again": {"action": "store_true", "help": "simulate the run again instead of copying it; gives the same files"},
}
ESTIMATE_PAGE = {
    "--model": {"help": "folder of a trained model; default: the model that comes with grfkit"},
    "--no-browser": {"action": "store_true", "help": "only print the page's address"},
}
SCORE = {
    "predictions": {"nargs": "?", "help": "your estimates, .parquet or .csv: stance, frame, est_ap, est_ml, est_v"},
    "--study": STUDY["--study"] | {"required": False, "default": Path("params/rbds.yaml")},
    "--unit": {
        "default": "study",
        "help": "unit of your forces: weights of the listed mass (study) or of the weighed one",
    },
    "--template": {"type": Path, "help": "only write an empty table of estimates to this file, to be filled in"},
}
SESSION = {
    "name": {"nargs": "?", "help": "a session: the name of a folder in course/source"},
    "--index": {"action": "store_true", "help": "write the page that lists the sessions"},
    "--zip": {"action": "store_true", "help": "write the archive for students"},
}
COMMANDS = {  # subcommand: (function, help text, arguments, what an interruption leaves)
    "run": (
        _run,
        "run a notebook and write its report",
        {"notebook": NOTEBOOK, **STUDY, "--recipe": RECIPE, **REPORTS, **RECORDINGS, **OTHERS, **POOLED},
        "{notebook.stem} has no new report; make will run it again",
    ),
    "index": (_index, "write the index of a study's reports", STUDY | REPORTS, NOTHING),
    "check": (_check, "mark reports that are out of date, so that make runs them again", STUDY | REPORTS, NOTHING),
    "transfer": (
        _transfer,
        "check the studies of make transfer before it starts",
        STUDY | {"--others": OTHERS["--others"] | {"required": True}} | REPORTS | RECORDINGS,
        NOTHING,
    ),
    "pool": (_pool, "check the studies that train one model together", POOLED | RECORDINGS, NOTHING),
    "remember": (_remember, "note where the recordings of a study are", RECORDINGS | REPORTS, NOTHING),
    "record": (_record, "record the virtual runners of a study", STUDY | OUT, "the recordings are not complete"),
    "fetch": (
        _fetch,
        "download the public recordings of a study",
        STUDY | OUT | {"--from": SERVER},
        "the downloaded files stay; run it again for the rest",
    ),
    "new-study": (_new_study, "draft a study file and a table of trials for your recordings", NEW_STUDY, NOTHING),
    "estimate": (_estimate, "estimate the forces of a recording, or of a folder, without plates", ESTIMATE, NOTHING),
    "estimate-page": (
        _estimate_page,
        "open a page on this machine on which you drop a recording",
        ESTIMATE_PAGE,
        "the page is closed",
    ),
    "example": (_example, "write a small recording to try, with its true forces", EXAMPLE, "it is not complete"),
    "score": (_score, "score your own estimates of a study's stances, each runner left out", SCORE, NOTHING),
    "ship": (
        _ship,
        "train the model that comes with the package",
        STUDY | REPORTS | RECORDINGS | {"--out": OUT["--out"] | {"required": False}},
        NOTHING,
    ),
    "search-worker": (
        _search_worker,
        "join the search of notebook 02 in the database whose URL is in the environment's STORAGE",
        STUDY | {"--recipe": RECIPE | {"required": True}} | REPORTS | {"--check": CHECK},
        "another worker will try this trial again",
    ),
    "course": (_course, "build the lab course's books", SESSION, "make will build the session again"),
    "bench": (_bench, "time each step on this machine", STUDY | REPORTS | RECORDINGS, NOTHING),
}


if __name__ == "__main__":
    sys.exit(main())

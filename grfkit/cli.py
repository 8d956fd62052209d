"""The command `grfkit`: subcommands that make calls and that work by hand.

In: files and folders. Out: files and one line.

Each subcommand imports what it needs itself, so that a typing error and `grfkit --help` are answered at once. Whatever
a user did wrong ends in one message on standard error and exit status 1; Ctrl-C in one line and 130.
"""

import argparse
import os
import sys
import time
from pathlib import Path

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # a bench has one thread, as a worker has


def main(arguments=None):
    """Run one subcommand; return the exit status."""
    options = _parser().parse_args(arguments)
    # jsonschema would build a parser of international URLs, which is not used here: 2 s at each start
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
    parser = argparse.ArgumentParser(prog="grfkit", description="Ground reaction forces of running; make calls these.")
    commands = parser.add_subparsers(title="subcommands", required=True, metavar="SUBCOMMAND")
    for name, (command, about, arguments, interrupted) in COMMANDS.items():
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(command=command, interrupted=interrupted)
        for argument, settings in arguments.items():
            one.add_argument(argument, **settings)
    return parser


def _not_installed(error, options):
    """Say which extra of the package a subcommand needs."""
    extra = "course" if options.command is _course else "study"
    return (
        "What goes beyond an estimate needs packages that `pip install` of grfkit alone leaves out; "
        f"{error.name.split('.')[0]} is not there. In the folder of the project install them: "
        f'python -m pip install ".[{extra}]".'
    )


def _check_folders(options):
    """Check that what a subcommand writes to is a folder, or can become one; estimate has a check of its own."""
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
        index = "" if options.pooled else f"\nWhat is there: {(options.reports / 'index.html').as_posix()}"
        raise ValueError(f"{stem} failed in {error}\nThe executed copy: {copy}{index}") from error
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
    """Check what `make transfer` names before it makes anything, and have it run anew where it names other studies."""
    from grfkit.reports.check import make_old_without
    from grfkit.study import others

    _check_remembered(options.data, "a transfer", "make transfer")
    found = others.find(options.others, own=options.study)
    make_old_without(options.reports, "14_transfer", [other.name for other in found])


def _pool(options):
    """Check what `make field` names before it makes anything, where that is several studies."""
    from grfkit.study import others

    _check_remembered(options.data, "a model of several studies", "make field")
    others.together(options.pooled)


def _check_remembered(data, what, then):
    if data:
        raise ValueError(
            f"Each study of {what} reads the recordings that it remembers; DATA={data} was typed. Run "
            f"`make stances STUDY=name DATA=DIR` once for each study, then {then} without DATA."
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
    """Train the model that comes with the package, and say what it loses."""
    from grfkit.evaluation.field import shipping
    from grfkit.field import model as field_model
    from grfkit.study import file as study_file

    clock, out = time.perf_counter(), options.out or field_model.SHIPPED
    data = options.data or study_file.load(options.study).data
    table = shipping.ship(options.study, data=data, results=options.reports / "results", folder=out)
    for row in table.itertuples():
        print(f"{row.Index:<2}  {row.rmse_bw:.4f} BW, the whole model {row.rmse_bw_whole:.4f}: {row.loss_bw:+.4f}")
    if field_model.load(out)[0].abroad is None:
        print("14_transfer has not run: of other laboratories nothing is said, and bands are those of this one")
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
            "The course is built a session at a time, or its index, or the students' archive: give a session's name, "
            "--index or --zip."
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
OTHERS = {"--others": {"help": "other studies, parted by blanks: names in params/ or YAML files"}}
POOLED = {"--pooled": {"default": "", "help": "studies that train one model together, the home study first"}}
STUDY = {"--study": {"required": True, "type": Path, "help": "YAML file of the study"}}
REPORTS = {"--reports": {"required": True, "type": Path, "help": "folder of the study's reports"}}
RECORDINGS = {"--data": {"default": "", "help": "folder of the raw recordings; default: what the study file says"}}
OUT = {"--out": {"required": True, "type": Path, "help": "folder to write to"}}
RECIPE = {"type": Path, "help": "YAML file of the recipe; default: the paper's"}
SERVER = {"dest": "server", "default": "", "help": "address of another server; default: what the study file says"}
CHECK = {"action": "store_true", "help": "look whether the search can be joined, and end"}
NEW_STUDY = {
    "--name": {"required": True, "help": "name of the study: letters, digits, - and _"},
    "--data": {"required": True, "help": "folder of the recordings; it is only read"},
    "--params": {"default": "params", "type": Path, "help": "folder of the study files"},
}
ESTIMATE = {
    "data": {"nargs": "?", "default": "", "help": "a recording (C3D, TRC, CSV), or a folder of them; it is only read"},
    "--mass": {"metavar": "KG", "help": "body mass of the runner; default: forces in body weights"},
    "--model": {"metavar": "DIR", "help": "folder of another trained model than the one that comes with grfkit"},
    "--out": {"metavar": "DIR", "help": "folder to write to; default: reports/estimate/NAME"},
    "--speed": {"metavar": "M_S", "help": "speed; default: measured"},
    "--rate": {"metavar": "HZ", "help": "frames a second, of CSV files without times"},
    "--treadmill": {"metavar": "yes|no", "help": "on a treadmill or not; default: found"},
    "--format": {
        "metavar": "html,csv,mot,c3d",
        "help": "what is written: page, tables, OpenSim, C3D; default: html,csv",
    },
    "--study": {
        "metavar": "FILE",
        "help": "study file that says where the points are, where recordings do not show it",
    },
}
EXAMPLE = {
    "folder": {"nargs": "?", "default": "example", "type": Path, "help": "a new or empty folder; default: example"},
    "--again": {"action": "store_true", "help": "record the run again in place of copying it: the same files"},
}
ESTIMATE_PAGE = {"--model": {"help": "folder of a model; default: grfkit's"}, "--no-browser": {"action": "store_true"}}
SCORE = {
    "predictions": {"nargs": "?", "help": "a .parquet or .csv file: stance, frame, est_ap, est_ml, est_v"},
    "--study": STUDY["--study"] | {"required": False, "default": Path("params/rbds.yaml")},
    "--unit": {"default": "study", "help": "of force: weights of the mass the study lists (study), or weighed"},
    "--template": {"type": Path, "help": "write the rows that are to be filled to this file, and end"},
}
SESSION = {
    "name": {"nargs": "?", "help": "a session: a folder of course/source"},
    "--index": {"action": "store_true", "help": "write the page that lists the sessions"},
    "--zip": {"action": "store_true", "help": "write the archive for students"},
}
COMMANDS = {  # subcommand: what it calls, what it does, its arguments, what an interruption leaves
    "run": (
        _run,
        "run a notebook and write its report",
        {"notebook": {"type": Path}, **STUDY, "--recipe": RECIPE, **REPORTS, **RECORDINGS, **OTHERS, **POOLED},
        "{notebook.stem} has no new report; make runs it again",
    ),
    "index": (_index, "write the index of a study's reports", STUDY | REPORTS, NOTHING),
    "check": (_check, "have make run what fits its study, recordings and results no more", STUDY | REPORTS, NOTHING),
    "transfer": (
        _transfer,
        "check the studies between which a model shall travel",
        STUDY | {"--others": OTHERS["--others"] | {"required": True}} | REPORTS | RECORDINGS,
        NOTHING,
    ),
    "pool": (_pool, "check the studies that shall train one model together", POOLED | RECORDINGS, NOTHING),
    "remember": (_remember, "note where the recordings of a study lie", RECORDINGS | REPORTS, NOTHING),
    "record": (_record, "record the virtual runners of a study", STUDY | OUT, "the recordings are not complete"),
    "fetch": (
        _fetch,
        "download the public recordings of a study",
        STUDY | OUT | {"--from": SERVER},
        "what has arrived stays; run it again for the rest",
    ),
    "new-study": (_new_study, "propose a study file and a table of trials for recordings", NEW_STUDY, NOTHING),
    "estimate": (_estimate, "estimate forces of a recording without plates, or of a folder", ESTIMATE, NOTHING),
    "estimate-page": (_estimate_page, "show a page to drop a recording on, here alone", ESTIMATE_PAGE, "it is closed"),
    "example": (_example, "write a small recording to try, with the true forces", EXAMPLE, "it is not complete"),
    "score": (_score, "judge estimates of a study's stances, each runner left out", SCORE, NOTHING),
    "ship": (
        _ship,
        "train the model that comes with the package",
        STUDY | REPORTS | RECORDINGS | {"--out": OUT["--out"] | {"required": False}},
        NOTHING,
    ),
    "search-worker": (
        _search_worker,
        "join the search of notebook 02; the environment's STORAGE is the database's URL",
        STUDY | {"--recipe": RECIPE | {"required": True}} | REPORTS | {"--check": CHECK},
        "the other workers, or the next one, try this trial again",
    ),
    "course": (_course, "build the lab course's books", SESSION, "make builds the session again"),
    "bench": (_bench, "measure what each step costs on this machine", STUDY | REPORTS | RECORDINGS, NOTHING),
}


if __name__ == "__main__":
    sys.exit(main())

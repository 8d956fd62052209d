"""What the course's notebooks share: a small virtual cohort, made once at first use, and checks that say what is wrong.

The cohort is the study params/course.yaml. Its recordings, stances and estimates go to reports/course/, as any study's do.
"""

import contextlib
import hashlib
import io
import subprocess
import sys
from functools import cache

from filelock import FileLock

from grfkit import metrics
from grfkit.evaluation import left_out_runners
from grfkit.recordings import trials as trials_table
from grfkit.stances import cohort, split
from grfkit.study import file as study_file
from grfkit.study import recipes, store
from grfkit.study.provenance import ROOT, hash_code
from grfkit.study.schema import StudyError

STUDY, RECIPES = ROOT / "params" / "course.yaml", ROOT / "params" / "recipes"
REPORTS = ROOT / "reports" / "course"
ESTIMATORS = ["mean_curve", "ridge", "physics"]  # recipes that need seconds for all runners left out in turn
STANCES, PREDICTIONS = "01_preprocess/stances.csv", "course/predictions.parquet"


def recordings_folder():
    """Give the folder of the course's C3D files and their table trials.csv."""
    return _made() / "recordings"


def results():
    """Give the folder of the course's results: 01_preprocess/stances.parquet, stances.csv and excluded.csv, as in any study."""
    return _made() / "results"


def stances():
    """Give the course's stances, (frames, stances) as in stances.parquet and stances.csv."""
    folder = results()
    return store.read(folder, "01_preprocess/stances.parquet"), store.read(folder, STANCES)


def predictions():
    """Give the estimates of every stance by a few recipes, each runner left out in turn: as in predictions.parquet, stance alone."""
    return store.read(results(), PREDICTIONS)


def check(condition, hint):
    """Pass where `condition` holds; else raise AssertionError with a hint that tells what is wrong and not what is right."""
    if not condition:
        raise AssertionError(hint)


def call(function, *arguments, **options):
    """Call a student's function; raise AssertionError that reads well where it is not written yet, or fails."""
    name = getattr(function, "__name__", "Your function")
    if not callable(function):
        raise AssertionError(
            f"A function is asked for; found {type(function).__name__}. Give its name, without brackets."
        )
    try:
        answer = function(*arguments, **options)
    except NotImplementedError:
        raise AssertionError(f"{name} is not written yet: replace the line `raise NotImplementedError()`.") from None
    except Exception as error:
        raise AssertionError(f"{name} stopped with {type(error).__name__}: {error}") from error
    if answer is None:
        raise AssertionError(
            f"{name} gives nothing back (None): each way through it must end with `return ...` and a value."
        )
    return answer


@cache
def _made():
    """Record, cut and estimate where this has not been done with the same program and study; returns the folder of all of it.

    Raises study.StudyError outside a copy of the project, or where its data cannot be written.
    """
    if not STUDY.is_file():
        raise StudyError(
            f"The course runs in a copy of the project; {STUDY} does not exist. Clone grfkit and install it "
            "with `make environment`."
        )
    mark, wanted = REPORTS / "course.txt", _fingerprint()

    def ready():
        return mark.is_file() and mark.read_text(encoding="utf-8") == wanted

    if ready():
        return REPORTS
    try:
        REPORTS.mkdir(parents=True, exist_ok=True)
        with FileLock(REPORTS / "course.lock"):  # notebooks that start together make it once
            if not ready():
                print("The virtual runners are recorded, once: this takes half a minute.")
                mark.unlink(missing_ok=True)  # what a stopped run leaves is no program's
                with contextlib.redirect_stderr(io.StringIO()):  # progress bars
                    _make(study_file.load(STUDY))
                mark.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise StudyError(
            f"The virtual runners are recorded once, into {REPORTS}, which cannot be written: {error}. Whoever installed "
            'grfkit runs this once: python -c "from grfkit import course; course.results()"'
        ) from error
    return REPORTS


def _make(settings):
    """Record the cohort, cut it into stances and estimate them, each runner left out."""
    record(REPORTS / "recordings")
    section, folder = study_file.preprocessing(STUDY), REPORTS / "results"
    trials = trials_table.read_trials(REPORTS / "recordings", table=section.table)
    table, excluded, _ = cohort.collect(trials, REPORTS / "recordings", folder, section, engine="here")
    table["split"] = split.draw(table, section, seed=settings.seed)
    store.save(folder, "01_preprocess/excluded.csv", excluded)
    store.save(folder, STANCES, table)
    frames, table = store.read(folder, "01_preprocess/stances.parquet"), store.read(folder, STANCES)
    asked = recipes.load_all(RECIPES, ESTIMATORS)
    estimated, _ = left_out_runners.leave_out(
        frames, table, asked, folder=folder / "course", seed=settings.seed, network={}, ensemble=[]
    )
    store.save(folder, PREDICTIONS, estimated[metrics.in_stance(estimated, table)])


def record(folder):
    """Record the course's virtual runners as C3D files, with their table of trials, by the laboratory's own command."""
    done = subprocess.run(
        [sys.executable, "-m", "grfkit", "record", "--study", STUDY, "--out", folder],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise RuntimeError(f"The virtual runners could not be recorded: {done.stderr.strip()[-500:]}")


def _fingerprint():
    """Name the study, the recipes and the program that the course's data come from."""
    total = hashlib.sha256(STUDY.read_text(encoding="utf-8").encode())
    for name in ESTIMATORS:
        total.update((RECIPES / f"{name}.yaml").read_text(encoding="utf-8").encode())
    total.update(hash_code().encode())
    return f"{total.hexdigest()[:12]}\n"

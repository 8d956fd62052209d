"""The course's data: recordings, stances and estimates of a small virtual cohort, made once at first use.

In: the study params/course.yaml. Out: reports/course/, with recordings/ and results/ as any study has them.
"""

import contextlib
import hashlib
import io
from functools import cache

from filelock import FileLock

from grfkit import metrics
from grfkit.evaluation import left_out_runners
from grfkit.recordings import trials
from grfkit.stances import cohort, split
from grfkit.study import file as study_file
from grfkit.study import recipes, store
from grfkit.study.provenance import ROOT, hash_code
from grfkit.study.schema import StudyError
from grfkit.virtual import laboratory

STUDY, RECIPES = ROOT / "params" / "course.yaml", ROOT / "params" / "recipes"
REPORTS = ROOT / "reports" / "course"
ESTIMATORS = ["mean_curve", "ridge", "physics"]  # recipes that need seconds for all runners left out in turn
STANCES, PREDICTIONS = "01_preprocess/stances.csv", "course/predictions.parquet"


def recordings_folder():
    """Give the folder of the course's C3D files and their table trials.csv."""
    return _made() / "recordings"


def results():
    """Give the folder of the course's results, which holds 01_preprocess/ as any study's does."""
    return _made() / "results"


def stances():
    """Give the course's stances, (frames, stances) as in stances.parquet and stances.csv."""
    folder = results()
    return store.read(folder, "01_preprocess/stances.parquet"), store.read(folder, STANCES)


def predictions():
    """Give the estimates of every stance by a few recipes, each runner left out in turn, as in predictions.parquet.

    Rows before touchdown and after toe-off are left out.
    """
    return store.read(results(), PREDICTIONS)


@cache
def _made():
    """Record, cut and estimate, unless the same program has done it for the same study; returns the data's folder.

    Raises StudyError outside a copy of the project, or where the data cannot be written.
    """
    if not STUDY.is_file():
        raise StudyError(
            f"The course runs in a copy of the project; {STUDY} does not exist. Clone grfkit and install it with "
            "`make environment`. Students unzip the archive that they were given."
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
                print("The virtual runners are recorded now. This happens once and takes half a minute to two minutes.")
                mark.unlink(missing_ok=True)  # a run that is stopped leaves half of its data
                with contextlib.redirect_stderr(io.StringIO()):  # progress bars
                    _make(study_file.load(STUDY))
                mark.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise StudyError(
            f"The virtual runners are recorded once, into {REPORTS}, which cannot be written: {error}. "
            "Ask the person who installed grfkit to run this once: "
            'python -c "from grfkit.course import data; data.results()"'
        ) from error
    return REPORTS


def _make(study):
    """Record the cohort, cut it into stances and estimate them, each runner left out."""
    section, recordings, folder = study_file.preprocessing(STUDY), REPORTS / "recordings", REPORTS / "results"
    laboratory.record_study(study, recordings)
    recorded = trials.read_trials(recordings, table=section.table)
    table, excluded, _ = cohort.collect(recorded, recordings, folder, section, engine="here")
    table["split"] = split.draw(table, section, seed=study.seed)
    store.save(folder, "01_preprocess/excluded.csv", excluded)
    store.save(folder, STANCES, table)
    frames, table = store.read(folder, "01_preprocess/stances.parquet"), store.read(folder, STANCES)
    estimators = recipes.load_all(RECIPES, ESTIMATORS)
    estimated, *_ = left_out_runners.leave_out(
        frames, table, estimators, folder=folder / "course", seed=study.seed, network={}, ensemble=[]
    )
    store.save(folder, PREDICTIONS, estimated[metrics.in_stance(estimated, table)])


def _fingerprint():
    """Hash the study, the recipes and the program that make the course's data."""
    total = hashlib.sha256(STUDY.read_text(encoding="utf-8").encode())
    for name in ESTIMATORS:
        total.update((RECIPES / f"{name}.yaml").read_text(encoding="utf-8").encode())
    total.update(hash_code().encode())
    return f"{total.hexdigest()[:12]}\n"

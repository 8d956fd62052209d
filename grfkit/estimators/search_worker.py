"""Join the search of notebook 02 as one more worker, from any machine; as many as there are.

    STORAGE=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE
    python -m grfkit.estimators.search_worker --study params/virtual.yaml --recipe params/recipes/paper.yaml --reports reports/virtual

The database's URL comes from the environment: on the command line anyone on the machine would see its password. The heavy imports stand
inside functions: a typing error must be answered at once.
"""

import argparse
import os
import sys
from pathlib import Path

from grfkit.study import file as study_file
from grfkit.study import recipes


def join(study, recipe, *, reports, url):
    """Run trials of the search that notebook 02 of a study.Study would make with a recipes.Recipe, until all are finished.

    `reports` is the folder in whose `results` notebook 01 has saved the stances, `url` the database's.
    """
    from grfkit.estimators import registry, search

    results, section = Path(reports) / "results", dict(study.sections["02_search"])
    ranges = {name: section.pop(name) for name in search.HYPER_PARAMETERS}
    registry.search(
        registry.read_training(results, recipe),
        recipe,
        folder=results / "02_search",
        seed=study.seed,
        storage=url,
        ranges=ranges,
        **section,
    )


def check(recipe, url):
    """Refuse a recipe that searches nothing and a database that cannot be used, before anything takes time."""
    from grfkit.estimators import database

    if recipe.estimator != "lstm":
        raise ValueError(
            f"A worker joins the search of an LSTM's hyper-parameters; the recipe {recipe.name} ({recipe.estimator}) has none to "
            f"share, and its 02_search takes a minute at the most: make reproduce RECIPE={recipe.name}."
        )
    if not url:
        raise ValueError(
            "A worker joins a search in a database; STORAGE names none. Set it in the environment, where others on the "
            f"machine do not see its password, or give it to make: {database.FORM}."
        )
    database.connect(url)


def main(arguments=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m grfkit.estimators.search_worker", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--study", required=True, type=Path, help="YAML file of the study")
    parser.add_argument("--recipe", required=True, type=Path, help="YAML file of the recipe")
    parser.add_argument(
        "--reports", required=True, type=Path, help="folder of the study's reports, with the results of 01"
    )
    parser.add_argument("--check", action="store_true", help="look whether the search can be joined, and end")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a Windows console may lack the characters of a progress bar
        stream.reconfigure(errors="replace")
    url = os.environ.get("STORAGE")
    try:
        study, recipe = study_file.load(options.study), recipes.load(options.recipe)
        check(recipe, url)
        if not options.check:
            join(study, recipe, reports=options.reports, url=url)
    except KeyboardInterrupt:
        print("\ninterrupted: the other workers, or the next one, try this trial again", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:  # StudyError is a ValueError
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

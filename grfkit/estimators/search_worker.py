"""Join the search of notebook 02 as one more worker, from any machine; as many as there are.

    STORAGE=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE
    grfkit search-worker --study params/virtual.yaml --recipe params/recipes/paper.yaml --reports reports/virtual

The database's URL comes from the environment: on the command line anyone on the machine would see its password. The heavy imports stand
inside functions: a typing error must be answered at once.
"""

from pathlib import Path


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

"""Decides which runners are tested.

In: stances, and the study's Preprocessing. Out: `split` of each stance. A runner is never in both the training set and
the test set (paper section 1.4.3).
"""

import numpy as np

from grfkit.points import InputError


def draw(stances, settings, *, seed):
    """Give `split` (S,) of each stance: train, test or unused (paper section 1.4.3); other_speed stays.

    A study's Preprocessing names the test runners, or how many are drawn. For each, `test_shoes` shoes and `test_laps`
    laps are drawn at random for the test; None takes all. A lap counts only if every trial in it kept its left and its
    right stance. A test runner's other stances are unused, never trained on. Raises InputError for a runner without
    stances, and if nobody would be tested or nobody trained on.
    """
    rng = np.random.default_rng(seed)
    split = stances["split"].copy()
    stances = stances[split != "other_speed"]
    runners = sorted(stances["runner"].unique())
    test_runners = settings.test_runners
    _check_some_on_both_sides(runners, settings)
    if test_runners is None:
        test_runners = sorted(rng.choice(runners, settings.n_test_runners, replace=False))
    trials = stances.groupby(["runner", "shoe", "lap"])["trial"].nunique().max()
    split[stances.index] = "train"
    for runner in test_runners:
        own = stances[stances["runner"] == runner]
        split[own.index] = "unused"
        split[_whole_laps(own, rng, settings, trials)] = "test"
    return split


def draw_or_say(stances, settings, *, seed):
    """Give `split` (S,) as draw does; if it cannot, all stances at the study's speed are unused, and a line says why.

    So notebook 01 still gives its page, and no runner who should be tested is trained on.
    """
    try:
        return draw(stances, settings, seed=seed)
    except InputError as error:
        print(f"No runner is tested and none is trained on. {error}")
        return stances["split"].where(stances["split"] == "other_speed", "unused")


def _check_some_on_both_sides(runners, settings):
    """Check that the settings name runners who are there, and leave some to train on."""
    named, count = settings.test_runners, settings.n_test_runners
    absent = sorted(set(named or ()) - set(runners))
    if absent:
        raise InputError(
            f"Test runners must have stances; {', '.join(absent)} have none. Runners: {', '.join(runners)}.",
            "Correct `test_runners` in the study file, or see excluded.csv for why their stances were left out.",
        )
    count = count if named is None else len(set(named))
    if not 0 < count < len(runners):
        of = f"`n_test_runners` is {count}" if named is None else f"`test_runners` names {count}"
        advice = (
            f"Test at least 1 and at most {len(runners) - 1}."
            if len(runners) > 1
            else "Add recordings of another runner."
        )
        raise InputError(f"A study tests some runners and trains on the others; {of} of {len(runners)}.", advice)


def _whole_laps(own, rng, settings, trials):
    """Choose shoes and laps of one runner; a whole lap has both stances of `trials` trials. Returns their index."""
    test_shoes, test_laps = settings.test_shoes, settings.test_laps
    sides = own.groupby(["shoe", "lap", "trial"])["side"].nunique()
    both = (sides == 2).groupby(["shoe", "lap"]).sum()
    whole = both[both == trials] if test_laps else both
    by_shoe = {shoe: [lap for other, lap in whole.index if other == shoe] for shoe in own["shoe"].unique()}
    enough = sorted(shoe for shoe, laps in by_shoe.items() if len(laps) >= (test_laps or 1))
    if len(enough) < (test_shoes or 1):
        raise InputError(
            f"A test runner needs {test_shoes or 1} shoe(s) with {test_laps or 1} whole lap(s); runner "
            f"{own['runner'].iloc[0]} has {len(enough)} such shoe(s).",
            "Lower `test_laps` or `test_shoes`, or name other test runners.",
        )
    chosen = []
    for shoe in rng.choice(enough, test_shoes or len(enough), replace=False):
        laps = rng.choice(by_shoe[shoe], test_laps or len(by_shoe[shoe]), replace=False)
        chosen.append(own.index[(own["shoe"] == shoe) & own["lap"].isin(laps)])
    return np.concatenate(chosen)

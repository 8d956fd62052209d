"""The division of runners, on tables made by hand."""

import re

import pandas as pd
import pytest
from helpers import preprocessing

from grfkit.points import InputError
from grfkit.stances import split


def cohort(runners=12, shoes="AB", laps=4, trials=2):
    rows = [
        (f"v{r:02d}", shoe, str(lap), str(trial), side)
        for r in range(runners)
        for shoe in shoes
        for lap in range(laps)
        for trial in range(trials)
        for side in "lr"
    ]
    return pd.DataFrame(rows, columns=["runner", "shoe", "lap", "trial", "side"]).assign(split="")


def draw(table, *, seed, **changes):
    drawn = {"test_runners": None, "n_test_runners": 4, "test_shoes": 1, "test_laps": 3}
    return split.draw(table, preprocessing(**drawn | changes), seed=seed)


def test_draw_never_has_a_runner_on_both_sides():
    table = cohort()
    for seed in range(20):
        drawn = draw(table, seed=seed)
        sides = {kind: set(table["runner"][drawn == kind]) for kind in ("train", "test", "unused")}
        assert not sides["train"] & (sides["test"] | sides["unused"]) and len(sides["test"]) == 4
        test = table[drawn == "test"]
        assert (test.groupby("runner").size() == 1 * 3 * 2 * 2).all()  # shoes, laps, trials, sides
        assert (test.groupby("runner")["shoe"].nunique() == 1).all() and (
            test.groupby("runner")["lap"].nunique() == 3
        ).all()


def test_draw_leaves_other_speeds_alone():
    """They are marked before; neither who is tested nor what is trained on depends on them."""
    table = cohort()
    others = table.assign(split="other_speed", lap="9")
    both = draw(pd.concat([table, others], ignore_index=True), seed=1)
    assert (both[len(table) :] == "other_speed").all()
    pd.testing.assert_series_equal(both[: len(table)], draw(table, seed=1))


def test_draw_wants_both_stances_of_every_trial_of_a_lap():
    table = cohort()
    with pytest.raises(ValueError, match=r"needs 1 shoe\(s\) with 3 whole lap\(s\)"):
        draw(table.drop(table[(table["trial"] == "0") & (table["side"] == "l")].index), seed=1)


def test_draw_takes_whole_laps_only():
    table = cohort()
    broken = table[(table["lap"] == "1") & (table["side"] == "l") & (table["trial"] == "0")].index
    table = table.drop(broken)
    for seed in range(5):
        drawn = draw(table, seed=seed)
        assert "1" not in set(table["lap"][drawn == "test"])


def test_draw_follows_the_seed_and_the_named_runners():
    table = cohort()
    assert draw(table, seed=1).equals(draw(table, seed=1))
    named = draw(table, seed=1, test_runners=["v03"], test_shoes=None, test_laps=None)
    assert set(table["runner"][named == "test"]) == {"v03"} and not (named == "unused").any()
    with pytest.raises(ValueError, match="v99 have none"):
        draw(table, seed=1, test_runners=["v99"])
    with pytest.raises(ValueError, match="A study tests some runners and trains on the others"):
        draw(table, seed=1, n_test_runners=12)


@pytest.mark.parametrize(
    ("runners", "changes", "says"),
    [
        (1, {"n_test_runners": 1}, r"`n_test_runners` is 1 of 1. Add recordings of another runner"),
        (3, {"n_test_runners": 0}, r"`n_test_runners` is 0 of 3. Test at least 1 and at most 2"),
        (3, {"n_test_runners": 3}, r"`n_test_runners` is 3 of 3"),
        (3, {"test_runners": []}, r"`test_runners` names 0 of 3"),
        (2, {"test_runners": ["v00", "v01"]}, r"`test_runners` names 2 of 2"),
        (3, {"test_runners": ["v00", "v99"]}, r"v99 have none"),
        (3, {"test_laps": 9, "n_test_runners": 1}, r"with 9 whole lap\(s\)"),
    ],
)
def test_without_test_runners_nobody_is_trained_on_and_a_line_says_why(capsys, runners, changes, says):
    table = cohort(runners)
    with pytest.raises(InputError, match=says):
        draw(table, seed=1, **changes)
    table = pd.concat([table, table.assign(split="other_speed", lap="9")], ignore_index=True)
    settings = preprocessing(**{"test_runners": None, "n_test_runners": 4, "test_shoes": 1, "test_laps": 3} | changes)
    drawn = split.draw_or_say(table, settings, seed=1)
    said = capsys.readouterr().out
    assert re.search(says, said) and said.startswith("No runner is tested and none is trained on. ")
    assert (drawn == table["split"].replace("", "unused")).all()


def test_draw_or_say_draws_where_it_can(capsys):
    table = cohort()
    settings = preprocessing(test_runners=None, n_test_runners=4, test_shoes=1, test_laps=3)
    pd.testing.assert_series_equal(split.draw_or_say(table, settings, seed=3), split.draw(table, settings, seed=3))
    assert capsys.readouterr().out == ""

"""What every writer shares: what is refused, what is left as it was, the ground, and what is known."""

from dataclasses import replace

import numpy as np
import pytest
from exported import CONTACTS, MASS_KG, recording, tables

from grfkit.points import InputError
from grfkit.reports.exports import c3d, forces, mot

WRITERS = {".mot": mot.write, ".c3d": c3d.write}


@pytest.fixture(params=WRITERS)
def suffix(request):
    return request.param


@pytest.mark.parametrize(
    ("mass_kg", "steps", "without", "said"),
    [
        (None, CONTACTS, (), "Forces in newtons need the body mass.*mass_kg"),
        (np.nan, CONTACTS, (), "Forces in newtons need the body mass"),  # as a table of recordings holds none
        (MASS_KG, [], (), "run.c3d has none"),
        (MASS_KG, CONTACTS, ("cop_ap", "cop_ml"), "this model does not estimate it"),
    ],
)
def test_write_refuses_what_makes_no_forces_and_writes_nothing(tmp_path, suffix, mass_kg, steps, without, said):
    found, _ = recording()
    table, curves = tables(CONTACTS)
    with pytest.raises(InputError, match=said):
        WRITERS[suffix](tmp_path / f"out{suffix}", found, table[: len(steps)], curves.drop(columns=[*without]), mass_kg)
    assert not any(tmp_path.iterdir())


def test_write_never_replaces_the_recording_and_asks_for_the_right_name(tmp_path, suffix):
    found, _ = recording(file=tmp_path / f"run{suffix}")
    found.file.write_text("the recording")
    (tmp_path / f"folder{suffix}").mkdir()
    for name, said in {
        f"run{suffix}": "never replaces a recording",
        "run.txt": f"file ends with {suffix}; found run.txt",
        f"run{suffix.upper()}": f"file ends with {suffix}; found run{suffix.upper()}",
        f"folder{suffix}": "is a folder",
    }.items():
        with pytest.raises(InputError, match=said):
            WRITERS[suffix](tmp_path / name, found, *tables(CONTACTS), MASS_KG)
    assert found.file.read_text() == "the recording" and len([*tmp_path.iterdir()]) == 2


def test_write_leaves_an_older_file_whole_where_it_fails(tmp_path, suffix, monkeypatch):
    found, _ = recording()
    path = tmp_path / f"run{suffix}"
    WRITERS[suffix](path, found, *tables(CONTACTS), MASS_KG)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr("grfkit.study.store.os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        WRITERS[suffix](path, found, *tables(CONTACTS), 2 * MASS_KG)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before
    monkeypatch.undo()
    WRITERS[suffix](path, found, *tables(CONTACTS), 2 * MASS_KG)  # another of that name is replaced
    assert path.read_bytes() != before[path.name] and {each.name for each in tmp_path.iterdir()} == {*before}


def test_a_name_may_hold_any_letters(tmp_path, suffix):
    found, _ = recording()
    written = WRITERS[suffix](tmp_path / f"Läufer & 走 <1>{suffix}", found, *tables(CONTACTS), MASS_KG)
    assert all(path.is_file() for path in written)


def test_find_spans_are_those_between_contacts_that_are_missing():
    steps, _ = tables([("l", 0.2), ("r", 0.55), ("l", 0.9), ("l", 2.0), ("r", 2.35)])
    steps.loc[2, "step_s"] = np.nan
    assert forces.find_spans(steps.sample(frac=1, random_state=1)) == [
        pytest.approx((0.2, 1.14)),
        pytest.approx((2.0, 2.59)),
    ]


def test_points_that_are_missing_for_a_while_are_bridged():
    found, _ = recording()
    whole = forces.lay_out(found, *tables(CONTACTS), MASS_KG)
    points = found.points.copy()
    points[30:33] = np.nan  # amid a contact
    gappy = forces.lay_out(replace(found, points=points), *tables(CONTACTS), MASS_KG)
    for side in "lr":
        np.testing.assert_allclose(gappy.cop[side], whole.cop[side], atol=0.01)
        np.testing.assert_array_equal(gappy.force[side], whole.force[side])


def test_points_without_known_axes_are_taken_as_forward_left_and_up():
    found, _ = recording("z up")
    same = forces.lay_out(replace(found, rotation=None), *tables(CONTACTS), MASS_KG)
    np.testing.assert_array_equal(same.cop["l"], forces.lay_out(found, *tables(CONTACTS), MASS_KG).cop["l"])

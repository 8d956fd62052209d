"""Results are written whole or not at all, and read back as they were."""

import os

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from grfkit.study import store

TABLE = pd.DataFrame({"runner": ["002", "NA"], "value": [0.1, 1 / 3]})


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_save_and_read_give_the_same_table(tmp_path, name):
    store.save(tmp_path, name, TABLE)
    pd.testing.assert_frame_equal(store.read(tmp_path, name), TABLE)


@pytest.mark.parametrize("name", ["s.yaml", "s.json"])
def test_save_and_read_give_the_same_settings(tmp_path, name):
    settings = {"units": 64, "learning_rate": 0.001}
    store.save(tmp_path, f"02/{name}", settings)
    assert store.read(tmp_path, f"02/{name}") == settings


def test_save_keeps_arrays_whatever_their_order_in_memory(tmp_path):
    """A transposed array, or a selection along its last axis, does not lie in memory row by row."""
    array = np.arange(24.0).reshape(2, 3, 4)
    arrays = {
        "whole": array,
        "transposed": array.T,
        "some": array[..., np.array([True, False, True, True])],
        "scalar": np.array(2.5),
    }
    store.save(tmp_path, "a.safetensors", arrays)
    for name, again in load_file(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(again, arrays[name])


def test_save_keeps_the_old_file_when_it_fails(tmp_path):
    store.save(tmp_path, "s.json", {"a": 1})
    with pytest.raises(TypeError):
        store.save(tmp_path, "s.json", {"a": object()})
    assert store.read(tmp_path, "s.json") == {"a": 1} and [path.name for path in tmp_path.iterdir()] == ["s.json"]


def test_growing_adds_row_groups_and_keeps_the_old_file_when_it_fails(tmp_path):
    with store.growing(tmp_path, "02/t.parquet") as append:
        append(TABLE)
        append(TABLE[:1])
    assert len(store.read(tmp_path, "02/t.parquet")) == 3
    with pytest.raises(KeyboardInterrupt), store.growing(tmp_path, "02/t.parquet") as append:
        append(TABLE)
        raise KeyboardInterrupt
    assert len(store.read(tmp_path, "02/t.parquet")) == 3 and len(list((tmp_path / "02").iterdir())) == 1


def test_read_says_which_notebook_to_run(tmp_path):
    with pytest.raises(ValueError, match="Run 03_train first"):
        store.read(tmp_path, "03_train/predictions.parquet")


@pytest.fixture
def reports(tmp_path):
    """Save results of notebooks, each a second after the one before: save("by_hand/x", "03_train") or ("x", ...)."""
    clock = [1_000_000_000]

    def save(where, *notebooks):
        results = tmp_path / where / "results"
        for notebook in notebooks:
            clock[0] += 1
            store.save(results, f"{notebook}/t.yaml", {"from": f"{where}, {clock[0]}"})
            os.utime(results / notebook / "t.yaml", (clock[0], clock[0]))
        return results

    return save


def read_all(results, *notebooks):
    """Say of each notebook whose result is read, or that it was made of another one's."""
    found = []
    for notebook in notebooks:
        try:
            found.append(store.read(results, f"{notebook}/t.yaml")["from"].split(",")[0])
        except ValueError as error:
            found.append(str(error).split("was made of another ")[1].split(" ")[0])
    return found


def test_read_by_hand_takes_what_is_published_where_a_notebook_was_not_run_by_hand(reports, capsys):
    reports("x", *store.NOTEBOOKS)
    mine = reports("by_hand/x", "05_table2")
    assert read_all(mine, "03_train", "05_table2") == ["x", "by_hand/x"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and said[0].startswith("05_table2/t.yaml is read as it was saved by hand on")
    assert read_all(mine.parents[2] / "x" / "results", *store.NOTEBOOKS) == ["x"] * 7 and not capsys.readouterr().out


@pytest.mark.parametrize(
    ("by_hand", "reads", "found"),
    [
        (["01_preprocess"], ["01_preprocess", "02_search"], ["by_hand/x", "01_preprocess"]),
        (["01_preprocess", "03_train"], ["03_train", "04_table1"], ["by_hand/x", "01_preprocess"]),
        (["03_train", "02_search"], ["03_train"], ["02_search"]),
        (["05_table2", "03_train"], ["05_table2", "03_train"], ["03_train", "by_hand/x"]),
        (["03_train", "05_table2"], ["05_table2", "03_train"], ["by_hand/x", "by_hand/x"]),
        (["10_field"], ["01_preprocess", "10_field", "08_generalisation"], ["x", "by_hand/x", "x"]),
        (["01_preprocess"], ["08_generalisation", "10_field"], ["01_preprocess", "01_preprocess"]),
    ],
)
def test_read_by_hand_refuses_what_was_made_of_other_results(reports, by_hand, reads, found):
    """In the order of `by_hand`, after all that is published."""
    reports("x", *store.NOTEBOOKS, "08_generalisation", "10_field")
    assert read_all(reports("by_hand/x", *by_hand), *reads) == found


def test_read_by_hand_refuses_what_is_older_than_the_published_that_it_was_made_of(reports):
    reports("x", *store.NOTEBOOKS)
    mine = reports("by_hand/x", "05_table2")
    reports("x", "03_train")
    assert read_all(mine, "05_table2", "03_train") == ["03_train", "x"]


def test_read_by_hand_takes_no_leftovers_of_an_interrupted_run(reports):
    reports("x", "02_search")
    mine = reports("by_hand/x", "01_preprocess")
    (mine / "02_search").mkdir()
    with pytest.raises(ValueError, match=r"Run 02_search first, or `make reproduce`, or delete .*by_hand/x/results"):
        store.read(mine, "02_search/t.yaml")


def test_changed_by_hand_is_a_result_that_is_newer_than_its_report(reports):
    folder = reports("x", "05_table2", "06_table3").parent
    assert not store.changed_by_hand(folder, "05_table2")  # there is no report
    (folder / "05_table2.html").touch()
    os.utime(folder / "05_table2.html", (2_000_000_000, 2_000_000_000))
    assert not store.changed_by_hand(folder, "05_table2")
    os.utime(folder / "results/05_table2/t.yaml", (2_000_000_001, 2_000_000_001))
    assert store.changed_by_hand(folder, "05_table2") and not store.changed_by_hand(folder, "06_table3")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mode")
def test_weights_may_be_read_by_whoever_may_read_a_table(tmp_path):
    store.save(tmp_path, "03_train/model.safetensors", {"weights": np.zeros(3)})
    store.save(tmp_path, "03_train/model.json", {})
    assert (tmp_path / "03_train/model.safetensors").stat().st_mode == (tmp_path / "03_train/model.json").stat().st_mode

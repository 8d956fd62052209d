"""Results are written whole or not at all, and read back as they were."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from grfkit.study import by_hand, store
from grfkit.study.record import NOTEBOOKS

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
            found.append(str(error).split("was made from another ")[1].split(" ")[0])
    return found


def test_read_by_hand_takes_what_is_published_where_a_notebook_was_not_run_by_hand(reports, capsys):
    reports("x", *NOTEBOOKS)
    mine = reports("by_hand/x", "05_table2")
    assert "Saved by hand in" in capsys.readouterr().out
    assert read_all(mine, "03_train", "05_table2") == ["x", "by_hand/x"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and said[0].startswith("05_table2/t.yaml is the one saved by hand on")
    assert read_all(mine.parents[2] / "x" / "results", *NOTEBOOKS) == ["x"] * 7 and not capsys.readouterr().out


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
    reports("x", *NOTEBOOKS, "08_generalisation", "10_field")
    assert read_all(reports("by_hand/x", *by_hand), *reads) == found


def test_read_by_hand_refuses_what_is_older_than_the_published_that_it_was_made_of(reports):
    reports("x", *NOTEBOOKS)
    mine = reports("by_hand/x", "05_table2")
    reports("x", "03_train")
    assert read_all(mine, "05_table2", "03_train") == ["03_train", "x"]


def test_read_by_hand_does_not_care_about_times_of_files(reports):
    reports("x", *NOTEBOOKS)
    mine = reports("by_hand/x", "03_train", "05_table2")
    for time, path in enumerate(sorted(mine.parents[2].rglob("*.*"), reverse=True)):
        os.utime(path, (2_000_000_000 + time, 2_000_000_000 + time))
    assert read_all(mine, "03_train", "05_table2") == ["by_hand/x"] * 2


@pytest.fixture
def run_by_hand(monkeypatch):
    """Run a notebook by hand that saves some files: run_by_hand(results, notebook, parameters, *files)."""

    def run(results, notebook, parameters, *files):
        monkeypatch.setattr(by_hand, "running", lambda: {"seed": 1, "unknown": 2} | parameters)
        for file in files:
            store.save(results, f"{notebook}/{file}", TABLE)

    return run


def test_results_by_hand_say_with_which_parameters_they_were_made(tmp_path, run_by_hand, capsys):
    mine, published = tmp_path / "by_hand/x/results", {"seed": 1, "vlr": "touchdown_to_13"}
    run_by_hand(mine, "05_table2", {"vlr": "20_to_80"}, "table2.csv", "vlr.csv")
    assert capsys.readouterr().out.splitlines() == [
        f"Saved by hand in {(mine / '05_table2').as_posix()}, with seed = 1, vlr = '20_to_80'"
    ]
    assert by_hand.read_note(mine / "05_table2")["parameters"] == {"seed": 1, "vlr": "20_to_80"}
    (tmp_path / "x").mkdir()
    (tmp_path / "x/05_table2.json").write_text(json.dumps({"parameters": published}), encoding="utf-8")
    store.read(mine, "05_table2/vlr.csv")
    assert "with vlr = '20_to_80' (published: 'touchdown_to_13')" in capsys.readouterr().out
    run_by_hand(mine, "05_table2", published, "table2.csv", "vlr.csv")
    said = capsys.readouterr().out
    assert said.count("Saved by hand") == 1 and "with the published parameters" in said
    run_by_hand(mine, "05_table2", published, "table2.csv")
    assert "Saved by hand" in capsys.readouterr().out  # another run says it again


def test_two_tables_of_different_parameters_side_by_side_are_refused(tmp_path, run_by_hand):
    mine = tmp_path / "by_hand/x/results"
    run_by_hand(mine, "05_table2", {"vlr": "20_to_80"}, "table2.csv", "features.csv")
    run_by_hand(mine, "05_table2", {"vlr": "touchdown_to_13"}, "table2.csv")  # and no further
    assert len(store.read(mine, "05_table2/table2.csv")) == 2
    with pytest.raises(ValueError, match=r"05_table2/features.csv was saved with other parameters.*Run 05_table2 by"):
        store.read(mine, "05_table2/features.csv")
    (mine / "05_table2" / "parameters.json").unlink()
    with pytest.raises(ValueError, match="table2.csv was saved without a parameters.json"):
        store.read(mine, "05_table2/table2.csv")


def test_lines_on_results_by_hand_name_what_was_made_of_others(tmp_path, run_by_hand):
    mine = tmp_path / "by_hand/x/results"
    run_by_hand(mine, "05_table2", {"vlr": "20_to_80"}, "features.csv")
    run_by_hand(mine, "06_table3", {}, "table3.csv")
    assert by_hand.lines(tmp_path / "x") == ["05_table2, with seed = 1, vlr = '20_to_80'", "06_table3, with seed = 1"]
    run_by_hand(mine, "05_table2", {"vlr": "first_25_ms"}, "features.csv", "table2.csv")
    assert (
        by_hand.lines(tmp_path / "x")[1] == "06_table3, with seed = 1; made from another 05_table2 than the current one"
    )


def test_read_by_hand_takes_no_leftovers_of_an_interrupted_run(reports):
    reports("x", "02_search")
    mine = reports("by_hand/x", "01_preprocess")
    (mine / "02_search").mkdir()
    with pytest.raises(ValueError, match=r"Run 02_search first, or `make reproduce`, or delete .*by_hand/x/results"):
        store.read(mine, "02_search/t.yaml")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mode")
def test_weights_may_be_read_by_whoever_may_read_a_table(tmp_path):
    store.save(tmp_path, "03_train/model.safetensors", {"weights": np.zeros(3)})
    store.save(tmp_path, "03_train/model.json", {})
    assert (tmp_path / "03_train/model.safetensors").stat().st_mode == (tmp_path / "03_train/model.json").stat().st_mode


def test_of_two_new_folders_at_once_the_last_one_stays_whole(tmp_path, monkeypatch):
    target, rename, theirs = tmp_path / "report", Path.rename, []

    def just_before(self, to):
        if self.name == "new" and not theirs:
            theirs.append(to)
            to.mkdir()
            (to / "theirs.csv").touch()
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", just_before)
    with store.new_folder(target) as new:
        (new / "ours.csv").touch()
    assert theirs == [target] and [path.name for path in tmp_path.rglob("*")] == ["report", "ours.csv"]


def test_a_new_folder_takes_away_what_a_killed_run_left_long_ago(tmp_path):
    target = tmp_path / "a report [1]"
    kept = [tmp_path / f"~{target.name}-{name}" for name in ("0fresh_0", "0before0", "of mine")]
    gone = tmp_path / f"~{target.name}-0killed0"
    for left in (*kept, gone):
        (left / "new").mkdir(parents=True)
    (kept[1] / "old").mkdir()  # killed between two renames: what was there before
    for left in (*kept[1:], gone):
        os.utime(left, (0, 0))
    with store.new_folder(target):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([*kept, target])

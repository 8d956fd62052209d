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


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mode")
def test_weights_may_be_read_by_whoever_may_read_a_table(tmp_path):
    store.save(tmp_path, "03_train/model.safetensors", {"weights": np.zeros(3)})
    store.save(tmp_path, "03_train/model.json", {})
    assert (tmp_path / "03_train/model.safetensors").stat().st_mode == (tmp_path / "03_train/model.json").stat().st_mode

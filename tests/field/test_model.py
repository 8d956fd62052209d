"""A model for the field as a folder: it comes back to the bit, names nobody, and other folders are refused."""

import copy

import numpy as np
import pandas as pd
import pytest
from helpers import virtual_run

from grfkit import features
from grfkit.estimators import kernel_ridge, model_folder
from grfkit.field import events, motion
from grfkit.field import model as field_model
from grfkit.field.bands import Bands
from grfkit.field.contacts import contact_inputs, with_durations
from grfkit.points import InputError

CARD = {
    "title": "x",
    "purpose": "x",
    "data": "x",
    "licence": "x",
    "citation": "x",
    "recipe": "x",
    "scores": [],
    "scored_on": "x",
    "limits": ["x"],
}
SCALES = {"positions_m": 0.5, "velocities_m_s": 1.8, "accelerations_m_s2": 60.0, "noise": 1e-3}
PARTS = {"field", "wide", "touchdown", "toeoff", "curves", "bands"}
RUNNERS = ["Ada", "Björn"]


@pytest.fixture(scope="module")
def seen():
    """What a model looks at: the motions of two virtual runners, and their contacts."""
    runs = [virtual_run(number) for number in range(2)]
    motions = {
        f"{number}.c3d": motion.from_points(points, 200, cutoff_hz=40.0, max_gap_s=0.04)
        for number, (points, _) in enumerate(runs)
    }
    rows = [
        (f"{number}.c3d", RUNNERS[number], *contact)
        for number, (_, contacts) in enumerate(runs)
        for contact in contacts
    ]
    table = pd.DataFrame(rows, columns=["file", "runner", "side", *events.EVENTS])
    return motions, with_durations(table.assign(mid_s=motion.find_footsteps(motions)["mid_s"]))


def inputs(seen):
    return contact_inputs(*seen, np.full(len(seen[1]), 0.1), padding_s=0.03)


@pytest.fixture(scope="module")
def model(seen):
    """A model of which each number is another one, drawn at random."""
    rng, (motions, table) = np.random.default_rng(3), seen
    curves = kernel_ridge.KernelRidge.fit_groups(
        inputs(seen),
        rng.normal(size=(len(table), 101, 5)),
        table["runner"].to_numpy(),
        SCALES | {"times_s": 0.1, "edges": 0.3},
        shape="gaussian",
    )
    bands = Bands(rng.uniform(0.1, 0.3, (101, 3)), rng.normal(size=3), 0.85)
    one = {name: Bands(rng.uniform(0.1, 0.3, (1, 1)), rng.normal(size=1), 0.85) for name in features.FEATURES}
    known = {
        "ranges": {name: rng.uniform(size=2).tolist() for name in ("speed_m_s", "leg_m")},
        "swing_m": rng.uniform(),
        "nearest": rng.uniform(),
    }
    settings = {
        "points_cutoff_hz": None,
        "max_gap_s": 0.04,
        "padding_s": 0.03,
        "vlr": "touchdown_to_13",
        "level": 0.85,
        "flight_s": 1 / 3,
    }
    return field_model.FieldModel(
        events.fit(motions, table, SCALES, seed=2), curves, settings, bands, one, {"contact_s": rng.uniform()}, known
    )


def save(folder, parts):
    arrays, description = model_folder.join(parts)
    model_folder.save(folder, description=description, arrays=arrays, card=CARD)
    return folder


def loaded(folder, parts):
    return model_folder.load(save(folder / "model", parts))


def test_load_gives_a_model_that_detects_and_estimates_to_the_bit_the_same(tmp_path, seen, model):
    again, card = field_model.load(save(tmp_path / "model", field_model.parts(model)))
    np.testing.assert_array_equal(events.detect(again.detector, *seen), events.detect(model.detector, *seen))
    np.testing.assert_array_equal(again.curves.estimate(inputs(seen)), model.curves.estimate(inputs(seen)))
    kernels = [each.curves.kernel(inputs(seen)) for each in (again, model)]
    np.testing.assert_array_equal(again.curves.nearest(kernels[0]), model.curves.nearest(kernels[1]))
    assert card == again.card == CARD | {"use": ""}


def test_load_without_a_folder_gives_the_model_of_the_package(tmp_path, monkeypatch, model):
    monkeypatch.setattr(field_model, "SHIPPED", save(tmp_path / "model", field_model.parts(model)))
    assert field_model.load()[0].asymmetry_pct == model.asymmetry_pct
    monkeypatch.setattr(field_model, "SHIPPED", tmp_path / "absent")
    with pytest.raises(InputError, match=r"comes with a model in .*absent; none is there. Install grfkit again, or"):
        field_model.load()


def test_load_gives_bands_limits_and_settings_to_the_bit(tmp_path, model):
    """Through JSON and safetensors; a third, which no short decimal is, and a setting that is none."""
    again, _ = field_model.load(save(tmp_path / "model", field_model.parts(model)))
    contact_s = np.array([0.17, 0.31])
    assert (again.settings, again.training_range) == (model.settings, model.training_range)
    assert again.asymmetry_pct == model.asymmetry_pct
    assert list(again.features) == list(model.features)
    for one, two in [
        (again.bands, model.bands),
        *((again.features[name], model.features[name]) for name in model.features),
    ]:
        np.testing.assert_array_equal(one.around(contact_s), two.around(contact_s))
        assert one.level == two.level == 0.85


def test_a_model_saved_again_is_the_same_folder(tmp_path, model):
    first = save(tmp_path / "first", field_model.parts(model))
    second = save(tmp_path / "second", field_model.parts(field_model.load(first)[0]))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_a_folder_names_no_runner(tmp_path, model):
    """It may be given away: who trained it stays at home."""
    folder = save(tmp_path / "model", field_model.parts(model))
    for path in folder.iterdir():
        assert not [name for name in RUNNERS if name.encode() in path.read_bytes()], path.name


def test_a_loaded_model_leaves_nobody_out_in_silence(tmp_path, seen, model):
    """Who trained it is no longer known, so that asking to leave one out is an error and no estimate by all."""
    again, _ = field_model.load(save(tmp_path / "model", field_model.parts(model)))
    assert np.abs(model.curves.estimate(inputs(seen), "Ada") - model.curves.estimate(inputs(seen))).max() > 1e-3
    with pytest.raises(ValueError, match="does not know who trained it"):
        again.curves.estimate(inputs(seen), "Ada")


@pytest.mark.parametrize("missing", sorted(PARTS - {"field"}))
def test_load_refuses_a_folder_without_one_of_its_parts(tmp_path, model, missing):
    parts = field_model.parts(model)
    assert set(parts) == PARTS
    del parts[missing]
    with pytest.raises(ValueError, match=f"found no '{missing}'"):
        field_model.load(save(tmp_path / "model", parts))


def test_load_says_which_other_model_a_folder_holds(tmp_path):
    for number, description in enumerate(({"stream": {}}, {"parts": {"forces": {}}}, {"parts": None})):
        folder = tmp_path / str(number)
        model_folder.save(
            folder,
            description=description,
            arrays={"weights": np.zeros(2)},
            card=CARD | {"title": "Forces while a foot is down"},
        )
        with pytest.raises(
            ValueError,
            match="10_field saved; found another kind: Forces while a foot is down" if number < 2 else "does not fit",
        ):
            field_model.load(folder)


@pytest.mark.parametrize("name", sorted(PARTS - {"field"}))
def test_load_refuses_a_part_without_one_of_its_arrays(tmp_path, model, name):
    parts = field_model.parts(model)
    for key in parts[name][0]:
        fewer = {other: array for other, array in parts[name][0].items() if other != key}
        with pytest.raises(ValueError, match=r"make field.*does not fit.*Copy the folder from its source again"):
            field_model.restore(loaded(tmp_path, parts | {name: (fewer, parts[name][1])}))


@pytest.mark.parametrize("features", [{"active_peak_bw": 0.2}, {"active_peak_bw": [0.2]}, [1], None])
def test_load_refuses_features_that_are_no_bands(tmp_path, model, features):
    parts = field_model.parts(model)
    with pytest.raises(ValueError, match=r"make field.*does not fit.*Copy the folder from its source again"):
        field_model.restore(loaded(tmp_path, parts | {"field": ({}, parts["field"][1] | {"features": features})}))


@pytest.mark.parametrize("key", ["settings", "known", "asymmetry_pct", "features"])
def test_load_refuses_a_description_without_one_of_its_keys(tmp_path, model, key):
    parts = field_model.parts(model)
    said = {name: value for name, value in parts["field"][1].items() if name != key}
    with pytest.raises(ValueError, match=f"does not fit: KeyError: '{key}'"):
        field_model.restore(loaded(tmp_path, parts | {"field": ({}, said)}))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("wide", lambda arrays, said: {"dual": arrays["dual"][:, :1]}),
        ("touchdown", lambda arrays, said: {"positions/stance": arrays["positions/stance"][:, 1:]}),
        ("curves", lambda arrays, said: {"velocities/padding": arrays["velocities/padding"][:, :0]}),
        ("bands", lambda arrays, said: {"half_widths": arrays["half_widths"][:50]}),
        ("curves", lambda arrays, said: said.update(shape="cubic") or {}),
        ("toeoff", lambda arrays, said: said["candidate"].update(positions_m="wide") or {}),
        ("toeoff", lambda arrays, said: said["candidate"].update(positions_m=0) or {}),
        ("field", lambda arrays, said: said["settings"].update(level=1) or {}),
        ("field", lambda arrays, said: said["settings"].update(padding_s="long") or {}),
        ("field", lambda arrays, said: said["settings"].update(vlr="another") or {}),
        ("field", lambda arrays, said: said["settings"].update(trained_on=[]) or {}),
        ("field", lambda arrays, said: said["known"].pop("nearest") and {}),
        ("field", lambda arrays, said: said["asymmetry_pct"].update(contact_s="some") or {}),
    ],
)
def test_load_refuses_a_part_that_fits_no_estimate(tmp_path, model, part, change):
    parts = copy.deepcopy(field_model.parts(model))
    arrays, said = parts[part]
    parts[part] = arrays | change(arrays, said), said
    with pytest.raises(ValueError, match=r"make field.*does not fit.*Copy the folder from its source again"):
        field_model.restore(loaded(tmp_path, parts))

"""A model folder: what is saved loads, nothing else does, nothing is executed; graphs give what the estimators give."""

import json
import pickle
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import ROOT
from safetensors.numpy import save_file

from grfkit.estimators import kernel_ridge, model_folder, onnx_export, samples
from grfkit.estimators.kernel_matrix import INTERCEPT
from grfkit.estimators.kernel_ridge import KernelRidge
from grfkit.study import recipes

RECIPES = recipes.load_all(ROOT / "params" / "recipes", ["ridge", "physics"])
CARD = {
    "title": "Vertical force",
    "purpose": "To try.",
    "data": "Twelve half sines.",
    "licence": "CC BY 4.0",
    "citation": "Nobody 2025",
    "recipe": "physics",
    "scores": [{"direction": "V", "rmse_bw": 0.0534}],
    "scored_on": "Each runner left out.",
    "limits": ["Runs alone.", "Level ground."],
}
ARRAYS = {
    "part/weights": np.arange(6.0).reshape(2, 3),
    "part/small": np.float32([1, 2]),
    "part/counts": np.array([3, 4]),
    "part/scalar": np.array(2.5),
}
DESCRIPTION = {"parts": {"part": {"name": "näive", "numbers": [0.1, 1e-300, None, True]}}}


@pytest.fixture
def folder(tmp_path):
    model_folder.save(
        tmp_path / "model", description=DESCRIPTION, arrays=ARRAYS, card=CARD, graphs={"sums": tiny_graph()}
    )
    return tmp_path / "model"


def tiny_graph():
    shape = ["S", 3]
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape, doc_string=unit)
        for name, unit in (("points", "m"), ("forces", "BW"))
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["points"], ["forces"])], "tiny", values[:1], values[1:]
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def edit(folder, **changes):
    """Change keys of model.json and put its checksums right, as somebody who means harm would."""
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    content["files"] = content["files"] | {"model.safetensors": model_folder.checksum(folder / "model.safetensors")}
    path.write_text(json.dumps(content | {"checksum": model_folder.seal(content)}), encoding="utf-8")


def trained(tidy, name):
    """Fit a recipe to two runners; returns (fitted, recipe, Samples of the third)."""
    stances, frames = tidy(12, runners=3)
    frames = frames.astype(dict.fromkeys(frames.columns[2:], float))
    recipe = RECIPES[name]
    training, tested = (
        samples.prepare(frames, stances[(stances["runner"] == "v02") == held], recipe) for held in (False, True)
    )
    best = {
        "candidates": kernel_ridge.draw_candidates(
            recipe.kernel.model_copy(update={"candidates": 4}), recipe.inputs, seed=0
        ),
        "chosen": {"AP": [0, 3], "ML": [3, 2], "V": [1, 0]},
    }
    return KernelRidge.fit(training, recipe, best), recipe, tested


def test_load_gives_what_was_saved(folder):
    loaded = model_folder.load(folder)
    assert loaded.description == DESCRIPTION and loaded.card == CARD | {"use": ""}
    assert loaded.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].dtype == array.dtype and loaded.arrays[name].shape == array.shape
    assert loaded.graphs == {"sums": folder / "sums.onnx"} and onnx.load(loaded.graphs["sums"]) == tiny_graph()
    held, described = model_folder.part(loaded, "part")
    assert described == DESCRIPTION["parts"]["part"] and set(held) == {"weights", "small", "counts", "scalar"}
    assert model_folder.join({"part": (held, described)})[1] == DESCRIPTION
    with pytest.raises(ValueError, match="found no 'forces'"):
        model_folder.part(loaded, "forces")


def test_card_says_all_a_user_needs(folder):
    text = (folder / "card.md").read_text(encoding="utf-8")
    for word in (
        *[CARD[key] for key in ("purpose", "data", "licence", "citation", "scored_on")],
        *CARD["limits"],
        "| V | 0.0534 |",
        "sums.onnx",
        "| input | `points` | (S, 3) | m |",
        "| output | `forces` | (S, 3) | BW |",
        "model_folder.load(",
        "onnxruntime.InferenceSession(",
        f"numpy {np.__version__}",
    ):
        assert word in text


def test_code_of_the_card_runs(folder, monkeypatch):
    """Both indented examples, as they stand but for the folder's name."""
    text = (folder / "card.md").read_text(encoding="utf-8")
    code = "\n".join(line.strip() for line in text.splitlines() if line.startswith("    ")).replace(
        "path/of/this/folder", "."
    )
    monkeypatch.chdir(folder)
    given = {"points": np.ones((2, 3), np.float32)}
    exec(code, given)
    np.testing.assert_array_equal(given["forces"], -np.ones((2, 3)))
    assert given["model"].description == DESCRIPTION


@pytest.mark.parametrize(
    "change, said",
    [
        ({"limits": []}, "limits"),
        ({"colour": "red"}, "colour"),
        ({"licence": None}, "licence"),
        ({"scores": [{"a": 1}, {"b": 1}]}, "same columns"),
    ],
)
def test_save_refuses_a_card_that_is_not_whole(tmp_path, change, said):
    with pytest.raises(ValueError, match=f"A model card says.*{said}"):
        model_folder.save(tmp_path / "model", description={}, arrays={}, card=CARD | change)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "what, said",
    [
        ({"description": {"limits": (1, 2)}}, "lists for tuples"),
        ({"description": {"noise": float("nan")}}, "JSON"),
        ({"description": {"code": print}}, "JSON"),
        ({"description": {1: "key"}}, "text for keys"),
        ({"arrays": {"weights": np.array([1, np.nan])}}, "finite"),
        ({"arrays": {"weights": np.array(["text"])}}, "'weights' is <U4"),
        ({"arrays": {"weights": np.array([{}])}}, "is object"),
        ({"graphs": {"../outside": tiny_graph()}}, "letters"),
    ],
)
def test_save_refuses_what_would_not_load_and_leaves_the_old_model(folder, what, said):
    with pytest.raises(ValueError, match=said):
        model_folder.save(folder, **{"description": DESCRIPTION, "arrays": ARRAYS, "card": CARD} | what)
    assert model_folder.load(folder).description == DESCRIPTION
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_save_replaces_a_model_and_no_other_folder(folder, tmp_path):
    model_folder.save(folder, description={"second": 1}, arrays={}, card=CARD)
    assert model_folder.load(folder).description == {"second": 1} and not (folder / "sums.onnx").exists()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=r"also holds notes\.txt"):
        model_folder.save(folder, description={}, arrays={}, card=CARD)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("years", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for name in ("thesis", "file"):
        with pytest.raises(ValueError, match="something else"):
            model_folder.save(tmp_path / name, description={}, arrays={}, card=CARD)
    assert (
        (folder / "notes.txt").exists()
        and (tmp_path / "thesis" / "thesis.txt").exists()
        and (tmp_path / "file").is_file()
    )


def test_save_that_cannot_rename_puts_the_old_model_back(folder, monkeypatch):
    rename = Path.rename

    def fails(self, target):
        if self.name == "new":
            raise PermissionError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(PermissionError):
        model_folder.save(folder, description={"second": 1}, arrays={}, card=CARD)
    assert model_folder.load(folder).description == DESCRIPTION and len(list(folder.parent.iterdir())) == 1


def test_load_does_without_a_graph_and_lets_the_card_be_written_into(folder):
    (folder / "sums.onnx").unlink()
    with (folder / "card.md").open("a", encoding="utf-8") as card:
        card.write("Ours, since May.\n")
    assert model_folder.load(folder).graphs == {}


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "sums.onnx"])
@pytest.mark.parametrize("keep", [0, 1, 0.5, -1])
def test_load_refuses_a_truncated_file(folder, name, keep):
    path = folder / name
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size) if keep == 0.5 else keep])
    with pytest.raises(ValueError, match="source again"):
        model_folder.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "sums.onnx"])
def test_load_refuses_a_flipped_bit(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        model_folder.load(folder)


def test_load_refuses_a_description_that_was_changed_but_not_one_that_was_laid_out_anew(folder):
    path = folder / "model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict(reversed(content.items()))), encoding="utf-8")
    assert model_folder.load(folder).description == DESCRIPTION
    path.write_text(json.dumps(content | {"description": DESCRIPTION | {"more": 1}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"model\.json is not \(its SHA-256 differs\)"):
        model_folder.load(folder)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_load_refuses_a_missing_file_and_a_folder_that_is_none(folder, tmp_path, name):
    (folder / name).unlink()
    for where in (folder, tmp_path / "nowhere", tmp_path):
        with pytest.raises(ValueError, match="is not there"):
            model_folder.load(where)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "sums.onnx"])
def test_load_refuses_a_link_out_of_the_folder(folder, tmp_path, name):
    try:
        shutil.move(folder / name, tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
    except OSError:
        pytest.skip("this account may not make symbolic links")
    with pytest.raises(ValueError, match="link to elsewhere"):
        model_folder.load(folder)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"format": "other"}, "not a model of grfkit"),
        ({"version": 2, "new_key": 1}, "Install a newer grfkit"),
        ({"unknown": 1}, "unknown: extra inputs"),
        ({"version": "1"}, "version"),
        ({"description": []}, "description"),
        ({"card": {}}, "card.title"),
        ({"files": {"../outside.onnx": "0" * 64}}, "string should match pattern"),
        ({"files": {"/etc/passwd": "0" * 64}}, "string should match pattern"),
        ({"arrays": {}}, "the description says None"),
        ({"arrays": {"part/weights": {"dtype": "F64", "shape": [3, 2]}}}, "where the description says"),
        ({"arrays": {"part/weights": {"dtype": "F64", "shape": [-1, 2]}}}, "arrays.part/weights.shape"),
    ],
)
def test_load_refuses_a_description_of_something_else(folder, changes, said):
    edit(folder, **changes)
    with pytest.raises(ValueError, match=said):
        model_folder.load(folder)


HOSTILE = {
    "nested lists": "[" * 100_000,
    "nested objects": '{"a":' * 100_000,
    "a list": "[]",
    "null": "null",
    "NaN": '{"format": NaN}',
    "infinity": '{"a": 1e999}',
    "a long number": "9" * 10_000,
    "a byte order mark": "\ufeff{}",
    "huge": " " * 10_000_001,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_load_refuses_hostile_json(folder, kind):
    (folder / "model.json").write_text(HOSTILE[kind], encoding="utf-8")
    with pytest.raises(ValueError, match=r"model\.json of a model"):
        model_folder.load(folder)


def _safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


LIES = {
    "beyond the end": _safetensors(
        {"part/weights": {"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 48]}}, b"\0" * 40
    ),
    "offsets and shape disagree": _safetensors(
        {"part/weights": {"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 8]}}, b"\0" * 8
    ),
    "overlap": _safetensors({name: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for name in "ab"}, b"\0" * 8),
    "a gap": _safetensors({"a": {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]}}, b"\0" * 16),
    "a product that overflows": _safetensors({"a": {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 0]}}),
    "a header longer than the file": struct.pack("<Q", 2**62) + b"{}",
    "no JSON": struct.pack("<Q", 4) + b"()()",
    "empty": b"",
}


@pytest.mark.parametrize("lie", LIES)
def test_load_refuses_a_header_that_lies(folder, lie):
    (folder / "model.safetensors").write_bytes(LIES[lie])
    edit(folder)
    with pytest.raises(ValueError, match="is none, or is damaged"):
        model_folder.load(folder)


def test_load_never_unpickles(folder, tmp_path):
    trace = tmp_path / "executed"
    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(trace)))
    edit(folder)
    with pytest.raises(ValueError, match="is none, or is damaged"):
        model_folder.load(folder)
    assert not trace.exists()
    pickle.loads((folder / "model.safetensors").read_bytes())
    assert trace.exists()  # so the trap would have gone off


def test_load_refuses_numbers_that_are_not_finite(folder):
    save_file(ARRAYS | {"part/weights": np.full((2, 3), np.inf)}, folder / "model.safetensors")
    edit(folder)
    with pytest.raises(ValueError, match="'part/weights' holds 6 values"):
        model_folder.load(folder)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_load_of_any_damage_refuses_or_gives_arrays_of_the_same_shapes(folder, name):
    """Bytes changed, doubled and cut at random, checksums put right wherever the description can still be read."""
    rng, path, refused = np.random.default_rng(0), folder / name, 0
    whole, description = path.read_bytes(), (folder / "model.json").read_bytes()
    header = min(len(whole), 500)  # of the arrays: behind it are numbers, of which any are allowed
    for _ in range(150):
        at = int(rng.integers(header))
        path.write_bytes(
            [whole[:at] + rng.bytes(1) + whole[at + 1 :], whole[:at] + whole[at // 2 :], whole[:at] + whole[at + 1 :]][
                rng.integers(3)
            ]
        )
        if name != "model.json":
            (folder / "model.json").write_bytes(description)
            edit(folder)
        try:
            loaded = model_folder.load(folder)
        except ValueError:
            refused += 1
        else:
            assert {key: array.shape for key, array in loaded.arrays.items()} == {
                key: array.shape for key, array in ARRAYS.items()
            }
    assert refused > 75


@pytest.mark.parametrize("name", ["physics", "ridge"])
def test_kernel_graph_gives_the_forces_of_the_estimator(tidy, name):
    fitted, recipe, tested = trained(tidy, name)
    inputs = samples.curve_inputs(tested, recipe.inputs)
    expected = fitted.estimate(inputs)
    graph = onnx_export.kernel_ridge(fitted)
    assert "pelvis, l_hip" in graph.doc_string and graph.graph.input[0].doc_string.startswith("m, at 51")
    assert onnx_export.verify(graph, onnx_export.curve_feed(inputs), expected) < 1e-4
    one = {key: array[:1] for key, array in onnx_export.curve_feed(inputs).items()}
    onnx_export.verify(graph, one, expected[:1])
    with pytest.raises(ValueError, match="differs by 0.0"):
        onnx_export.verify(graph, one, expected[:1] + 0.01)
    with pytest.raises(ValueError, match="differs by nan"):
        onnx_export.verify(graph, one, expected[:1] * np.nan)
    with pytest.raises(ValueError, match="the same stances"):
        onnx_export.verify(graph, one, expected)


def test_kernel_graph_keeps_its_digits_with_large_weights_of_both_signs():
    """Weights as 4,600 real stances have them (rms 15 BW), five components: against the sum in double, written out."""
    rng = np.random.default_rng(0)
    trained_on, nodes = 2000, 5
    shapes = {"positions": ((8, 11, 3), (2, 11, 3)), "times": ((2,), (0,))}
    inputs = {
        kind: tuple(rng.normal(0.8, 0.1, (trained_on, *shape)).astype(np.float32) for shape in pair)
        for kind, pair in shapes.items()
    }
    candidates = [
        {"positions_m": 0.5, "times_s": 0.6 + number, "noise": 1e-3, "edges": number * 0.3} for number in range(3)
    ]
    duals = {number: rng.normal(scale=15, size=(trained_on, nodes, 5)) for number in range(3)}
    chosen = np.array([[0, 1, 2, 0, 1], [1, 2, 0, 2, 0]])
    given = {kind: tuple(part[:3] + np.float32(0.01) for part in pair) for kind, pair in inputs.items()}

    def apart(kind, number):
        return (
            (given[kind][number].reshape(3, 1, -1).astype(float) - inputs[kind][number].reshape(1, trained_on, -1)) ** 2
        ).mean(axis=2)

    literal = np.zeros((3, nodes, 5))
    for number, candidate in enumerate(candidates):
        squared = (apart("positions", 0) + candidate["edges"] * apart("positions", 1)) / 0.5**2 + apart(
            "times", 0
        ) / candidate["times_s"] ** 2
        estimated = np.einsum("ij,jqc->iqc", np.exp(-squared / 2) + INTERCEPT, duals[number])
        literal += estimated * (chosen == number).sum(axis=0) / 2
    graph = onnx_export.kernel_ridge(KernelRidge(inputs, duals, candidates, chosen, "gaussian"))
    assert np.abs(literal).max() > 1000  # the output is single, and so right to some 1e-7 of that
    onnx_export.verify(graph, onnx_export.curve_feed(given), literal, tolerance=1e-6 * np.abs(literal).max())


def test_kernel_graph_gives_forces_and_centres_of_pressure():
    """Five outputs against the sum in double, written out; the training stances are held in half precision."""
    rng = np.random.default_rng(4)
    shapes = {"positions": ((8, 11, 3), (2, 11, 3)), "accelerations": ((8, 11, 3), (2, 11, 3)), "times": ((2,), (0,))}
    inputs, given = (
        {
            kind: tuple(rng.normal(size=(count, *shape)).astype(np.float32) for shape in pair)
            for kind, pair in shapes.items()
        }
        for count in (60, 7)
    )
    candidate = {"positions_m": 1.2, "accelerations_m_s2": 1.5, "times_s": 2.0, "noise": 1e-2, "edges": 0.3}
    fitted = KernelRidge.fit_groups(
        inputs, rng.normal(size=(60, 9, 5)), np.repeat(list("abc"), 20), candidate, shape="gaussian"
    )
    squared = np.zeros((7, 60))
    for kind, scale in (("positions", 1.2), ("accelerations", 1.5), ("times", 2.0)):
        for one, trained_on, weight in zip(given[kind], inputs[kind], (1, 0.3), strict=True):
            if one.size:
                apart = one[:, None].astype(float) - trained_on.astype(np.float16).astype(float)
                squared += weight / scale**2 * (apart**2).reshape(7, 60, -1).mean(axis=2)
    literal = ((np.exp(-squared / 2) + INTERCEPT) @ fitted.duals[0].reshape(60, -1)).reshape(7, 9, 5)
    graph = onnx_export.kernel_ridge(fitted)
    assert (
        onnx_export.verify(graph, onnx_export.curve_feed(given), literal, tolerance=1e-5)
        < 1e-5
        < np.abs(literal).max() / 1000
    )  # single precision
    assert onnx_export.verify(graph, onnx_export.curve_feed(given), fitted.estimate(given)) < 1e-4
    assert [value.name for value in graph.graph.input] == [
        "positions",
        "positions_padding",
        "accelerations",
        "accelerations_padding",
        "times",
    ]
    (output,) = graph.graph.output
    assert [size.dim_param or size.dim_value for size in output.type.tensor_type.shape.dim] == ["S", 9, 5]
    assert "centre of pressure AP, ML" in output.doc_string
    held = [
        one.data_type
        for one in graph.graph.initializer
        if len(one.dims) == 2 and one.dims[0] == 60 and one.dims[1] != 9
    ]  # 9: the weights
    assert held == 5 * [onnx.TensorProto.FLOAT16]
    forces_alone = onnx_export.kernel_ridge(
        KernelRidge.fit_groups(inputs, rng.normal(size=(60, 9, 3)), fitted.groups, candidate, shape="gaussian")
    )
    assert "centre of pressure" not in forces_alone.graph.output[0].doc_string


def test_loading_imports_neither_torch_nor_onnx(folder):
    code = (
        "import sys; from grfkit.estimators import model_folder; "
        f"model_folder.load({str(folder)!r}); print({{'torch', 'onnx', 'onnxruntime'}} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "set()"

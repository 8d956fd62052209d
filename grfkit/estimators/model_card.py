"""The card of a model, for a person to read: its purpose, its data, its scores and its limits.

After Mitchell et al. 2019, Model cards for model reporting (doi:10.1145/3287560.3287596).
"""

import math
import platform
from importlib.metadata import version
from typing import Annotated

import pydantic
from pydantic import Field

from grfkit.study.schema import Section

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
PACKAGES = ("numpy", "scipy", "torch", "safetensors", "onnx", "onnxruntime")  # what a model was made with
PYTHON = """    from grfkit.estimators import model_folder
    model = model_folder.load("{folder}")   # description, card, arrays, graphs

Loading reads only numbers and text (safetensors, JSON). It needs neither study nor recordings."""


class Card(Section):
    """What a model card must say.

    `scores` are the rows of a table; `limits` are sentences; `use` shows how to estimate with the model in Python.
    """

    title: Text
    purpose: Text
    data: Text
    licence: Text
    citation: Text
    recipe: Text
    scores: list[dict[str, str | int | float | None]]
    scored_on: Text
    limits: Texts
    use: str = ""

    @pydantic.field_validator("scores")
    @classmethod
    def _one_table(cls, rows):
        if any(list(row) != list(rows[0]) for row in rows):
            raise ValueError("all rows of a table have the same columns, in the same order")
        return rows


def text(card, content, graphs):
    """Write a Card as Markdown, with the arrays of model.json's `content`.

    Inputs and outputs are those of `graphs` {name: onnx.ModelProto}.
    """
    size = sum(math.prod(array["shape"]) for array in content["arrays"].values())
    made = ", ".join(
        [
            f"grfkit {content['grfkit']}",
            f"Python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in PACKAGES),
        ]
    )
    sections = {
        "What it is for": card.purpose,
        "Data": f"{card.data}\n\nLicence of the data: {card.licence}\n\nCitation: {card.citation}",
        "Recipe": card.recipe,
        "Scores": f"{card.scored_on}\n\n{_table(card.scores)}",
        "Limits": "\n".join(f"- {limit}" for limit in card.limits),
        "From Python": "\n\n".join(filter(None, [PYTHON.format(folder="path/of/this/folder"), card.use])),
        "From ONNX Runtime": "\n\n".join(_graph(name, graph) for name, graph in graphs.items())
        or "This model has no ONNX graph.",
        "Made with": f"{made}. {len(content['arrays'])} arrays of {size:,} numbers; "
        f"format {content['version']} of {content['format']}.",
    }
    return f"# {card.title}\n" + "".join(f"\n## {name}\n\n{body}\n" for name, body in sections.items())


def _table(rows):
    if not rows:
        return "Not scored."
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value):
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _graph(name, graph):
    inputs, outputs = graph.graph.input, graph.graph.output
    rows = [
        {"": kind, "name": f"`{value.name}`", "shape": f"({', '.join(_shape(value))})", "unit": value.doc_string}
        for kind, values in (("input", inputs), ("output", outputs))
        for value in values
    ]
    feed = ", ".join(f'"{value.name}": {value.name}' for value in inputs)
    return (
        f"`{name}.onnx`: single precision, opset {graph.opset_import[0].version}; S, how many stances or windows are "
        f"given at once, is free. {graph.doc_string}"
        f"\n\n{_table(rows)}\n\n"
        f'    import onnxruntime\n    session = onnxruntime.InferenceSession("{name}.onnx")\n'
        f"    {', '.join(value.name for value in outputs)}, = session.run(None, {{{feed}}})"
    )


def _shape(value):
    return [axis.dim_param or str(axis.dim_value) for axis in value.type.tensor_type.shape.dim]

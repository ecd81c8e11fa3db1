"""JSON Schemas of what the server reads and writes, exact for the task, the labels and the limits of one server."""

from __future__ import annotations

from typing import Any

from serving.models import ServedModel
from serving.options import Options
from serving.tasks.task import Output, Task
from serving.v1 import LEFT_OUT

Schema = dict[str, Any]

EXAMPLES = {"text": "I love it", "text_pair": "I like it very much"}
WHOLE = {"type": "integer", "minimum": 0}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
BOOL, STRING = {"type": "boolean"}, {"type": "string"}
# With top_k these have one axis more.
RANKED = ("label", "probability")


def schemas(model: ServedModel, options: Options) -> dict[str, Schema]:
    """By the names that the document gives them."""
    task, labels = model.predictor.task, model.predictor.labels
    return {
        "Error": _object({"error": STRING}),
        "Live": _object({"live": BOOL}),
        "Ready": _object({"ready": BOOL}),
        "Server": _object({"name": {"const": "textgate"}, "version": STRING, "extensions": _list(STRING)}),
        "Models": _object({"models": _list({"const": model.name}, 1, 1)}),
        "ModelReady": _object({"name": {"const": model.name}, "ready": BOOL}),
        "Model": _model(model),
        "Infer": _infer(task, len(labels), options),
        "Inferred": _inferred(task, labels),
        "Predict": _predict(task, len(labels), options),
        "Predictions": _predictions(task, labels),
    }


def _object(properties: Schema, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, **({"required": required} if required else {}), **more}


def _list(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    bounds = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items, **{name: bound for name, bound in bounds.items() if bound}}


def _texts(options: Options) -> Schema:
    return _list({"type": "string", "maxLength": options.max_characters}, 1, options.max_texts)


def _parameters(task: Task, labels: int) -> Schema:
    """What both protocols know."""
    if not task.ranks:
        return {"top_k": False}
    what = "Answer with the best so many labels of each text, the likeliest first, instead of with the best one."
    return {"top_k": {"type": "integer", "minimum": 1, "maximum": labels, "description": what}}


def _infer(task: Task, labels: int, options: Options) -> Schema:
    """The shape says how many texts there are, which a JSON Schema cannot."""
    example = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [EXAMPLES[name]]} for name in task.inputs]
    tensors = [
        _object(
            {
                "name": {"const": name},
                "datatype": {"const": "BYTES"},
                "shape": _list({"type": "integer", "minimum": 1, "maximum": options.max_texts}, 1, 1),
                "data": _texts(options),
            }
        )
        for name in task.inputs
    ]
    timeout = {**WHOLE, "maximum": (1 << 63) - 1, "description": "In microseconds; at most the server's own counts."}
    parameters = {**_parameters(task, labels), "timeout": timeout, "binary_data_output": BOOL}
    chosen = {
        "name": {"enum": [output.name for output in task.outputs]},
        "parameters": _nullable(_object({"binary_data": BOOL}, ("binary_data",))),
    }
    count = len(tensors)
    inputs = {
        "type": "array",
        "minItems": count,
        "maxItems": count,
        "items": tensors[0] if count == 1 else {"anyOf": tensors},
        **({"allOf": [{"contains": tensor} for tensor in tensors]} if count > 1 else {}),
        "description": f"A tensor of equally many texts for each of: {', '.join(task.inputs)}.",
    }
    return _object(
        {
            "id": STRING,
            "inputs": inputs,
            "parameters": _nullable(_object(parameters, tuple(parameters))),
            "outputs": _nullable(_list(_object(chosen, ("parameters",)))),
        },
        ("id", "parameters", "outputs"),
        examples=[{"inputs": example}],
    )


def _inferred(task: Task, labels: list[str]) -> Schema:
    tensors = [
        _object(
            {
                "name": {"const": output.name},
                "datatype": {"const": output.datatype},
                "shape": _list(WHOLE, len(output.axes), len(output.axes) + (task.ranks and output.name in RANKED)),
                "data": _list(_element(output, labels)),
            }
        )
        for output in task.outputs
    ]
    named = {"model_name": STRING, "model_version": STRING, "id": STRING}
    return _object({**named, "outputs": _list({"oneOf": tensors}, 1)})


def _element(output: Output, labels: list[str]) -> Schema:
    if output.structured:
        return {"type": "string", "contentMediaType": "application/json", "contentSchema": _value(output, labels)}
    return _value(output, labels)


def _value(output: Output, labels: list[str]) -> Schema:
    """Of a text, or where the output has more axes than one of one of its elements."""
    if output.name == "entities":
        return _list(_object({"label": STRING, "text": STRING, "start": WHOLE, "end": WHOLE, "probability": SHARE}))
    if output.name == "labels":
        return _list({"enum": labels})
    plain: dict[str, Schema] = {"BYTES": {"enum": labels}, "FP32": SHARE, "BOOL": BOOL}
    return plain[output.datatype]


def _predict(task: Task, labels: int, options: Options) -> Schema:
    text = {"type": "string", "maxLength": options.max_characters}
    instance = _object(dict.fromkeys(task.inputs, text), additionalProperties=False)
    either = {"anyOf": [text, instance]} if len(task.inputs) == 1 else instance
    parameters = _parameters(task, labels)
    return _object(
        {
            "instances": _list(either, 1, options.max_texts),
            "parameters": _object(parameters, tuple(parameters)),
        },
        ("parameters",),
        examples=[{"instances": [{name: EXAMPLES[name] for name in task.inputs}]}],
    )


def _predictions(task: Task, labels: list[str]) -> Schema:
    found: Schema = {}
    for output in task.outputs:
        if output.name in LEFT_OUT:
            continue
        value = _value(output, labels)
        ranked = task.ranks and output.name in RANKED
        found[output.name] = {"anyOf": [value, _list(value, 1, len(labels))]} if ranked else value
    return _object({"predictions": _list(_object(found), 1), "model_name": STRING, "model_version": STRING})


def _model(model: ServedModel) -> Schema:
    names = ("name", "datatype", "shape")
    tensor = _object(dict(zip(names, (STRING, STRING, _list({"type": "integer", "minimum": -1})), strict=True)))
    ours = {
        "labels": {"const": model.predictor.labels},
        "bundle": STRING,
        "task": {"const": model.predictor.task.name},
        "precision": STRING,
        "max_length": WHOLE,
        "thresholds": _list(SHARE),
        "abstain_below": SHARE,
        "refused": _object({"version": STRING, "error": STRING}),
    }
    return _object(
        {
            "name": {"const": model.name},
            "versions": _list(STRING, 1),
            "platform": STRING,
            "inputs": _list(tensor),
            "outputs": _list(tensor),
            "parameters": _object(ours, ("thresholds", "abstain_below", "refused")),
        }
    )


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}

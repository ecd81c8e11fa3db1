"""The Open Inference Protocol v2, JSON over REST: what a request may hold, and how answers are written.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from serving.models import Refusal, ServedModel
from serving.tasks.task import Output, Probabilities, Task


class RequestError(Exception):
    """A request that cannot be answered: an HTTP status from 400 to 499 and one sentence for the caller."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Of one request: texts, characters of each text, bytes of the body."""

    texts: int = 256
    characters: int = 20_000
    body: int = 4 << 20


@dataclass(frozen=True)
class InferRequest:
    """`columns` are the texts of each of the task's inputs. `top_k` 0 asks for the best label alone; `outputs` are
    the names of those to answer with."""

    id: str
    columns: list[list[str]]
    top_k: int
    outputs: tuple[str, ...]


def parse_infer(body: bytes, task: Task, labels: int, limits: Limits) -> InferRequest:
    """Raises RequestError saying which part of the request is wrong, what it holds and what is allowed."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(400, 'the body must be a JSON object with "inputs"')
    identity = value.get("id", "")
    if not isinstance(identity, str):
        raise RequestError(400, "id must be a string")
    return InferRequest(
        id=identity or uuid.uuid4().hex,
        columns=_columns(value.get("inputs"), task.inputs, limits),
        top_k=_top_k(value.get("parameters"), task, labels),
        outputs=_outputs(value.get("outputs"), task),
    )


def _columns(inputs: Any, names: tuple[str, ...], limits: Limits) -> list[list[str]]:
    wanted = " and ".join(f'"{name}"' for name in names)
    if not isinstance(inputs, list) or len(inputs) != len(names) or not all(isinstance(one, dict) for one in inputs):
        count = "one tensor" if len(names) == 1 else f"{len(names)} tensors"
        raise RequestError(400, f"inputs must be a list of {count}, named {wanted}")
    found: dict[str, list[str]] = {}
    for tensor in inputs:
        name = tensor.get("name")
        if name not in names or name in found:
            kind = "the input must be" if len(names) == 1 else "the inputs must each be once"
            raise RequestError(400, f"{kind} named {wanted}, got {_shown(name)}")
        found[name] = _texts(tensor, name, limits)
    columns = [found[name] for name in names]
    if len({len(column) for column in columns}) > 1:
        raise RequestError(400, f"the data of {wanted} must be equally many, got {[len(column) for column in columns]}")
    return columns


def _texts(tensor: dict[str, Any], name: str, limits: Limits) -> list[str]:
    if tensor.get("datatype") != "BYTES":
        raise RequestError(400, f'the datatype of {name} must be "BYTES", got {_shown(tensor.get("datatype"))}')
    data = tensor.get("data")
    if not isinstance(data, list):
        raise RequestError(400, f"the data of {name} must be a list of strings")
    if not data:
        raise RequestError(400, f"the data of {name} is empty; send at least one text")
    if len(data) > limits.texts:
        raise RequestError(413, f"{len(data)} texts are too many for one request; send at most {limits.texts}")
    for index, text in enumerate(data):
        if not isinstance(text, str):
            raise RequestError(400, f"{name} {index} must be a string, got {_shown(text)}")
        if len(text) > limits.characters:
            raise RequestError(413, f"{name} {index} has {len(text)} characters; send at most {limits.characters}")
    shape = tensor.get("shape")
    if shape != [len(data)] or type(shape[0]) is not int:
        raise RequestError(400, f"the shape of {name} must be [{len(data)}], as many as its data, got {_shown(shape)}")
    return data


def _top_k(parameters: Any, task: Task, labels: int) -> int:
    if parameters is None:
        return 0
    if not isinstance(parameters, dict):
        raise RequestError(400, "parameters must be an object")
    if "top_k" not in parameters:
        return 0
    if not task.ranks:
        raise RequestError(400, f"top_k is not for the task {task.name}; leave it out")
    top_k = parameters["top_k"]
    if type(top_k) is int and 1 <= top_k <= labels:
        return top_k
    raise RequestError(400, f"top_k must be a whole number from 1 to {labels}, got {_shown(top_k)}")


def _outputs(outputs: Any, task: Task) -> tuple[str, ...]:
    known = tuple(output.name for output in task.outputs)
    if not outputs and (outputs is None or outputs == []):
        return known
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise RequestError(400, 'outputs must be a list of objects with a "name"')
    for name in (output.get("name") for output in outputs):
        if name not in known:
            raise RequestError(400, f"there is no output {_shown(name)}; ask for {', '.join(known)}")
    return tuple(dict.fromkeys(output["name"] for output in outputs))


def _shown(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return "a value that is nested too deeply"
    return text if len(text) <= 60 else f"{text[:57]}..."


def infer_response(request: InferRequest, model: ServedModel, probabilities: Probabilities) -> bytes:
    """Tensors as the task's `outputs` say; with top_k, those of one axis have a second one, likeliest first."""
    predictor = model.predictor
    answers = predictor.task.answers(request.columns, probabilities, predictor.decider, request.top_k)
    outputs = {output.name: output for output in predictor.task.outputs}
    return dump(
        {
            "model_name": model.name,
            "model_version": model.version,
            "id": request.id,
            "outputs": [_tensor(outputs[name], answers[name]) for name in request.outputs],
        }
    )


def _tensor(output: Output, values: Any) -> dict[str, Any]:
    array = np.array([dump(value).decode() for value in values], object) if output.structured else np.asarray(values)
    data = array.ravel() if output.datatype == "FP32" else array.ravel().tolist()
    return {"name": output.name, "datatype": output.datatype, "shape": list(array.shape), "data": data}


def model_metadata(model: ServedModel, refused: Refusal | None) -> bytes:
    """The protocol's metadata; `parameters` adds what is ours: labels, bundle, and a version that failed to follow."""
    manifest, task = model.predictor.manifest, model.predictor.task
    parameters: dict[str, Any] = {
        "labels": manifest.labels,
        "bundle": model.predictor.digest,
        "task": manifest.task,
        "precision": manifest.precision,
        "max_length": manifest.max_length,
        **({"thresholds": manifest.thresholds} if manifest.thresholds else {}),
    }
    if refused is not None:
        parameters["refused"] = {"version": refused.version, "error": refused.error}
    return dump(
        {
            "name": model.name,
            "versions": [model.version],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in task.inputs],
            "outputs": [_described(output, len(manifest.labels)) for output in task.outputs],
            "parameters": parameters,
        }
    )


def _described(output: Output, labels: int) -> dict[str, Any]:
    shape = [labels if axis == "labels" else axis for axis in output.axes]
    return {"name": output.name, "datatype": output.datatype, "shape": shape}


def dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)

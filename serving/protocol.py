"""The Open Inference Protocol v2, JSON over REST: what a request may hold, and how answers are written.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from serving.binary import BINARY_SIZE, read_binary, write_binary
from serving.errors import RequestError
from serving.models import Refusal, ServedModel
from serving.options import Options
from serving.tasks.task import Output, Task


@dataclass(frozen=True)
class InferRequest:
    """`columns` are the texts of each of the task's inputs. `top_k` 0 asks for the best label alone; `outputs` are
    the names of those to answer with, `binary` of those of them that are to come as raw bytes. `timeout_s` 0 where the
    request names none."""

    id: str
    columns: list[list[str]]
    top_k: int
    outputs: tuple[str, ...]
    timeout_s: float = 0.0
    binary: frozenset[str] = frozenset()


def parse_infer(
    body: bytes, task: Task, labels: int, options: Options, known_id: str, header_size: int | None = None
) -> InferRequest:
    """`header_size` is that of the JSON where raw tensors follow it; `known_id` stands in for a missing id.

    Raises RequestError saying which part of the request is wrong, what it holds and what is allowed.
    """
    value = load_object(body if header_size is None else body[:header_size], '"inputs"')
    identity = value.get("id", "")
    if not isinstance(identity, str):
        raise RequestError(400, "id must be a string")
    inputs = value.get("inputs")
    if header_size is not None:
        inputs = read_binary(inputs, body[header_size:])
    parameters = _parameters(value.get("parameters"))
    outputs = _outputs(value.get("outputs"), task)
    all_raw = _flag(parameters, "binary_data_output", False)
    raw = {name for name, asked in outputs.items() if _flag(asked, "binary_data", all_raw)}
    return InferRequest(
        id=identity or known_id,
        columns=_columns(inputs, task.inputs, options),
        top_k=read_top_k(parameters, task, labels),
        outputs=tuple(outputs),
        timeout_s=_timeout_s(parameters),
        binary=frozenset(raw),
    )


def new_id() -> str:
    """For a request that has none."""
    return f"{random.getrandbits(128):032x}"


def load_object(body: bytes, key: str) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(400, f"the body must be a JSON object with {key}")
    return value


def _columns(inputs: Any, names: tuple[str, ...], options: Options) -> list[list[str]]:
    wanted = " and ".join(f'"{name}"' for name in names)
    if not isinstance(inputs, list) or len(inputs) != len(names) or not all(isinstance(one, dict) for one in inputs):
        count = "one tensor" if len(names) == 1 else f"{len(names)} tensors"
        raise RequestError(400, f"inputs must be a list of {count}, named {wanted}")
    found: dict[str, list[str]] = {}
    for tensor in inputs:
        name = tensor.get("name")
        if name not in names or name in found:
            kind = "the input must be" if len(names) == 1 else "the inputs must each be once"
            raise RequestError(400, f"{kind} named {wanted}, got {shown(name)}")
        found[name] = _texts(tensor, name, options)
    return check_columns(found, names)


def check_columns(found: dict[str, list[str]], names: tuple[str, ...]) -> list[list[str]]:
    columns = [found[name] for name in names]
    if len({len(column) for column in columns}) > 1:
        wanted = " and ".join(f'"{name}"' for name in names)
        raise RequestError(400, f"the data of {wanted} must be equally many, got {[len(column) for column in columns]}")
    return columns


def _texts(tensor: dict[str, Any], name: str, options: Options) -> list[str]:
    if tensor.get("datatype") != "BYTES":
        raise RequestError(400, f'the datatype of {name} must be "BYTES", got {shown(tensor.get("datatype"))}')
    data = tensor.get("data")
    if not isinstance(data, list):
        raise RequestError(400, f"the data of {name} must be a list of strings")
    check_texts(data, name, options)
    shape = tensor.get("shape")
    if not isinstance(shape, list) or list(map(_whole, shape)) != [len(data)]:
        raise RequestError(400, f"the shape of {name} must be [{len(data)}], as many as its data, got {shown(shape)}")
    return data


def check_texts(data: list[Any], name: str, options: Options) -> None:
    if not data:
        raise RequestError(400, f"the data of {name} is empty; send at least one text")
    if len(data) > options.max_texts:
        raise RequestError(413, f"{len(data)} texts are too many for one request; send at most {options.max_texts}")
    for index, text in enumerate(data):
        if not isinstance(text, str):
            raise RequestError(400, f"{name} {index} must be a string, got {shown(text)}")
        if len(text) > options.max_characters:
            raise RequestError(413, f"{name} {index} has {len(text)} characters; send at most {options.max_characters}")


def _parameters(parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(400, "parameters must be an object")
    return parameters


def _flag(parameters: dict[str, Any], name: str, otherwise: bool) -> bool:
    value = parameters.get(name, otherwise)
    if not isinstance(value, bool):
        raise RequestError(400, f"{name} must be true or false, got {shown(value)}")
    return value


def _timeout_s(parameters: dict[str, Any]) -> float:
    """In microseconds, as Triton's clients send it."""
    given = parameters.get("timeout", 0)
    timeout = _whole(given)
    if timeout is None or not 0 <= timeout < 1 << 63:
        raise RequestError(400, f"timeout must be a whole number of microseconds, got {shown(given)}")
    return timeout / 1_000_000


def read_top_k(parameters: dict[str, Any], task: Task, labels: int) -> int:
    if "top_k" not in parameters:
        return 0
    if not task.ranks:
        raise RequestError(400, f"top_k is not for the task {task.name}; leave it out")
    top_k = _whole(parameters["top_k"])
    if top_k is not None and 1 <= top_k <= labels:
        return top_k
    raise RequestError(400, f"top_k must be a whole number from 1 to {labels}, got {shown(parameters['top_k'])}")


def _whole(number: Any) -> int | None:
    """However it is written, as 1 or as 1.0: JSON has one kind of numbers."""
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if type(number) is int else None


def _outputs(outputs: Any, task: Task) -> dict[str, dict[str, Any]]:
    """The parameters of each output that is asked for."""
    known = tuple(output.name for output in task.outputs)
    if not outputs and (outputs is None or outputs == []):
        return {name: {} for name in known}
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise RequestError(400, 'outputs must be a list of objects with a "name"')
    for name in (output.get("name") for output in outputs):
        if name not in known:
            raise RequestError(400, f"there is no output {shown(name)}; ask for {', '.join(known)}")
    return {output["name"]: _parameters(output.get("parameters")) for output in outputs}


def shown(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return "a value that is nested too deeply"
    return text if len(text) <= 60 else f"{text[:57]}..."


def infer_response(request: InferRequest, model: ServedModel, answers: dict[str, Any]) -> tuple[bytes, int | None]:
    """Tensors as the task's `outputs` say, of what Task.answers gives; with top_k, those of one axis have a second one,
    likeliest first. And the size of the JSON, where raw tensors follow it."""
    outputs = {output.name: output for output in model.predictor.task.outputs}
    tensors, raw = [], []
    for name in request.outputs:
        tensor = _tensor(outputs[name], answers[name])
        if name in request.binary:
            raw.append(write_binary(tensor["datatype"], tensor.pop("data")))
            tensor["parameters"] = {BINARY_SIZE: len(raw[-1])}
        tensors.append(tensor)
    named = {"model_name": model.name, "model_version": model.version, "id": request.id}
    header = dump({**named, "outputs": tensors})
    return (b"".join([header, *raw]), len(header)) if raw else (header, None)


def _tensor(output: Output, values: Any) -> dict[str, Any]:
    array = np.array([dump(value).decode() for value in values], object) if output.structured else np.asarray(values)
    data = array.ravel().tolist() if output.datatype == "BYTES" else array.ravel()
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
        **({"abstain_below": manifest.abstain_below} if manifest.abstain_below else {}),
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

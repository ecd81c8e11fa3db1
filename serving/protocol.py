"""The Open Inference Protocol v2, JSON over REST: what a request may hold, and how answers are written.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.models import Refusal, ServedModel

OUTPUTS = ("label", "probability", "probabilities")


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
    """`top_k` 0 asks for the best label alone; `outputs` are those to answer with."""

    id: str
    texts: list[str]
    top_k: int
    outputs: tuple[str, ...]


def parse_infer(body: bytes, labels: int, limits: Limits) -> InferRequest:
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
        texts=_texts(value.get("inputs"), limits),
        top_k=_top_k(value.get("parameters"), labels),
        outputs=_outputs(value.get("outputs")),
    )


def _texts(inputs: Any, limits: Limits) -> list[str]:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RequestError(400, 'inputs must be a list of one tensor, named "text"')
    tensor = inputs[0]
    if tensor.get("name") != "text":
        raise RequestError(400, f'the input must be named "text", got {_shown(tensor.get("name"))}')
    if tensor.get("datatype") != "BYTES":
        raise RequestError(400, f'the datatype of text must be "BYTES", got {_shown(tensor.get("datatype"))}')
    data = tensor.get("data")
    if not isinstance(data, list):
        raise RequestError(400, "the data of text must be a list of strings")
    if not data:
        raise RequestError(400, "the data of text is empty; send at least one text")
    if len(data) > limits.texts:
        raise RequestError(413, f"{len(data)} texts are too many for one request; send at most {limits.texts}")
    for index, text in enumerate(data):
        if not isinstance(text, str):
            raise RequestError(400, f"text {index} must be a string, got {_shown(text)}")
        if len(text) > limits.characters:
            raise RequestError(413, f"text {index} has {len(text)} characters; send at most {limits.characters}")
    shape = tensor.get("shape")
    if shape != [len(data)] or type(shape[0]) is not int:
        raise RequestError(400, f"the shape of text must be [{len(data)}], as many as its data, got {_shown(shape)}")
    return data


def _top_k(parameters: Any, labels: int) -> int:
    if parameters is None:
        return 0
    if not isinstance(parameters, dict):
        raise RequestError(400, "parameters must be an object")
    if "top_k" not in parameters:
        return 0
    top_k = parameters["top_k"]
    if type(top_k) is int and 1 <= top_k <= labels:
        return top_k
    raise RequestError(400, f"top_k must be a whole number from 1 to {labels}, got {_shown(top_k)}")


def _outputs(outputs: Any) -> tuple[str, ...]:
    if not outputs and (outputs is None or outputs == []):
        return OUTPUTS
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise RequestError(400, 'outputs must be a list of objects with a "name"')
    for name in (output.get("name") for output in outputs):
        if name not in OUTPUTS:
            raise RequestError(400, f"there is no output {_shown(name)}; ask for {', '.join(OUTPUTS)}")
    return tuple(dict.fromkeys(output["name"] for output in outputs))


def _shown(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return "a value that is nested too deeply"
    return text if len(text) <= 60 else f"{text[:57]}..."


def infer_response(request: InferRequest, model: ServedModel, probabilities: NDArray[np.float32]) -> bytes:
    """label and probability are [n], or with top_k [n, top_k] likeliest first; probabilities are [n, labels]."""
    rows = len(probabilities)
    ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, : request.top_k or 1]
    shape = [rows, request.top_k] if request.top_k else [rows]
    labels = model.predictor.labels
    tensors = {
        "label": _tensor("label", "BYTES", shape, [labels[index] for index in ranks.ravel()]),
        "probability": _tensor("probability", "FP32", shape, np.take_along_axis(probabilities, ranks, 1).ravel()),
        "probabilities": _tensor("probabilities", "FP32", list(probabilities.shape), probabilities.ravel()),
    }
    return dump(
        {
            "model_name": model.name,
            "model_version": model.version,
            "id": request.id,
            "outputs": [tensors[name] for name in request.outputs],
        }
    )


def _tensor(name: str, datatype: str, shape: Sequence[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def model_metadata(model: ServedModel, refused: Refusal | None) -> bytes:
    """The protocol's metadata; `parameters` adds what is ours: labels, bundle, and a version that failed to follow."""
    manifest = model.predictor.manifest
    parameters: dict[str, Any] = {
        "labels": manifest.labels,
        "bundle": model.predictor.digest,
        "task": manifest.task,
        "precision": manifest.precision,
        "max_length": manifest.max_length,
    }
    if refused is not None:
        parameters["refused"] = {"version": refused.version, "error": refused.error}
    return dump(
        {
            "name": model.name,
            "versions": [model.version],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": "label", "datatype": "BYTES", "shape": [-1]},
                {"name": "probability", "datatype": "FP32", "shape": [-1]},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(manifest.labels)]},
            ],
            "parameters": parameters,
        }
    )


def dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)

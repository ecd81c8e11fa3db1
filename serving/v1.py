"""The older prediction protocol: {"instances": [...]} in, {"predictions": [...]} out.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from typing import Any

import numpy as np

from serving.errors import RequestError
from serving.models import ServedModel
from serving.options import Options
from serving.protocol import InferRequest, check_columns, check_texts, dump, load_object, read_top_k, shown
from serving.tasks.task import Task

# All of a row's probabilities are left out: these answers have names for everything, and labels can be hundreds.
LEFT_OUT = ("probabilities",)


def parse_predict(body: bytes, task: Task, labels: int, options: Options, known_id: str) -> InferRequest:
    """An instance is a text, or an object with the task's inputs. Raises RequestError."""
    value = load_object(body, '"instances"')
    instances = value.get("instances")
    if not isinstance(instances, list):
        raise RequestError(400, "instances must be a list")
    parameters = value.get("parameters", {})
    if not isinstance(parameters, dict):
        raise RequestError(400, "parameters must be an object")
    columns: dict[str, list[Any]] = {name: [] for name in task.inputs}
    for place, instance in enumerate(instances):
        row = _row(instance, place, task.inputs)
        for name in task.inputs:
            columns[name].append(row[name])
    for name, data in columns.items():
        check_texts(data, name, options)
    outputs = tuple(output.name for output in task.outputs if output.name not in LEFT_OUT)
    found = check_columns(columns, task.inputs)
    return InferRequest(known_id, found, read_top_k(parameters, task, labels), outputs)


def _row(instance: Any, place: int, names: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(instance, str) and len(names) == 1:
        return {names[0]: instance}
    if not isinstance(instance, dict) or set(instance) != set(names):
        wanted = " and ".join(f'"{name}"' for name in names)
        text = "a text or " if len(names) == 1 else ""
        raise RequestError(400, f"instance {place} must be {text}an object with {wanted}, got {shown(instance)}")
    return instance


def predict_response(request: InferRequest, model: ServedModel, answers: dict[str, Any]) -> bytes:
    """An object of the answers for each instance; with top_k, label and probability are lists."""
    names = request.outputs
    cells = [[_plain(value) for value in answers[name]] for name in names]
    predictions = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return dump({"predictions": predictions, "model_name": model.name, "model_version": model.version})


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

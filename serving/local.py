"""Asks a bundle in this process, as Client asks a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from components.base.errors import TextgateError
from serving.client import Description, Prediction, Row, describe, predictions
from serving.errors import RequestError
from serving.models import load_folder
from serving.protocol import InferRequest, infer_response, model_metadata, read_top_k


class LocalClient:
    """Without a server's limits. Raises TextgateError where `bundle` is not whole."""

    at_once = 1

    def __init__(self, bundle: Path) -> None:
        self._model = load_folder(bundle)

    def describe(self) -> Description:
        return describe(json.loads(model_metadata(self._model, None)))

    def infer(self, model: Description, rows: Sequence[Row], top_k: int = 1) -> list[Prediction]:
        """See Client.infer."""
        predictor = self._model.predictor
        task, columns = predictor.task, [list(column) for column in zip(*rows, strict=True)]
        try:
            best = read_top_k({"top_k": top_k} if task.ranks or top_k > 1 else {}, task, len(predictor.labels))
        except RequestError as error:
            raise TextgateError(str(error)) from None
        answers = task.answers(columns, predictor.probabilities(task.read(columns)), predictor.decider, best)
        request = InferRequest("", columns, best, tuple(output.name for output in task.outputs))
        return predictions(model, rows, json.loads(infer_response(request, self._model, answers)[0]))

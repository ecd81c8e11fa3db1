"""MLflow's python_function flavour over a bundle: `loader_module: serving.pyfunc`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.base.errors import TextgateError
from serving.predictor import Predictor


class BundleModel:
    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """A row for each of the input's, with its index and the columns that the task shows: see Task.

        The input is a frame that has the task's columns, or what pandas makes one of; without names they are taken in
        order, and a single one may be given as a text, or a list, an array or a Series of texts. `params` may hold
        `top_k`: label and probability are then lists of the best k, where the task ranks.

        Raises TextgateError when a column is missing, a cell is no text, or top_k is not for the task.
        """
        task, decider = self._predictor.task, self._predictor.decider
        top_k = self._top_k(params or {})
        frame = _frame(model_input, task.inputs)
        columns = [_texts(frame, name) for name in task.inputs]
        probabilities = self._predictor.probabilities(task.read(columns))
        answers = task.answers(columns, probabilities, decider, top_k)
        cells = {name: [_listed(answer) for answer in answers[name]] for name in task.shown}
        return pd.DataFrame(cells, index=frame.index)

    def _top_k(self, params: Mapping[str, Any]) -> int:
        top_k, task, most = params.get("top_k"), self._predictor.task, len(self._predictor.labels)
        if top_k is None:
            return 0
        if not task.ranks:
            raise TextgateError(f"top_k is not for the task {task.name}; leave it out")
        if isinstance(top_k, bool) or not isinstance(top_k, int | np.integer) or not 1 <= top_k <= most:
            raise TextgateError(f"top_k must be a whole number from 1 to {most}, got {top_k!r}")
        return int(top_k)


def _frame(given: Any, names: Sequence[str]) -> pd.DataFrame:
    if isinstance(given, str):
        given = [given]
    elif isinstance(given, pd.Series):
        given = given.rename(names[0]).to_frame() if len(names) == 1 else given.to_frame()
    elif isinstance(given, dict) and all(isinstance(value, str) for value in given.values()):
        given = [given]
    try:
        frame = pd.DataFrame(given)
    except (TypeError, ValueError):
        raise TextgateError(f"the model takes a frame with {' and '.join(names)}, got {type(given).__name__}") from None
    if frame.shape == (0, 0):
        return frame.reindex(columns=list(names))
    if frame.columns.equals(pd.RangeIndex(len(names))):
        return frame.set_axis(list(names), axis=1)
    return frame


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    if (found := list(frame.columns).count(name)) != 1:
        there = ", ".join(map(str, frame.columns))
        raise TextgateError(f'the model needs {"a" if not found else "one"} column "{name}", got {there or "none"}')
    texts: list[str] = frame[name].tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TextgateError(f'row {row} of the column "{name}" must hold a text, got {text!r}')
    return texts


def _listed(answer: Any) -> Any:
    return answer.tolist() if isinstance(answer, np.ndarray) else answer


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(Predictor(Path(path)))

"""MLflow's python_function flavour over a bundle: `loader_module: serving.pyfunc`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from components.base.errors import TextgateError
from serving.predictor import Predictor


class BundleModel:
    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, model_input: pd.DataFrame | Sequence[str], params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row for each text, with the columns that the task shows: see Task.

        Raises TextgateError when a DataFrame lacks a column that the task reads.
        """
        task, decider = self._predictor.task, self._predictor.decider
        columns = _columns(pd.DataFrame(model_input), task.inputs)
        probabilities = self._predictor.probabilities(task.read(columns))
        answers = task.answers(columns, probabilities, decider)
        return pd.DataFrame({name: list(answers[name]) for name in task.shown})


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> list[list[str]]:
    found: list[Any] = list(frame.columns)
    # MLflow hands a list of texts on as a frame whose one column is called 0.
    if len(names) == 1 and found == [0]:
        return [frame.iloc[:, 0].astype(str).tolist()]
    if missing := [name for name in names if name not in found]:
        raise TextgateError(f'the model needs a column "{missing[0]}", got {", ".join(map(str, found))}')
    return [frame[name].astype(str).tolist() for name in names]


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(Predictor(Path(path)))

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
        """One row for each text: label, probability. Raises TextgateError when a DataFrame has no column text."""
        texts = _column(model_input) if isinstance(model_input, pd.DataFrame) else model_input
        probabilities = self._predictor.probabilities([str(text) for text in texts])
        best = probabilities.argmax(axis=1)
        labels = [self._predictor.labels[index] for index in best]
        return pd.DataFrame({"label": labels, "probability": probabilities.max(axis=1)})


def _column(frame: pd.DataFrame) -> pd.Series[Any]:
    columns: list[Any] = list(frame.columns)
    if "text" in columns:
        return frame["text"]
    # MLflow hands a list of texts on as a frame whose one column is called 0.
    if columns == [0]:
        return frame.iloc[:, 0]
    raise TextgateError(f'the model needs a column "text", got {", ".join(map(str, columns))}')


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(Predictor(Path(path)))

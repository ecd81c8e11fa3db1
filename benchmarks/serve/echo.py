"""The very server, whose model costs nothing: takes the arguments of serving.server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving import models, server
from serving.predictor import Predictor
from serving.tasks.task import Probabilities


class Echo(Predictor):
    """Answers each place with the first label. Of tasks that have one answer a row."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        super().__init__(folder, threads)
        self._answer = np.zeros((1, len(self.labels)), np.float32)
        self._answer[0, 0] = 1.0

    def probabilities(self, rows: Sequence[Any], batch_size: int = 32) -> Probabilities:
        return np.repeat(self._answer, sum(self.task.size(row) for row in rows), axis=0)


if __name__ == "__main__":
    models.Predictor = Echo  # type: ignore[attr-defined, misc]
    sys.exit(server.main())

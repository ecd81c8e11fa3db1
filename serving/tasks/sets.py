"""Any number of labels for each text, each decided for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.tasks.task import Decider, Decisions, Logits, Output, Probabilities, Task


class MultiLabel(Task):
    """labels are those whose probability reaches their threshold, likeliest first."""

    name = "multi-label"
    outputs = (Output("labels", "BYTES", structured=True), Output("probabilities", "FP32", (-1, "labels")))
    shown = ("labels", "probabilities")

    def thresholds(self, labels: Sequence[str]) -> list[float]:
        return [0.5] * len(labels)

    def probabilities(self, logits: Logits, temperature: float) -> Probabilities:
        """Of each label by itself: the sigmoid of logits / temperature."""
        scaled = logits.astype(np.float64) / temperature
        shares: Probabilities = np.exp(-np.logaddexp(0, -scaled)).astype(np.float32)
        return shares

    def decide(self, probabilities: Probabilities, decider: Decider) -> Decisions:
        return np.asarray(probabilities >= np.array(decider.thresholds))

    def answers(
        self, columns: Sequence[Sequence[str]], probabilities: Probabilities, decider: Decider, top_k: int = 0
    ) -> dict[str, Any]:
        ranks = np.argsort(-probabilities, axis=1, kind="stable")
        given = np.take_along_axis(self.decide(probabilities, decider), ranks, 1)
        rows = zip(ranks, given, strict=True)
        labels = [[decider.labels[number] for number in order[chosen]] for order, chosen in rows]
        return {"labels": labels, "probabilities": probabilities}

"""What the canary will ask: validation rows, with what the bundle answers to each when it is asked by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.base.errors import TextgateError
from components.base.targets import Targets
from serving.bundle import RIGHT
from serving.options import Options
from serving.predictor import Classifier

EXAMPLES_PER_LABEL = 2


def examples(targets: Targets, logits: np.ndarray, model: Classifier) -> list[dict[str, Any]]:
    """For each label (or type of entity) the rows that have it, are answered rightly and by the widest margin.

    Where no such row has any, rows in which the model finds one, and right ones without; where it finds none in any
    row, those of the widest margin. An answer that is not known to be right is marked as such (see read_canary).
    `logits` are the model's, of all rows. Raises TextgateError when no row can be sent to a server.
    """
    counts = targets.counts(model.decide(logits))
    order = np.argsort(-targets.margins(logits, model.decider), kind="stable")
    right, labels = order[counts.right[order]], range(len(targets.classes))
    asking = _Asking(targets, model)
    for label in labels:
        asking.take(right[counts.having(label)[right]])
    if not asking.examples:
        for label in labels:
            asking.take(order[counts.giving(label)[order]], known=False)
        asking.take(right)
    if not asking.examples:
        asking.take(order, known=False)
    if not asking.examples:
        raise TextgateError(
            f"the canary can ask no validation row: none has a text of 1 to {Options().max_characters} characters"
        )
    return list(asking.examples.values())


class _Asking:
    """The examples so far, by row."""

    def __init__(self, targets: Targets, model: Classifier) -> None:
        self._targets, self._model = targets, model
        self.examples: dict[int, dict[str, Any]] = {}

    def take(self, rows: np.ndarray, known: bool = True) -> None:
        """The first of the rows, with `known` only where the answer is known to be right; one that is taken already
        counts."""
        found = 0
        for row in rows.tolist():
            if row not in self.examples and not self._take(row, known):
                continue
            found += 1
            if found == EXAMPLES_PER_LABEL:
                return

    def _take(self, row: int, known: bool) -> bool:
        asked, right = self._targets.asked(row), self._targets.answer(row)
        if not all(0 < len(text) <= Options().max_characters for text in asked.values()) or (known and right is None):
            return False
        answer = self._answer([[text] for text in asked.values()])
        if known and answer != right:
            return False
        marked = {} if answer == right else {RIGHT: False}
        self.examples[row] = {**asked, self._model.task.outputs[0].name: answer, **marked}
        return True

    def _answer(self, columns: list[list[str]]) -> Any:
        """As the server gives it to a request of this one row: labels in the bundle's order, entities without their
        probability."""
        task, decider = self._model.task, self._model.decider
        probabilities = self._model.probabilities(task.read(columns))
        (answer,) = task.answers(columns, probabilities, decider)[task.outputs[0].name]
        if not task.outputs[0].structured:
            return answer
        if task.per_word:
            return [{key: entity[key] for key in ("label", "text", "start", "end")} for entity in answer]
        return sorted(answer, key=decider.labels.index)

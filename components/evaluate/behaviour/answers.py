"""What a model answers to the rows of all tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from components.base.progress import Progress
from components.evaluate.behaviour.changes import Parts
from serving.predictor import Classifier


class Answers:
    """Each row is asked once, and by itself, as a server is: no test may change the outcome of another."""

    def __init__(self, model: Classifier, rows: Iterable[Parts]) -> None:
        self._model = model
        self._places = {parts: place for place, parts in enumerate(dict.fromkeys(rows))}
        asked = [self._row(parts) for parts in self._places]
        progress = Progress("behaviour tests", len(asked), "texts")
        self._probabilities = model.task.probabilities(
            model.logits(asked, batch_size=1, progress=progress.advance), model.decider.temperature
        )
        self._decisions = model.task.decide(self._probabilities, model.decider)
        sizes = [len(parts) if model.task.per_word else 1 for parts in self._places]
        self._ends = np.cumsum(sizes)

    def answer(self, parts: Parts) -> Any:
        """By the model's labels: one, the set of several, or each word's."""
        found = self._decisions[self._slice(parts)]
        if found.ndim > 1:
            return {label for label, given in zip(self._model.labels, found[0], strict=True) if given}
        labels = [self._model.labels[place] for place in found]
        return labels if self._model.task.per_word else labels[0]

    def entities(self, parts: Parts, text: str) -> list[tuple[str, str]]:
        """Label and text of each, as the server finds them in a text whose words are `parts`."""
        probabilities = self._probabilities[self._slice(parts)]
        (found,) = self._model.task.answers([[text]], probabilities, self._model.decider)["entities"]
        return [(entity["label"], entity["text"]) for entity in found]

    def probability(self, parts: Parts, label: str) -> float:
        return float(self._probabilities[self._places[parts], self._model.labels.index(label)])

    def _slice(self, parts: Parts) -> slice:
        place = self._places[parts]
        return slice(self._ends[place - 1] if place else 0, self._ends[place])

    def _row(self, parts: Parts) -> Any:
        if self._model.task.per_word:
            return list(parts)
        return parts if len(self._model.task.inputs) > 1 else parts[0]

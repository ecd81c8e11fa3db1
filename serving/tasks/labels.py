"""One label for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from components.base.encoding import Encoded, Encoder
from serving.tasks.task import Decider, Decisions, Output, Probabilities, Task


class SingleLabel(Task):
    """label and probability are those of the likeliest label, or of the best k, likeliest first; abstain says that the
    likeliest one is not likely enough."""

    name = "single-label"
    outputs = (
        Output("label", "BYTES"),
        Output("probability", "FP32"),
        Output("abstain", "BOOL"),
        Output("probabilities", "FP32", (-1, "labels")),
    )
    shown = ("label", "probability")
    ranks = True

    def decide(self, probabilities: Probabilities, decider: Decider) -> Decisions:
        places: Decisions = probabilities.argmax(axis=1)
        return places

    def answers(
        self, columns: Sequence[Sequence[str]], probabilities: Probabilities, decider: Decider, top_k: int = 0
    ) -> dict[str, Any]:
        likeliest = np.maximum.reduce(probabilities, axis=1)
        abstain = likeliest < decider.abstain_below if decider.abstain_below < 1 else np.ones(len(likeliest), bool)
        always = {"abstain": abstain, "probabilities": probabilities}
        if top_k < 2:
            places = self.decide(probabilities, decider).tolist()
            label = np.array([decider.labels[place] for place in places], object)
            shape = (-1, 1) if top_k else (-1,)
            return {"label": label.reshape(shape), "probability": likeliest.reshape(shape), **always}
        ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
        best = np.take_along_axis(probabilities, ranks, 1)
        return {"label": np.array(decider.labels, object)[ranks], "probability": best, **always}


class TextPair(SingleLabel):
    """A row is a tuple of two texts."""

    name = "text-pair"
    inputs = ("text", "text_pair")

    def read(self, columns: Sequence[Sequence[str]]) -> list[Any]:
        return list(zip(*columns, strict=True))

    def length(self, row: Any) -> int:
        return sum(map(super().length, row))

    def encode(self, encoder: Encoder, rows: Sequence[Any]) -> Encoded:
        return encoder.pairs([first for first, _ in rows], [second for _, second in rows])

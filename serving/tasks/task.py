"""What a task must say of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.base.encoding import Encoded, Encoder

CHARACTERS_A_TOKEN = 4

Logits = NDArray[np.float32]
Probabilities = NDArray[np.float32]
Decisions = NDArray[Any]


class Output(NamedTuple):
    """A tensor of an answer; `axes` are those of its shape, -1 the rows, "labels" as many as these.

    The elements of a `structured` one are lists, which the protocol sends as JSON.
    """

    name: str
    datatype: str
    axes: tuple[int | str, ...] = (-1,)
    structured: bool = False


@dataclass(frozen=True)
class Decider:
    """What turns a model's logits into answers, as a bundle's manifest holds it.

    `temperature` divides the logits; `thresholds` are the probabilities from which each label is given, where a task
    decides on every label for itself, else empty; a single label whose probability is below `abstain_below` is better
    withheld (1: any is).
    """

    labels: list[str]
    temperature: float = 1.0
    thresholds: Sequence[float] = ()
    abstain_below: float = 0.0


class Task(ABC):
    """A row is what `encode` takes of it: a text, a pair of texts, or a list of words.

    Logits and probabilities are float32 [rows, labels], with `per_word` [words of all rows, labels]: those of a word
    that fell to truncation are NaN. `inputs` are the tensors of a request and the columns of a frame, `shown` the
    outputs that a frame has; `ranks` says whether the best k labels can be asked for.
    """

    name: str
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[Output, ...]
    shown: tuple[str, ...]
    per_word = False
    ranks = False

    def read(self, columns: Sequence[Sequence[str]]) -> list[Any]:
        """The rows of a request that has one column for each of `inputs`, all of one length."""
        return list(columns[0])

    def size(self, row: Any) -> int:
        """The rows that it has in the model's logits."""
        return len(row) if self.per_word else 1

    def length(self, row: Any) -> int:
        """About as many tokens as it has, without encoding it."""
        return len(row) // CHARACTERS_A_TOKEN + 1

    def encode(self, encoder: Encoder, rows: Sequence[Any]) -> Encoded:
        return encoder.texts(rows)

    def thresholds(self, labels: Sequence[str]) -> list[float]:
        """Where none were fitted."""
        return []

    def probabilities(self, logits: Logits, temperature: float) -> Probabilities:
        return softmax(logits, temperature)

    @abstractmethod
    def decide(self, probabilities: Probabilities, decider: Decider) -> Decisions:
        """int64 [rows] (or [words]), places in `decider.labels`; bool [rows, labels] where a row has any number."""

    @abstractmethod
    def answers(
        self, columns: Sequence[Sequence[str]], probabilities: Probabilities, decider: Decider, top_k: int = 0
    ) -> dict[str, Any]:
        """For each of `outputs` its values by row: an array of the output's axes, or a list where it is structured.

        `columns` are those that `read` was given; `top_k`, where the task ranks, adds an axis of the best k labels.
        """


def softmax(logits: Logits, temperature: float = 1.0) -> Probabilities:
    """Of logits / temperature, over the last axis."""
    powers = np.subtract(logits, np.maximum.reduce(logits, axis=-1, keepdims=True), dtype=np.float64)
    powers /= temperature
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    shares: Probabilities = powers.astype(np.float32)
    return shares


def answer_parts(answer: str | Sequence[Any]) -> list[str]:
    """A label, labels or entities, as equal answers have them equal."""
    if isinstance(answer, str):
        return [answer]
    return sorted(
        part if isinstance(part, str) else f"{part['label']} {part['text']!r} at {part['start']}" for part in answer
    )

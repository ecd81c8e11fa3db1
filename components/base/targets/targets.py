"""What a task must say of rows and their right answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.base.counts import Counts, Floats
from components.base.errors import TextgateError
from components.base.truncation import Integers
from serving.tasks.task import Decider, Decisions, Logits, Probabilities, Task

LEAST = 1e-15


class Claims(NamedTuple):
    """What probabilities say, claim by claim, [claims] each: the row, the probability that was given to what is
    claimed, and whether it is so; the squared error over what could have been (Brier 1950), and minus the logarithm of
    the probability of what is right.

    A claim is the likeliest label of a row (or tag of a word), or of several labels each one's being there.
    """

    rows: Integers
    confidence: Floats
    happened: Decisions
    squared: Floats
    surprise: Floats


class Targets(ABC):
    """`rows` are what a model of `task` reads; `truth` the decisions that would be right, as Task.decide gives them.

    `classes` are what F1 is averaged over, `metrics` the names of those that the task has, `main` the one that
    quantization may lose little of. `column` names what is decided on, in the tables.
    """

    task: Task
    metrics: tuple[str, ...] = ("accuracy", "macro_f1")
    main = "accuracy"
    column = "label"
    classes: list[str]

    def __init__(self, rows: list[Any], truth: Decisions, labels: list[str]) -> None:
        self.rows, self.truth, self.labels = rows, truth, labels
        self.classes = labels

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    @abstractmethod
    def of(cls, table: pa.Table, labels: list[str]) -> Self:
        """See targets_of."""

    @property
    def owners(self) -> Integers:
        """int64 [decisions]: the row that each is on."""
        return np.arange(len(self.rows))

    @property
    def decider(self) -> Decider:
        """As long as nothing is fitted."""
        return Decider(self.labels, thresholds=self.task.thresholds(self.labels))

    @abstractmethod
    def translated(self, decisions: Decisions, labels: Sequence[str]) -> Decisions:
        """Decisions by the labels of a model, as decisions by those of the data; one that the data does not know is
        none of these, and always wrong."""

    @abstractmethod
    def same(self, one: Decisions, other: Decisions) -> Decisions:
        """bool [decisions]: where two agree."""

    @abstractmethod
    def counts(self, predicted: Decisions) -> Counts: ...

    @abstractmethod
    def keys(self, decisions: Decisions) -> Integers:
        """int [rows, k]: rows with equal keys of truth and of predictions have equal counts."""

    @abstractmethod
    def margins(self, logits: Logits, decider: Decider) -> Floats:
        """[rows]: by how much each was decided, at the least."""

    def asked(self, row: int) -> dict[str, str]:
        """What a server is sent of a row, by the task's inputs."""
        texts = self.rows[row] if len(self.task.inputs) > 1 else [self.rows[row]]
        return dict(zip(self.task.inputs, texts, strict=True))

    @abstractmethod
    def answer(self, row: int) -> Any:
        """The right one, as read_canary has it; None where the server would read the row otherwise."""

    @abstractmethod
    def stored(self, decisions: Decisions) -> pa.Array:
        """As the table's own column holds them; a label that the data does not know is null."""

    @staticmethod
    @abstractmethod
    def restored(stored: pa.Array, labels: Sequence[str]) -> Decisions:
        """Decisions of what `stored` made of them; a label that is not among these is one that the data does not
        know."""

    def listed(self, probabilities: Probabilities) -> pa.Array:
        """For each row a list of float32 by label; of tags, a list of such lists by word."""
        ends = np.arange(len(probabilities) + 1, dtype=np.int32) * probabilities.shape[1]
        return pa.ListArray.from_arrays(ends, pa.array(np.ravel(probabilities), pa.float32()))

    @abstractmethod
    def claims(self, probabilities: Probabilities) -> Claims:
        """Of probabilities by the labels of the data; words that fell to truncation make none."""

    @abstractmethod
    def select(self, rows: Decisions, labels: Sequence[str]) -> Selected:
        """The part of the rows, bool [rows], and of the labels that is meant; labels in the data's order."""

    def confusion(self, predicted: Decisions) -> list[list[int]] | None:
        """[true][predicted], where each row has one of the labels and not several."""
        return None

    def ranked(self, probabilities: Probabilities) -> tuple[Floats, Decisions] | None:
        """Scores and truth of each class in each row, [rows, classes]; None where they are not of rows."""
        return None

    def ranks(self, probabilities: Probabilities) -> Integers | None:
        """How many labels are likelier than the right one, int64 [rows]; None where a row has not one right label."""
        return None


class Selected(NamedTuple):
    """Some of the rows, by number, and labels; `decisions` and `probabilities` give that part of a model's answers."""

    rows: Integers
    targets: Targets
    decisions: Callable[[Decisions], Decisions]
    probabilities: Callable[[Probabilities], Probabilities]


def aligned(probabilities: Probabilities, names: Sequence[str], labels: Sequence[str]) -> Probabilities:
    """By `names`, as by `labels`; 0 for a label that is none of the names."""
    wide = np.pad(probabilities, ((0, 0), (0, 1)))
    return np.asarray(wide[:, among(labels, names)])


def places(values: pa.Array, labels: Sequence[str], what: str) -> Integers:
    """int64, the place of each value among the labels."""
    found = pc.index_in(values, value_set=pa.array(labels, pa.string()))
    if found.null_count:
        unknown = values.filter(found.is_null())[0].as_py()
        raise TextgateError(f"the data has the {what} {unknown!r}, which is not among data.labels of the config")
    return np.asarray(found, np.int64)


def among(names: Sequence[str], labels: Sequence[str]) -> Integers:
    """int64, the place of each name among the labels, -1 where it is none."""
    number = {label: place for place, label in enumerate(labels)}
    return np.array([number.get(name, -1) for name in names], np.int64)

"""A tag for each word, and the entities that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.base.counts import Counts, Floats
from components.base.errors import TextgateError
from components.base.targets.labels import lead, likeliest
from components.base.targets.targets import Claims, Selected, Targets, among, places
from components.base.truncation import Integers
from serving.tasks import TASKS
from serving.tasks.entities import OUTSIDE, Scheme
from serving.tasks.tags import split_words
from serving.tasks.task import Decider, Decisions, Logits, Probabilities


class TagTargets(Targets):
    """`truth` int64 [words of all rows]; -1 is a tag that the data does not know.

    Accuracy is that of words; F1 is that of entities, each right where its first word, last word and type are.
    """

    task = TASKS["token-tags"]
    metrics = ("accuracy", "macro_f1", "micro_f1")
    main = "micro_f1"
    column = "tags"

    def __init__(self, rows: list[list[str]], truth: Decisions, labels: list[str]) -> None:
        super().__init__(rows, truth, labels)
        self.scheme = Scheme(labels)
        self.classes = self.scheme.types
        self.sizes = np.array([len(row) for row in rows], np.int64)
        self.ends = np.cumsum(self.sizes)

    @property
    def owners(self) -> Integers:
        return np.repeat(np.arange(len(self)), self.sizes)

    @classmethod
    def of(cls, table: pa.Table, labels: list[str]) -> Self:
        tags = table["tags"].combine_chunks()
        rows = [[word or "" for word in row] for row in table["tokens"].to_pylist()]
        sizes = np.array([len(row) for row in rows], np.int64)
        if len(wrong := np.flatnonzero(sizes != np.asarray(pc.list_value_length(tags)))):
            row = table["id"][int(wrong[0])].as_py()
            raise TextgateError(f"the row {row!r} has not one tag for each token")
        return cls(rows, places(tags.flatten(), labels, "tag"), labels)

    def translated(self, decisions: Decisions, labels: Sequence[str]) -> Decisions:
        return among(labels, self.labels)[decisions]

    def same(self, one: Decisions, other: Decisions) -> Decisions:
        return np.asarray(one == other)

    def counts(self, predicted: Decisions) -> Counts:
        right = np.bincount(self.owners, self.same(self.truth, predicted), len(self)).astype(np.int64)
        true, found = self.scheme.find(self.truth, self.sizes), self.scheme.find(predicted, self.sizes)
        _, one, other = np.intersect1d(true.starts, found.starts, assume_unique=True, return_indices=True)
        hits = one[(true.ends[one] == found.ends[other]) & (true.kinds[one] == found.kinds[other])]
        parts = (true.rows, true.kinds), (found.rows, found.kinds), (true.rows[hits], true.kinds[hits])
        return Counts(self.sizes, right, len(self.classes), *parts)

    def keys(self, decisions: Decisions) -> Integers:
        return np.arange(len(self))[:, None]

    def margins(self, logits: Logits, decider: Decider) -> Floats:
        least = np.full(len(self), np.inf)
        np.fmin.at(least, self.owners, lead(logits))
        return least

    def asked(self, row: int) -> dict[str, str]:
        """The words with a space between."""
        return {"text": " ".join(self.rows[row])}

    def answer(self, row: int) -> Any:
        words, text = self.rows[row], self.asked(row)["text"]
        split = split_words(text)
        if [word for word, _ in split] != words:
            return None
        first = self.ends[row] - self.sizes[row]
        found = self.scheme.find(self.truth[first : self.ends[row]], self.sizes[row : row + 1])
        entities = []
        for kind, head, last in zip(found.kinds, found.starts, found.ends - 1, strict=True):
            start, end = split[head][1][0], split[last][1][1]
            label = self.scheme.types[kind]
            entities.append({"label": label, "text": text[start:end], "start": start, "end": end})
        return entities

    def stored(self, decisions: Decisions) -> pa.Array:
        tags = pa.array(np.array([*self.labels, None], object)[decisions], pa.string())
        return pa.ListArray.from_arrays(pa.array([0, *self.ends], pa.int32()), tags)

    @staticmethod
    def restored(stored: pa.Array, labels: Sequence[str]) -> Decisions:
        return among(stored.flatten().to_pylist(), labels)

    def listed(self, probabilities: Probabilities) -> pa.Array:
        return pa.ListArray.from_arrays(np.append(0, self.ends).astype(np.int32), super().listed(probabilities))

    def claims(self, probabilities: Probabilities) -> Claims:
        scored = np.flatnonzero(~np.isnan(probabilities[:, 0]))
        return likeliest(self.owners[scored], probabilities[scored], self.truth[scored])

    def select(self, rows: Decisions, labels: Sequence[str]) -> Selected:
        """All rows; a tag that is none of these labels counts as O, in truth and in answers alike."""
        kept, words = np.flatnonzero(rows), np.repeat(rows, self.sizes)
        new = np.append(among(self.labels, labels), -1)
        new[new < 0] = labels.index(OUTSIDE) if OUTSIDE in labels else -1
        targets = type(self)([self.rows[row] for row in kept], new[self.truth[words]], list(labels))
        columns = among(labels, self.labels)
        return Selected(kept, targets, lambda found: new[found[words]], lambda found: found[words][:, columns])

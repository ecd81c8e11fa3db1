"""A tag for each word of a text, and the entities that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, pre_tokenizers

from components.base.encoding import Encoded, Encoder
from serving.tasks.entities import OUTSIDE, Scheme
from serving.tasks.task import Decider, Decisions, Output, Probabilities, Task

# A run of letters, marks, digits and underscores, or any other single character that is not white space.
WORDS = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)

Word = tuple[str, tuple[int, int]]


def split_words(text: str) -> list[Word]:
    """Each word with the offsets, in characters, of its start and its end."""
    words: list[Word] = WORDS.pre_tokenize_str(text)
    return words


class TokenTags(Task):
    """A row is a list of words; a text that is sent is split into them by `split_words`.

    A word that fell to truncation, or of which the tokenizer makes nothing, is outside of every entity (its tag is the
    first label where there is no O). An entity's probability is the mean over its words, each that of its tag.
    """

    name = "token-tags"
    outputs = (Output("entities", "BYTES", structured=True),)
    shown = ("entities",)
    per_word = True

    def read(self, columns: Sequence[Sequence[str]]) -> list[Any]:
        return [[word for word, _ in split_words(text)] for text in columns[0]]

    def length(self, row: Any) -> int:
        return len(row)

    def encode(self, encoder: Encoder, rows: Sequence[Any]) -> Encoded:
        """Its tags are the words' numbers, counted over all rows, at the pieces where their tags are read."""
        return encoder.words(rows, range(sum(map(len, rows))))

    def decide(self, probabilities: Probabilities, decider: Decider) -> Decisions:
        outside = decider.labels.index(OUTSIDE) if OUTSIDE in decider.labels else 0
        return np.where(np.isnan(probabilities[:, 0]), outside, probabilities.argmax(axis=1))

    def answers(
        self, columns: Sequence[Sequence[str]], probabilities: Probabilities, decider: Decider, top_k: int = 0
    ) -> dict[str, Any]:
        rows = [split_words(text) for text in columns[0]]
        words = [word for row in rows for word in row]
        scheme = Scheme(decider.labels)
        found = scheme.find(self.decide(probabilities, decider), np.array([len(row) for row in rows], np.int64))
        # Without O, a word that fell to truncation has a tag but no probability.
        sure = np.nan_to_num(probabilities.max(axis=1, initial=0))
        entities: list[list[dict[str, Any]]] = [[] for _ in rows]
        for row, first, last, kind in zip(found.rows, found.starts, found.ends - 1, found.kinds, strict=True):
            start, end = words[first][1][0], words[last][1][1]
            entities[row].append(
                {
                    "label": scheme.types[kind],
                    "text": columns[0][row][start:end],
                    "start": start,
                    "end": end,
                    "probability": float(sure[first : last + 1].mean()),
                }
            )
        return {"entities": entities}

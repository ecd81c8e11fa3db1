"""How tags make entities, held against seqeval, and how a text is split into words."""

from __future__ import annotations

import numpy as np
import pytest
from seqeval.scheme import IOB2, Entities

from serving.tasks.entities import Scheme
from serving.tasks.tags import split_words

TAGS = ["O", "B-place", "I-place", "B-person", "I-person", "I-thing"]


def found(tags: list[str], rows: list[list[str]]) -> list[tuple[int, int, int, str]]:
    """(row, first word, word after the last, type), words counted within the row."""
    scheme = Scheme(tags)
    sizes = np.array([len(row) for row in rows], np.int64)
    numbers = np.array([tags.index(tag) if tag in tags else -1 for row in rows for tag in row], np.int64)
    first = np.cumsum(sizes) - sizes
    entities = scheme.find(numbers, sizes)
    parts = zip(entities.rows, entities.starts, entities.ends, entities.kinds, strict=True)
    return [(row, start - first[row], end - first[row], scheme.types[kind]) for row, start, end, kind in parts]


def test_entities_are_those_of_seqeval() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = [list(rng.choice(TAGS, rng.integers(1, 9))) for _ in range(40)]
        expected = [(one.sent_id, one.start, one.end, one.tag) for row in Entities(rows, IOB2).entities for one in row]
        assert found(TAGS, rows) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["B-place", "I-place"], ["I-place", "B-place"]], [(0, 0, 2, "place"), (1, 1, 2, "place")]),
        ([["B-place", "B-place", "I-person"]], [(0, 0, 1, "place"), (0, 1, 2, "place")]),
        ([["B-place", "unknown", "I-place"], [], ["B-person"]], [(0, 0, 1, "place"), (2, 0, 1, "person")]),
        ([[]], []),
        ([], []),
    ],
)
def test_rows_unknown_tags_and_other_types_end_an_entity(
    rows: list[list[str]], expected: list[tuple[int, int, int, str]]
) -> None:
    assert found(TAGS, rows) == expected


def test_tags_that_are_not_iob2_stand_for_themselves() -> None:
    assert found(["NOUN", "VERB", "O"], [["NOUN", "NOUN", "O", "VERB"]]) == [
        (0, 0, 1, "NOUN"),
        (0, 1, 2, "NOUN"),
        (0, 3, 4, "VERB"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't go_to U.S.!", ["Don", "'", "t", "go_to", "U", ".", "S", ".", "!"]),
        ("e\u0301a हिन्दी\u00a0日本語 😀👍", ["e\u0301a", "हिन्दी", "日本語", "😀", "👍"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words_are_runs_of_word_characters_or_single_others(text: str, words: list[str]) -> None:
    split = split_words(text)
    assert [word for word, _ in split] == words
    assert [text[start:end] for _, (start, end) in split] == words

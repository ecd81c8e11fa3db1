"""Which rows have which words. A word, or two that follow each other, is looked for only where it is common: names of
slices stand in reports, which hold no texts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tokenizers import Regex, pre_tokenizers

from components.base.text import normalise
from components.base.truncation import Integers

# Words with their apostrophes; what is between them keeps two words from following each other.
WORDS = pre_tokenizers.Split(Regex(r"\w+(?:['’]\w+)*|[^\w\s]"), "removed", invert=True)
CHARACTERS_READ = 2000
LONGEST = 30
FEWEST_UNITS = 5
MOST_WORDS, MOST_PAIRS = 500, 300


class Words(NamedTuple):
    """`rows` bool [rows, names]."""

    names: list[str]
    rows: NDArray[np.bool_]


class _Common(NamedTuple):
    """`codes` int64 [n], commonest first; bool [rows, n] which rows have them."""

    codes: Integers
    rows: NDArray[np.bool_]


def common_words(texts: list[str], units: Integers, least: int) -> Words:
    """Words and pairs of words, casefolded, that stand in `least` texts or more, are missing in as many, and come from
    at least FEWEST_UNITS units, int64 [rows]; of letters alone, since numbers tell of persons. Of each text the first
    CHARACTERS_READ are read."""
    words, rows, vocabulary = _read(texts)
    plain = np.array([_is_plain(word) for word in vocabulary], bool)[words]
    singles = _common(words[plain], rows[plain], units, least, MOST_WORDS)
    rank = np.full(len(vocabulary), -1)
    rank[singles.codes] = np.arange(len(singles.codes))
    first, second = rank[words[:-1]], rank[words[1:]]
    follow = (first >= 0) & (second >= 0) & (rows[:-1] == rows[1:])
    codes = (first * max(1, len(singles.codes)) + second)[follow]
    pairs = _common(codes, rows[:-1][follow], units, least, MOST_PAIRS)
    names = [vocabulary[code] for code in singles.codes]
    names += [f"{names[code // len(singles.codes)]} {names[code % len(singles.codes)]}" for code in pairs.codes]
    return Words(names, np.concatenate([singles.rows, pairs.rows], axis=1))


def _read(texts: list[str]) -> tuple[Integers, Integers, list[str]]:
    """The words of all texts as places in the vocabulary, the row of each, and the vocabulary."""
    number: dict[str, int] = {}
    words, sizes = [], []
    for text in texts:
        split = WORDS.pre_tokenize_str(normalise(text[:CHARACTERS_READ]))
        words.append(np.array([number.setdefault(word, len(number)) for word, _ in split], np.int64))
        sizes.append(len(split))
    return np.concatenate(words), np.repeat(np.arange(len(texts)), sizes), list(number)


def _is_plain(word: str) -> bool:
    return len(word) <= LONGEST and any(map(str.isalpha, word)) and not any(c.isnumeric() or c == "_" for c in word)


def _common(codes: Integers, rows: Integers, units: Integers, least: int, most: int) -> _Common:
    number, of_unit = np.unique(units, return_inverse=True)
    has = _having(rows, codes, len(units))
    count = np.bincount(has.indices, minlength=has.shape[1])
    heard = np.bincount(_having(of_unit[rows], codes, len(number)).indices, minlength=has.shape[1])
    chosen = np.flatnonzero((count >= least) & (count <= len(units) - least) & (heard >= FEWEST_UNITS))
    chosen = chosen[np.argsort(-count[chosen], kind="stable")[:most]]
    return _Common(chosen, has[:, chosen].toarray())


def _having(rows: Integers, codes: Integers, count: int) -> Any:
    """Sparse bool [count, codes]."""
    shape = (count, int(codes.max(initial=-1)) + 1)
    table = sparse.coo_array((np.ones(len(codes), bool), (rows, codes)), shape).tocsr()
    table.sum_duplicates()
    return table

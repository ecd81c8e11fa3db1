"""What is counted while a split is encoded, of bounded size, and the health figures made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.base.files import read_json, write_json
from components.base.truncation import Integers

Counts = NDArray[np.uint32]

# Lengths have a bin each up to EXACT, and STEPS bins from each power of two to the next above: 3 % at most.
EXACT, STEPS = 1024, 32
BINS = EXACT + STEPS * 21
MOST_CULPRITS = 100_000


class Measures(NamedTuple):
    """Of some texts: `lengths` int64 [texts]; text `owners[i]` has the label `labels[i]`, each pair once.

    `totals` are added up: rows, windows, tokens (without special ones, before truncation), unknown of them, lengths,
    and where texts are made of words: words, lost_words, empty_words. `culprits` are what the tokenizer does not know.
    """

    lengths: Integers
    owners: Integers
    labels: Integers
    totals: dict[str, int]
    culprits: Counter[str]


@dataclass
class Tally:
    """`lengths`: uint32 [1 + labels, BINS], how many texts of each length there are, in all and of each label."""

    lengths: Counts
    longest: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    culprits: Counter[str] = field(default_factory=Counter)

    @classmethod
    def empty(cls, labels: int) -> Tally:
        return cls(np.zeros((1 + labels, BINS), np.uint32))

    def add(self, measures: Measures) -> None:
        places = bins(measures.lengths)
        np.add.at(self.lengths[0], places, 1)
        np.add.at(self.lengths, (1 + measures.labels, places[measures.owners]), 1)
        self.longest = max(self.longest, int(measures.lengths.max(initial=0)))
        self.totals.update(measures.totals)
        self._blame(measures.culprits)

    def include(self, other: Tally) -> None:
        self.lengths += other.lengths
        self.longest = max(self.longest, other.longest)
        self.totals.update(other.totals)
        self._blame(other.culprits)

    def _blame(self, culprits: Counter[str]) -> None:
        self.culprits.update(culprits)
        if len(self.culprits) > 2 * MOST_CULPRITS:
            self.culprits = Counter(dict(self.culprits.most_common(MOST_CULPRITS)))

    @property
    def unknown_share(self) -> float:
        return self.totals["unknown"] / max(self.totals["tokens"], 1)

    def save(self, folder: Path, split: str) -> None:
        np.save(folder / f"{split}.lengths.npy", self.lengths, allow_pickle=False)
        rest = {"longest": self.longest, "totals": self.totals, "culprits": self.culprits}
        write_json(folder / f"{split}.totals.json", rest)

    @classmethod
    def load(cls, folder: Path, split: str) -> Tally:
        rest = read_json(folder / f"{split}.totals.json")
        lengths = np.load(folder / f"{split}.lengths.npy", allow_pickle=False)
        return cls(lengths, rest["longest"], Counter(rest["totals"]), Counter(rest["culprits"]))


def health(tally: Tally, labels: list[str], max_length: int, chunked: bool) -> dict[str, Any]:
    """Numbers of a split, and under `labels` those of the texts of each label; lengths are before truncation.

    Percentiles of lengths above EXACT tokens are too low by up to 3 %.
    """
    totals, rows = tally.totals, tally.totals["rows"]
    figures: dict[str, Any] = {
        "rows": rows,
        "mean_tokens": totals["lengths"] / max(rows, 1),
        **_lengths(tally.lengths[0], 0 if chunked else max_length),
        "max_tokens": tally.longest,
        "unknown_share": tally.unknown_share,
        **{name: totals[name] for name in ("words", "lost_words", "empty_words") if "words" in totals},
    }
    if chunked:
        figures["windows"] = totals["windows"]
    figures["labels"] = {
        label: {"rows": int(counts.sum()), **_lengths(counts, 0 if chunked else max_length)}
        for label, counts in zip(labels, tally.lengths[1:], strict=True)
    }
    return figures


def _lengths(counts: Counts, max_length: int) -> dict[str, float]:
    """`max_length` 0 where nothing is truncated."""
    total = int(counts.sum())
    if not total:
        return {}
    over = int(counts[max_length + 1 :].sum()) if max_length else 0
    percentiles = {f"p{q}_tokens": _percentile(counts, q) for q in (50, 95, 99)}
    return {**percentiles, "truncated_share": over / total}


def _percentile(counts: Counts, q: int) -> float:
    """As numpy.percentile of the single lengths: linear between the two nearest."""
    ends = np.cumsum(counts)
    place = q / 100 * (int(ends[-1]) - 1)
    low, high = (EDGES[np.searchsorted(ends, at, side="right")] for at in (np.floor(place), np.ceil(place)))
    return float(low + (high - low) * (place - np.floor(place)))


def bins(lengths: Integers) -> Integers:
    """The bin of each length."""
    power = np.frexp(np.maximum(lengths, 1))[1].astype(np.int64) - 1
    shift = np.maximum(power - 5, 0)
    coarse = EXACT + (power - 10) * STEPS + (lengths >> shift) - STEPS
    return np.where(lengths < EXACT, lengths, np.minimum(coarse, BINS - 1))


def _edges() -> NDArray[np.int64]:
    """The least length of each bin."""
    step, power = np.arange(BINS - EXACT) % STEPS, np.arange(BINS - EXACT) // STEPS + 10
    return np.concatenate([np.arange(EXACT), (STEPS + step) << (power - 5)])


EDGES = _edges()

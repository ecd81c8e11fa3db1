"""Limits that fit what was measured, with room for the next version of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from components.base.settings import BATCH_SIZE, Task, TrainingSettings
from pipelines.data.init.measuring import Measures

# Of a text and its special tokens; the longest is what the default base model takes.
LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
SHORTEST = 32
PERCENTILE = 99
HEAD_ROOM = 1.25
BUCKET_SHARE = 0.03
STEPS = 1200
MOST_EPOCHS = 20


@dataclass(frozen=True)
class Limits:
    """Values of the settings of these names; `cut_share` of the texts are longer than max_length tokens, `too_long`
    texts longer than max_text_length characters."""

    min_rows: dict[str, int]
    min_rows_per_label: int
    max_label_share: float
    max_text_length: int
    too_long: int
    max_length: int
    cut_share: float
    bucket_lengths: list[int]
    epochs: int
    min_accuracy: float


def suggest_limits(measures: Measures, task: Task) -> Limits:
    present = [count for rows in measures.by_split.values() for count in rows if count]
    longest = _text_length(measures)
    max_length = _max_length(measures)
    return Limits(
        {split: round_down(rows / 2) for split, rows in measures.rows.items()},
        min(round_down(min(present) / 2), 50),
        label_share(measures.largest_share),
        longest,
        int((measures.characters > longest).sum()),
        max_length,
        float((measures.tokens > max_length).mean()),
        _buckets(measures, max_length),
        _epochs(measures.rows["train"]),
        accuracy_floor(measures.largest_share) if task in ("single-label", "text-pair") else 0.5,
    )


def round_down(number: float) -> int:
    """To its first digit, and at least 1."""
    if number < 1:
        return 1
    unit = 10 ** math.floor(math.log10(number))
    return int(number // unit * unit)


def round_up(number: float) -> int:
    """To its first two digits."""
    unit = max(10 ** (math.floor(math.log10(max(number, 1))) - 1), 1)
    return int(math.ceil(number / unit) * unit)


def label_share(seen: float) -> float:
    """Twice the largest share, or half of what is left to 1 where that is less; a step of 0.05 up."""
    wanted = min(2 * seen, seen + (1 - seen) / 2)
    return min(1.0, math.ceil(wanted * 20 - 1e-9) / 20)


def accuracy_floor(majority: float) -> float:
    """Always saying the commonest label must not pass: a fifth of the way from its share to 1, and at least 0.5."""
    return max(0.5, math.ceil((majority + (1 - majority) / 5) * 100) / 100)


def _text_length(measures: Measures) -> int:
    """Half more than the longest text; where few texts are much longer than all others, four times these."""
    longest, usual = int(measures.characters.max()), float(np.percentile(measures.characters, 99.9))
    return round_up(1.5 * longest if longest <= 10 * usual else 4 * usual)


def _max_length(measures: Measures) -> int:
    """Batches are as long as their own texts, so that room for longer ones costs nothing."""
    needed = max(SHORTEST, HEAD_ROOM * float(np.percentile(measures.tokens, PERCENTILE)))
    return next((length for length in LENGTHS if length >= needed), LENGTHS[-1])


def _buckets(measures: Measures, max_length: int) -> list[int]:
    """Those of the default lengths that hold a fair share of the rows, and max_length."""
    buckets: list[int] = []
    for length in TrainingSettings().bucket_lengths:
        least = buckets[-1] if buckets else 0
        share = ((measures.tokens > least) & (measures.tokens <= length)).mean()
        if length < max_length and share >= BUCKET_SHARE:
            buckets.append(length)
    return [*buckets, max_length]


def _epochs(rows: int) -> int:
    """For about STEPS steps of the default batch size; the best epoch on the validation rows is what is kept."""
    return min(max(math.ceil(STEPS * BATCH_SIZE / max(rows, 1)), 2), MOST_EPOCHS)

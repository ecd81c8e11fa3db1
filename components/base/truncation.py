"""Which tokens of a text are kept where it is longer than the model takes; all texts at once, by numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # serving does without pydantic
    from components.base.settings import TokenizationSettings

Integers = NDArray[np.int64]

POLICIES = ("head", "tail", "head_tail", "chunk")


class Truncation(NamedTuple):
    """`max_length` counts tokens, special ones included; the policies are those of TokenizationSettings.

    Of a text with more tokens than the `room` that the special ones leave: `head` keeps the first, `tail` the last,
    `head_tail` round(room * head_share) of the first and the rest of the last; `chunk` keeps all, as windows of `room`
    tokens, each of which begins with the last `overlap` tokens of the one before; the last one ends with the text.
    """

    policy: str = "head"
    max_length: int = 64
    head_share: float = 0.25
    overlap: int = 0

    @classmethod
    def of(cls, options: TokenizationSettings) -> Truncation:
        return cls(options.truncation, options.max_length, options.head_share, options.overlap)

    @property
    def parameters(self) -> dict[str, Any]:
        """The policy and those of its parameters that it heeds, for a manifest."""
        heeded: dict[str, dict[str, Any]] = {
            "head_tail": {"head_share": self.head_share},
            "chunk": {"overlap": self.overlap},
        }
        return {"policy": self.policy, **heeded.get(self.policy, {})}

    def __str__(self) -> str:
        """What becomes of a long text, to end a sentence that has named the length."""
        return {
            "head": "keep their start",
            "tail": "keep their end",
            "head_tail": f"keep a start ({self.head_share:.0%} of the tokens) and the end",
            "chunk": f"are read in windows that overlap by {self.overlap} tokens; the windows' logits are averaged,"
            " each weighted by its tokens",
        }[self.policy]


class Spans(NamedTuple):
    """What is kept: row `i` holds tokens of the text `texts[i]`, namely those of its spans.

    `starts` and `lengths` are int64 [rows, spans], counted within the text; a span may have length 0.
    """

    texts: Integers
    starts: Integers
    lengths: Integers


def keep(counts: Integers, room: int, truncation: Truncation) -> Spans:
    """Two spans for each row, of which all but `head_tail` use the first; `counts` are the tokens of each text."""
    if truncation.policy == "chunk":
        return _windows(counts, room, truncation.overlap)
    texts, over = np.arange(len(counts)), counts > room
    first = np.minimum(counts, room)
    starts, lengths = np.zeros((len(counts), 2), np.int64), np.zeros((len(counts), 2), np.int64)
    if truncation.policy == "tail":
        starts[:, 0] = counts - first
    if truncation.policy == "head_tail":
        head = round(room * truncation.head_share)
        first[over] = head
        lengths[over, 1] = room - head
        starts[:, 1] = counts - lengths[:, 1]
    lengths[:, 0] = first
    return Spans(texts, starts, lengths)


def _windows(counts: Integers, room: int, overlap: int) -> Spans:
    step = room - overlap
    windows = 1 + np.maximum(0, -(-(counts - room) // step))
    texts = np.repeat(np.arange(len(counts)), windows)
    number = np.arange(len(texts)) - np.repeat(np.cumsum(windows) - windows, windows)
    starts, lengths = np.zeros((len(texts), 2), np.int64), np.zeros((len(texts), 2), np.int64)
    starts[:, 0] = number * step
    lengths[:, 0] = np.minimum(counts[texts] - starts[:, 0], room)
    return Spans(texts, starts, lengths)


def keep_pairs(first: Integers, second: Integers, room: int, truncation: Truncation) -> Spans:
    """One span of each text of a pair: what does not fit is taken from the longer one, then evenly from both.

    The lengths are those of the `tokenizers` library's strategy longest_first: the odd token goes to the longer text,
    to the second where they are equally long.
    """
    shorter, longer = np.minimum(first, second), np.maximum(first, second)
    longer = np.where(shorter > room, shorter, np.maximum(shorter, np.minimum(longer, room - shorter)))
    both = shorter + longer > room
    shorter, longer = np.where(both, room // 2, shorter), np.where(both, room - room // 2, longer)
    swapped = first > second
    lengths = np.stack([np.where(swapped, longer, shorter), np.where(swapped, shorter, longer)], axis=1)
    starts = np.zeros_like(lengths)
    if truncation.policy == "tail":
        starts = np.stack([first, second], axis=1) - lengths
    return Spans(np.arange(len(first)), starts, lengths)


def gather(starts: Integers, lengths: Integers) -> Integers:
    """The indices starts[0], starts[0] + 1, …, lengths[0] of them, then those of the next span, and so on."""
    starts, lengths = starts.reshape(-1), lengths.reshape(-1)
    ends = np.cumsum(lengths)
    shifts: Integers = np.repeat(starts - (ends - lengths), lengths)
    return np.arange(len(shifts)) + shifts

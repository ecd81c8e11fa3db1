"""Which tokens of a text are kept where it is longer than the model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # serving does without pydantic
    from components.base.settings import TokenizationSettings

Integers = NDArray[np.int64]
# From a token to before another one.
Span = tuple[int, int]

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


def keep(count: int, room: int, truncation: Truncation) -> list[list[Span]]:
    """What is kept of a text of `count` tokens: the spans of each of its windows, of which all but `chunk` make one."""
    if count <= room:
        return [[(0, count)]]
    if truncation.policy == "chunk":
        step = room - truncation.overlap
        return [[(start, min(start + room, count))] for start in range(0, count - truncation.overlap, step)]
    if truncation.policy == "tail":
        return [[(count - room, count)]]
    if truncation.policy == "head_tail":
        head = round(room * truncation.head_share)
        return [[(0, head), (count - room + head, count)]]
    return [[(0, room)]]


def keep_pair(first: int, second: int, room: int, truncation: Truncation) -> tuple[list[Span], list[Span]]:
    """The span that is kept of each: what does not fit is taken from the longer text, then evenly from both.

    The lengths are those of the `tokenizers` library's strategy longest_first: the odd token goes to the longer text,
    to the second where they are equally long.
    """
    shorter, longer = sorted((first, second))
    longer = shorter if shorter > room else max(shorter, min(longer, room - shorter))
    if shorter + longer > room:
        shorter, longer = room // 2, room - room // 2
    one, other = (longer, shorter) if first > second else (shorter, longer)
    if truncation.policy == "tail":
        return [(first - one, first)], [(second - other, second)]
    return [(0, one)], [(0, other)]

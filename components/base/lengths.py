"""Lengths of texts as a profile of the training data holds them: a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# In characters, each about a twentieth above the last. A bin holds the lengths from the bound before it to below its
# own; the last one all the others, too.
BOUNDS = np.unique(np.round(1.05 ** np.arange(0, 331)).astype(np.int64))


def histogram(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the lengths each bin holds."""
    bins = np.minimum(np.searchsorted(BOUNDS, lengths, "right"), len(BOUNDS) - 1)
    return np.bincount(bins, minlength=len(BOUNDS))


def quantile(counts: Sequence[int], share: float) -> int:
    """A length that at least this share of the texts does not exceed, as near as the bins tell."""
    ranks = np.cumsum(counts)
    return int(BOUNDS[np.searchsorted(ranks, share * ranks[-1])]) - 1

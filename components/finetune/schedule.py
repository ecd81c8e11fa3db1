"""The learning rate over a training."""

from __future__ import annotations

import math

from components.base.settings import TrainingSettings


def learning_rate(update: int, updates: int, settings: TrainingSettings) -> float:
    """Rises linearly to the peak over the first `warmup_share` of the updates, then falls to 0 after the last one,
    along a line or half a cosine, or stays. `update` counts from 0."""
    warmup, peak = max(1, round(updates * settings.warmup_share)), settings.learning_rate
    if update < warmup:
        return peak * (update + 1) / warmup
    left = (updates - update) / max(1, updates - warmup)
    if settings.schedule == "cosine":
        return peak * (1 - math.cos(math.pi * left)) / 2
    return peak * left if settings.schedule == "linear" else peak

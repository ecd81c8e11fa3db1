"""Conditions that make a slice, read from decision trees."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from components.evaluate.slices.features import Features
from components.evaluate.slices.slice import Mask


class Condition(NamedTuple):
    """The feature of this number is between two ends, both included."""

    feature: int
    low: float = 0
    high: float = math.inf

    def met(self, features: Features) -> Mask:
        values = features.values[:, self.feature]
        return np.asarray((values >= self.low) & (values <= self.high))

    def said(self, features: Features) -> str:
        name = features.names[self.feature]
        if features.flag[self.feature]:
            return name if self.low else f"not {name}"
        if self.low == self.high:
            return f"{name} = {self.low:.0f}"
        if self.high == math.inf:
            return f"{name} > {self.low - 1:.0f}"
        return f"{name} {self.low:.0f}-{self.high:.0f}" if self.low else f"{name} <= {self.high:.0f}"

    def weaker(self) -> list[Condition]:
        """With one of two ends."""
        ends = [self._replace(low=0.0), self._replace(high=math.inf)]
        return ends if self.low > 0 and self.high < math.inf else []


# In the order of their features, each at most once.
Conditions = tuple[Condition, ...]


def conditions_of(tree: Any) -> set[Conditions]:
    """Of every node below the root of a fitted scikit-learn tree (its `tree_`)."""
    found: set[Conditions] = set()
    waiting: list[tuple[int, dict[int, Condition]]] = [(0, {})]
    while waiting:
        node, held = waiting.pop()
        if held:
            found.add(tuple(held[feature] for feature in sorted(held)))
        if tree.children_left[node] == tree.children_right[node]:
            continue
        feature, cut = int(tree.feature[node]), math.floor(tree.threshold[node])
        before = held.get(feature, Condition(feature))
        for child, part in (
            (tree.children_left[node], before._replace(high=min(cut, before.high))),
            (tree.children_right[node], before._replace(low=max(cut + 1, before.low))),
        ):
            waiting.append((int(child), held | {feature: part}))
    return found

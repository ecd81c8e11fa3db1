"""How much each part of a model hurts its answers when it alone is int8."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from onnx import ModelProto

from components.quantize.activations import Feed, open_session
from components.quantize.int8 import SWITCH, to_switched, units
from components.quantize.layers import find_layers
from components.quantize.scales import Scale


def measure_errors(
    model: ModelProto, scales: Mapping[str, Scale], batches: Sequence[Feed], progress: Callable[[int], None]
) -> dict[str, float]:
    """For each unit (see int8.units) the mean squared difference that it makes to the logits, worst first; `progress`
    gets 1 for each."""
    names = list(units(find_layers(model)))
    session = open_session(to_switched(model, scales))

    def logits(chosen: Collection[str]) -> np.ndarray:
        switches = {SWITCH + name: np.array(name in chosen) for name in names}
        found = [session.run(["logits"], {**batch, **switches})[0] for batch in batches]
        return np.concatenate([part.ravel() for part in found])

    exact = logits(())
    errors = {}
    for name in names:
        errors[name] = float(np.square(logits({name}) - exact).mean())
        progress(1)
    return dict(sorted(errors.items(), key=lambda entry: -entry[1]))


def keep_float(errors: Mapping[str, float], share: float) -> list[str]:
    """The fewest units without which the others make at most this share of the error; each is counted by itself, as
    small errors add up."""
    total, kept = sum(errors.values()), []
    left = total
    for name, error in sorted(errors.items(), key=lambda entry: -entry[1]):
        if left <= share * total:
            break
        kept.append(name)
        left -= error
    return kept

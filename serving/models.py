"""The model that a server answers with, and the slot in which one follows another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.base.errors import TextgateError
from serving.bundle import read_canary
from serving.pins import Pin
from serving.predictor import Predictor

WARM_ROWS = 32


@dataclass(frozen=True)
class ServedModel:
    name: str
    version: str
    predictor: Predictor


@dataclass(frozen=True)
class Refusal:
    """A version that was to follow and could not."""

    version: str
    error: str


class Slot:
    """Requests take `current` once and keep it to their end, so that an answer comes from one version alone.

    `refused` is the version that failed to follow last, until one follows; `stopping` says that the server is ending.
    """

    def __init__(self, model: ServedModel) -> None:
        self.current = model
        self.refused: Refusal | None = None
        self.swaps = {"taken": 0, "refused": 0}
        self.stopping = False

    def take(self, model: ServedModel) -> None:
        self.current = model
        self.swaps["taken"] += 1

    def refuse(self, refusal: Refusal) -> None:
        self.refused = refusal
        self.swaps["refused"] += 1


def load_folder(folder: Path, name: str = "", version: str = "", threads: int = 0) -> ServedModel:
    """A bundle by itself. Its own name and the start of its digest stand in for a missing name and version."""
    predictor = _load(folder, threads)
    return ServedModel(name or predictor.manifest.name, version or predictor.digest[:12], predictor)


def load_pinned(pin: Pin, threads: int = 0) -> ServedModel:
    """Raises TextgateError when the folder does not hold the very bundle that the pin names."""
    predictor = _load(Path(pin.bundle), threads)
    if predictor.digest != pin.digest:
        raise TextgateError(
            f"the bundle {pin.bundle} has the digest {predictor.digest[:12]}, version {pin.version} of {pin.name}"
            f" has {pin.digest[:12]}"
        )
    return ServedModel(pin.name, pin.version, predictor)


def _load(folder: Path, threads: int) -> Predictor:
    """Warmed: it has answered texts alone and together, so that no request waits for what only first runs need."""
    predictor = Predictor(folder, threads)
    try:
        examples = read_canary(folder)[:WARM_ROWS]
    except TextgateError:  # a bundle can be without
        return predictor
    rows = predictor.task.read([[example[name] for example in examples] for name in predictor.task.inputs])
    for row in rows:
        predictor.probabilities([row])
    predictor.probabilities(rows)
    return predictor

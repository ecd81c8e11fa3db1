"""Training as it stands after an update, kept where the next attempt takes it up."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from components.base.errors import TextgateError
from components.base.objects import ObjectStore
from components.base.settings import CheckpointSettings

KEY = "training.safetensors"


@dataclass
class State:
    """`update` counts those done in `epoch` (from 0), whose rows' losses and weights so far are `loss` and `weight`.
    `batch_size` is that in use, 0 before it is known."""

    epoch: int = 0
    update: int = 0
    loss: float = 0.0
    weight: float = 0.0
    seconds: float = 0.0
    epochs: list[dict[str, float]] = field(default_factory=list)
    steps: list[list[float]] = field(default_factory=list)
    best_epoch: int = 0
    resumed: int = 0
    batch_size: int = 0


class Checkpoints:
    """One object in `store`, replaced whole by each save. `identity` is what must be equal for it to be taken up."""

    def __init__(self, store: ObjectStore, settings: CheckpointSettings, identity: dict[str, Any]) -> None:
        self.store, self.settings, self.identity = store, settings, identity
        self.saved = time.monotonic()
        self.since = 0

    def due(self) -> bool:
        """To be asked once after each update."""
        self.since += 1
        by_steps = self.settings.steps and self.since >= self.settings.steps
        by_time = self.settings.minutes and time.monotonic() - self.saved >= 60 * self.settings.minutes
        return bool(by_steps or by_time)

    def save(self, state: State, tensors: dict[str, np.ndarray]) -> None:
        """Raises TextgateError where it cannot be written; the one before stays then."""
        metadata = {"state": json.dumps(asdict(state)), "identity": json.dumps(self.identity)}
        with tempfile.TemporaryDirectory(prefix="textgate-checkpoint-") as folder:
            path = Path(folder, KEY)
            with _explained(f"to {folder}", "name another folder in TMPDIR"):
                save_file(tensors, path, metadata=metadata)
            with _explained(f"to {self.store.url}", "set training.checkpoint.place to another place"):
                self.store.replace(KEY, path)
        self.saved, self.since = time.monotonic(), 0

    def load(self) -> tuple[State, dict[str, np.ndarray]] | None:
        """None where there is none. Raises TextgateError for one of another training, naming what differs."""
        if not self.store.exists(KEY):
            return None
        with tempfile.TemporaryDirectory(prefix="textgate-checkpoint-") as folder:
            path = Path(folder, KEY)
            with path.open("wb") as file:
                file.writelines(self.store.chunks(KEY))
            try:
                with safe_open(path, framework="np") as saved:
                    metadata = saved.metadata() or {}
                    state, identity = State(**json.loads(metadata["state"])), json.loads(metadata["identity"])
                    tensors = {name: saved.get_tensor(name) for name in saved.keys()}
            except (SafetensorError, KeyError, TypeError, ValueError) as error:
                raise TextgateError(
                    f"{self.store.url}/{KEY} is no checkpoint of a training ({error}); remove it to begin anew"
                ) from None
        if differing := _differences(identity, self.identity):
            raise TextgateError(
                f"{self.store.url}/{KEY} was left by another training: {'; '.join(differing)}. Remove it to begin anew,"
                " or set training.checkpoint.place to another place"
            )
        return state, tensors

    def remove(self) -> None:
        """To be called when the training's result is written."""
        self.store.remove(KEY)


@contextmanager
def _explained(where: str, otherwise: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextgateError(
            f"the training checkpoint cannot be saved {where}: {reason}; free space there, or {otherwise}"
        ) from None


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    keys = sorted(there.keys() | here.keys())
    return [f"{key} {there.get(key)} there, {here.get(key)} here" for key in keys if there.get(key) != here.get(key)]

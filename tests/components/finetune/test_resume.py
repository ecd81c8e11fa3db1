"""Training that was stopped goes on to the very weights of one that was not."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.base.errors import TextgateError
from components.base.objects import FolderStore, open_store
from components.base.settings import (
    CheckpointSettings,
    TrainingSettings,
)
from components.finetune.checkpoints import KEY, Checkpoints, State
from tests.components.finetune.training import finish, start, write_inputs

SETTINGS = TrainingSettings(
    epochs=3, batch_size=8, learning_rate=0.005, bucket_lengths=[12, 24], threads=1, batch_tokens=120
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("resume"))


@pytest.fixture(scope="module")
def whole(inputs: Path) -> bytes:
    """The weights of a training that nothing stopped."""
    done = finish(start(inputs, "whole", SETTINGS))
    assert done[0] == 0, done[1]
    return (inputs / "whole/hf/model.safetensors").read_bytes()


def kept_in(place: Path, steps: int = 5) -> TrainingSettings:
    return SETTINGS.model_copy(update={"checkpoint": CheckpointSettings(place=str(place), minutes=0, steps=steps)})


def stop(inputs: Path, name: str, settings: TrainingSettings, updates: int, number: int) -> tuple[int, str]:
    """Trains so many updates and gets the signal then: exit status and what was said."""
    held = inputs / f"{name}-held"
    process = start(inputs, name, settings, hold=(held, updates))
    while not held.exists():
        assert process.poll() is None, f"it ended before {updates} updates: {finish(process)}"
        time.sleep(0.01)
    os.kill(process.pid, number)
    if number != signal.SIGKILL:
        held.unlink()
    return finish(process)


@pytest.mark.parametrize(
    ("number", "updates"),
    [
        (signal.SIGTERM, 11),
        pytest.param(signal.SIGKILL, 18, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 3, marks=pytest.mark.slow),
    ],
)
def test_stopped_anywhere_it_ends_in_the_same_bytes(
    inputs: Path, whole: bytes, tmp_path: Path, number: int, updates: int
) -> None:
    settings = kept_in(tmp_path)
    status, err = stop(inputs, f"stopped-{number}", settings, updates, number)
    assert status == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert "the next attempt goes on from" in err and "Traceback" not in err
    assert not (inputs / f"stopped-{number}").exists()
    again = finish(start(inputs, f"stopped-{number}", settings))
    assert again[0] == 0, again[1]
    assert (inputs / f"stopped-{number}/hf/model.safetensors").read_bytes() == whole
    report = json.loads((inputs / f"stopped-{number}/training.json").read_text())
    assert report["resumed"] == 1, "it did not begin anew"
    assert list(tmp_path.iterdir()) == [], "what is finished needs no checkpoint"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # XLA compiles for minutes on a busy machine
@pytest.mark.parametrize("changes", [{"xla": "step"}, {"precision": "mixed_float16"}, {"accumulate": 3}])
def test_every_kind_of_step_goes_on_to_the_same_bytes(inputs: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    name = "-".join(map(str, *changes.items()))
    done = finish(start(inputs, f"whole-{name}", SETTINGS.model_copy(update=changes)))
    assert done[0] == 0, done[1]
    settings = kept_in(tmp_path).model_copy(update=changes)
    stop(inputs, f"killed-{name}", settings, 12, signal.SIGKILL)
    again = finish(start(inputs, f"killed-{name}", settings))
    assert again[0] == 0, again[1]
    whole, killed = (inputs / f"{which}-{name}/hf/model.safetensors" for which in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()


def a_checkpoint(place: Path, identity: dict[str, object]) -> Checkpoints:
    return Checkpoints(FolderStore(str(place)), CheckpointSettings(place=str(place), steps=2, minutes=0), identity)


def test_a_checkpoint_of_other_settings_is_refused_by_what_differs(tmp_path: Path) -> None:
    a_checkpoint(tmp_path, {"training.seed": 1, "training.epochs": 2}).save(State(epoch=1), {"a": np.ones(2)})
    with pytest.raises(TextgateError, match=r"another training: training.seed 1 there, 2 here\. Remove it"):
        a_checkpoint(tmp_path, {"training.seed": 2, "training.epochs": 2}).load()


def test_what_is_saved_comes_back_and_is_removed(tmp_path: Path) -> None:
    kept = a_checkpoint(tmp_path, {"training.seed": 1})
    assert kept.load() is None
    assert [kept.due(), kept.due()] == [False, True]
    state = State(2, 3, 0.1, 7.0, 1.5, [{"epoch": 1}], [[1, 2.0, 3.0, 4.0]], 1, 1)
    kept.save(state, {"model.0": np.arange(3, dtype=np.float32), "model.1": np.array(2, np.uint32)})
    found, tensors = kept.load() or (None, {})
    assert found == state and tensors["model.1"] == 2 and tensors["model.1"].dtype == np.uint32
    assert not kept.due(), "saving begins the count anew"
    kept.remove()
    kept.remove()
    assert kept.load() is None


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_what_is_no_checkpoint_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY).write_bytes(content)
    with pytest.raises(TextgateError, match="is no checkpoint of a training.*remove it to begin anew"):
        a_checkpoint(tmp_path, {}).load()


def test_a_place_that_cannot_be_written_is_named_and_what_was_saved_stays(tmp_path: Path) -> None:
    kept = a_checkpoint(tmp_path / "place", {})
    kept.save(State(epoch=1), {})
    (tmp_path / "file").touch()
    other = Checkpoints(FolderStore(str(tmp_path / "file/below")), CheckpointSettings(), {})
    with pytest.raises(TextgateError, match=r"cannot be written: Not a directory"):
        other.save(State(), {})
    found, _ = kept.load() or (None, {})
    assert found == State(epoch=1)


def test_in_a_bucket(seaweed: str) -> None:
    kept = Checkpoints(open_store(f"{seaweed}/training"), CheckpointSettings(), {"seed": 1})
    assert kept.load() is None
    for epoch in (1, 2):
        kept.save(State(epoch=epoch), {"big": np.random.default_rng(epoch).random(3_000_000)})
    found, tensors = kept.load() or (None, {})
    assert found == State(epoch=2)
    np.testing.assert_array_equal(tensors["big"], np.random.default_rng(2).random(3_000_000))
    kept.remove()
    assert kept.load() is None

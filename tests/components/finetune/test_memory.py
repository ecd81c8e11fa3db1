"""How large a batch may be is found by trying, and told where a training runs out of memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.base.errors import TextgateError
from components.base.settings import TrainingSettings
from components.finetune import memory
from components.finetune.classifier import build_classifier
from components.finetune.memory import OutOfMemory, largest_batch, noticing_exhaustion
from components.finetune.rows import Rows
from components.finetune.step import TrainStep
from components.finetune.train import Trainer
from tests.tiny_project import LABELS, write_base_model

EXHAUSTED = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def holding(most: int, tried: list[int]) -> Any:
    def rehearse(size: int) -> None:
        tried.append(size)
        if size > most:
            raise OutOfMemory

    return rehearse


@pytest.mark.parametrize(("most", "found"), [(1, 1), (5, 4), (64, 64), (1000, 256)])
def test_the_largest_that_does_not_run_out_is_found(most: int, found: int) -> None:
    tried: list[int] = []
    assert largest_batch(holding(most, tried), 64) == found
    assert tried == sorted(tried), "from small to large: main memory that runs out may end the process"
    assert largest_batch(holding(most, []), 64, 16) == min(found, 16)


def test_it_stops_before_main_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[np.ndarray] = []

    def rehearse(size: int) -> None:
        held.append(np.ones(size << 19))
        held[-1].sum()
        threading.Event().wait(0.05)

    monkeypatch.setattr(memory, "free_bytes", lambda: 400 << 20)
    assert largest_batch(rehearse, 64) in (32, 64)
    assert sum(array.nbytes for array in held) < 800 << 20


def test_not_even_one_row_is_said() -> None:
    with pytest.raises(TextgateError, match="a single row of 512 tokens: lower tokenization.max_length"):
        largest_batch(holding(0, []), 512)


@pytest.mark.parametrize(
    "error",
    [
        EXHAUSTED,
        MemoryError("std::bad_alloc"),
        tf.errors.AbortedError(None, None, "exception:Status: 1, message: could not create a primitive, in file x.cc"),
    ],
)
def test_what_is_raised_when_memory_is_exhausted_is_known(error: Exception) -> None:
    with pytest.raises(OutOfMemory), noticing_exhaustion():
        raise error
    other = tf.errors.AbortedError(None, None, "another reason")
    with pytest.raises(tf.errors.AbortedError), noticing_exhaustion():
        raise other


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """On a machine whose memory holds six rows."""
    write_base_model(tmp_path / "base_model")
    whole = TrainStep._update_once

    def update(self: TrainStep, *arguments: Any) -> Any:
        tf.debugging.assert_less(tf.shape(arguments[0])[0], 7, message="seven rows")
        return whole(self, *arguments)

    monkeypatch.setattr(TrainStep, "_update_once", update)
    settings = TrainingSettings(epochs=1, batch_size=16, bucket_lengths=[8], deterministic=False)
    return Trainer(build_classifier(tmp_path / "base_model", 3, 0.1), settings, LABELS, 0)


@pytest.fixture
def exhausting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the allocator: what the graph refuses is memory that ran out."""
    monkeypatch.setattr(tf.errors, "ResourceExhaustedError", tf.errors.InvalidArgumentError)


def rows() -> Rows:
    rng = np.random.default_rng(0)
    tokens = [rng.integers(5, 30, 7).astype(np.int32) for _ in range(40)]
    return Rows(tokens, (np.arange(40) % 3).astype(np.int32))


@pytest.mark.usefixtures("exhausting")
def test_a_batch_that_memory_does_not_hold_is_refused_with_one_that_fits(trainer: Trainer) -> None:
    with pytest.raises(TextgateError, match=r"16 rows of 8 tokens; 4 rows.*batch_size to 4 \(training.accumulate 4"):
        trainer.fit(rows(), rows())


@pytest.mark.usefixtures("exhausting")
def test_auto_takes_what_fits_and_leaves_no_trace_of_trying(trainer: Trainer) -> None:
    before = [variable.numpy() for variable in trainer.model.variables]
    step = TrainStep(trainer.model, trainer.settings)
    trainer.settings = trainer.settings.model_copy(update={"batch_size": "auto"})
    assert trainer._batch_size(step, rows()) == 4
    for variable, value in zip(trainer.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert trainer.fit(rows(), rows()).batch_size == 4

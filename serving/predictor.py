"""Rows in, logits and probabilities out, with ONNX Runtime and the tokenizer that lies beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.base.encoding import UNTAGGED, Encoded, Encoder, pool
from components.base.errors import TextgateError
from components.base.truncation import Truncation, gather
from serving.bundle import MODEL, TOKENIZER, digest, verify
from serving.tasks import TASKS
from serving.tasks.task import Decider, Decisions, Logits, Probabilities, Task

SINGLE_LABEL = TASKS["single-label"]
WARM_UP = "a first text, which also warms the session"
Batch = NDArray[np.int64]


class Scorer:
    """A classifier's ONNX file with its tokenizer; the model need not be part of a bundle.

    `threads` 0 takes all cores. Raises TextgateError naming the file that cannot be loaded or does not answer as a
    classifier of the task does.
    """

    def __init__(
        self, model: Path, tokenizer: Path, truncation: Truncation, threads: int = 0, task: Task = SINGLE_LABEL
    ) -> None:
        self.path, self.task = model, task
        self._encoder = Encoder(tokenizer, truncation)
        self._session = load_session(model, threads)
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]
        if unknown := set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"}:
            raise TextgateError(f"{model} asks for the unknown input {min(unknown)}")
        with _explained(f"{model} does not run"):
            encoded = task.encode(self._encoder, task.read([[WARM_UP]] * len(task.inputs)))
            answer = self._run(encoded, np.arange(1))
        axes = ["batch", "length", "labels"] if task.per_word else ["batch", "labels"]
        if answer.ndim != len(axes) or answer.dtype != np.float32:
            raise TextgateError(
                f"{model} answers {answer.dtype} {list(answer.shape)}, not float32 [{', '.join(axes)}], as the task"
                f" {task.name} needs"
            )
        self.outputs = answer.shape[-1]

    def logits(
        self, rows: Sequence[Any], batch_size: int = 32, progress: Callable[[int], None] | None = None
    ) -> Logits:
        """float32 [rows, labels], or [words of all rows, labels], in the order of `rows`: see Task.

        Those of a text's windows are pooled. Rows (windows) of like length share a batch, padded to the longest in it.
        `progress` gets the number of rows whose last window was in a batch, once it is scored.
        """
        encoded = self.task.encode(self._encoder, rows)
        sizes = encoded.sizes
        last = np.diff(encoded.texts, append=len(rows)) > 0
        places = sum(map(len, rows)) if self.task.per_word else len(sizes)
        logits = np.full((places, self.outputs), np.nan, np.float32)
        order = np.argsort(sizes, kind="stable")
        for start in range(0, len(sizes), batch_size):
            batch = order[start : start + batch_size]
            answer = self._run(encoded, batch)
            if self.task.per_word:
                assert encoded.tags is not None
                word = _padded(encoded.tags, encoded, batch, UNTAGGED)
                logits[word[word != UNTAGGED]] = answer[word != UNTAGGED]
            else:
                logits[batch] = answer
            if progress is not None:
                progress(int(last[batch].sum()))
        return logits if len(sizes) == len(rows) else pool(logits, encoded.texts, sizes)

    def _run(self, encoded: Encoded, batch: Batch) -> Logits:
        """A row without any token is one padding token, since a model takes no empty text."""
        ids = _padded(encoded.ids, encoded, batch, self._encoder.pad)
        mask = np.arange(ids.shape[1]) < np.maximum(encoded.sizes[batch], 1)[:, None]
        types = np.zeros_like(ids) if encoded.type_ids is None else _padded(encoded.type_ids, encoded, batch, 0)
        known = {"input_ids": ids, "attention_mask": mask.astype(np.int64), "token_type_ids": types}
        logits: Logits = self._session.run(["logits"], {name: known[name] for name in self._inputs})[0]
        return logits


class Classifier:
    """A model that answers. Raises TextgateError where it has not one output for each label of `decider`."""

    def __init__(self, scorer: Scorer, decider: Decider) -> None:
        if scorer.outputs != len(decider.labels):
            raise TextgateError(
                f"{scorer.path} has {scorer.outputs} outputs for the {len(decider.labels)} labels of the bundle"
            )
        self.task, self.decider, self.labels = scorer.task, decider, decider.labels
        self._scorer = scorer

    def logits(
        self, rows: Sequence[Any], batch_size: int = 32, progress: Callable[[int], None] | None = None
    ) -> Logits:
        """See Scorer.logits."""
        return self._scorer.logits(rows, batch_size, progress)

    def probabilities(self, rows: Sequence[Any], batch_size: int = 32) -> Probabilities:
        """Of the shape of logits; NaN stays NaN."""
        return self.task.probabilities(self.logits(rows, batch_size), self.decider.temperature)

    def decide(self, logits: Logits) -> Decisions:
        """See Task.decide."""
        return self.task.decide(self.task.probabilities(logits, self.decider.temperature), self.decider)


class Predictor(Classifier):
    """A verified bundle, ready to answer. Raises TextgateError when `folder` is not one."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.manifest = verify(folder)
        self.digest = digest(folder)
        task = TASKS[self.manifest.task]
        scorer = Scorer(folder / MODEL, folder / TOKENIZER, self.manifest.cut, threads, task)
        super().__init__(scorer, self.manifest.decider)


def _padded(values: NDArray[Any], encoded: Encoded, batch: Batch, fill: int) -> Batch:
    """int64 [batch, length]: what of `values`, one for each token, belongs to the rows `batch`."""
    sizes = encoded.sizes[batch]
    padded = np.full((len(batch), max(1, sizes.max(initial=0))), fill, np.int64)
    padded[np.arange(padded.shape[1]) < sizes[:, None]] = values[gather(encoded.offsets[batch], sizes)]
    return padded


def load_session(model: Path | bytes, threads: int = 0) -> ort.InferenceSession:
    """Of an ONNX file, or of its content; `threads` 0 takes all cores. Raises TextgateError where it is none."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads slow every other session on the machine, up to four times.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    named, given = (model, str(model)) if isinstance(model, Path) else ("the model", model)
    with _explained(f"{named} cannot be loaded by ONNX Runtime"):
        return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # both libraries raise bare Exceptions for bad files
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TextgateError(f"{what}: {reason}") from None

"""Rows in, logits and probabilities out, with ONNX Runtime and the tokenizer that lies beside the model."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.base.encoding import UNTAGGED, Encoded, Encoder, pool
from components.base.errors import TextgateError
from components.base.truncation import Truncation
from serving.bundle import MODEL, TOKENIZER, digest, verify
from serving.tasks import TASKS
from serving.tasks.task import Decider, Decisions, Logits, Probabilities, Task

SINGLE_LABEL = TASKS["single-label"]
WARM_UP = "a first text, which also warms the session"
# What a run costs beside its tokens, in tokens: measured with the default base model in int8.
RUN_TOKENS = 32
Tensor = NDArray[np.int64]


class Scorer:
    """A classifier's ONNX file with its tokenizer; the model need not be part of a bundle.

    `threads` 0 takes all cores; `on_gpu` takes a GPU where ONNX Runtime has one. Raises TextgateError naming the file
    that cannot be loaded or does not answer as a classifier of the task does.
    """

    def __init__(
        self,
        model: Path,
        tokenizer: Path,
        truncation: Truncation,
        threads: int = 0,
        task: Task = SINGLE_LABEL,
        on_gpu: bool = False,
    ) -> None:
        self.path, self.task = model, task
        self._encoder = Encoder(tokenizer, truncation)
        self.session = load_session(model, threads, on_gpu)
        self._inputs = [tensor.name for tensor in self.session.get_inputs()]
        if unknown := set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"}:
            raise TextgateError(f"{model} asks for the unknown input {min(unknown)}")
        with _explained(f"{model} does not run"):
            encoded = task.encode(self._encoder, task.read([[WARM_UP]] * len(task.inputs)))
            answer = self._run(encoded, [0])
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

        Those of a text's windows are pooled. Rows (windows) share a batch as `batches` has them, padded to the longest.
        `progress` gets the number of rows whose last window was in a batch, once it is scored.
        """
        encoded = self.task.encode(self._encoder, rows)
        if len(encoded.ids) == 1 and encoded.tags is None:
            logits = self._run(encoded, [0])
            if progress is not None:
                progress(1)
            return logits
        texts, sizes = encoded.texts, encoded.sizes
        places = len(sizes) if encoded.tags is None else sum(map(len, rows))
        logits = np.empty((places, self.outputs), np.float32)
        if encoded.tags is not None:
            logits.fill(np.nan)
        for batch in batches(sizes, batch_size):
            answer = self._run(encoded, batch)
            if encoded.tags is not None:
                word = _padded([encoded.tags[row] for row in batch], UNTAGGED)
                logits[word[word != UNTAGGED]] = answer[word != UNTAGGED]
            else:
                logits[batch] = answer
            if progress is not None:
                progress(sum(row + 1 == len(texts) or texts[row + 1] != texts[row] for row in batch))
        return logits if len(sizes) == len(rows) else pool(logits, np.array(texts), np.array(sizes))

    def _run(self, encoded: Encoded, batch: list[int]) -> Logits:
        """A row without any token is one padding token, since a model takes no empty text."""
        ids = _padded([encoded.ids[row] for row in batch], self._encoder.pad)
        mask = np.zeros(ids.shape, np.int64)
        for place, row in enumerate(batch):
            mask[place, : len(encoded.ids[row]) or 1] = 1
        tensors = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            types = encoded.type_ids
            tensors["token_type_ids"] = (
                _padded([types[row] for row in batch], 0) if types else np.zeros(ids.shape, np.int64)
            )
        logits: Logits = self.session.run(["logits"], {name: tensors[name] for name in self._inputs})[0]
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

    @property
    def session(self) -> ort.InferenceSession:
        return self._scorer.session

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
    """A verified bundle, ready to answer. Raises TextgateError when `folder` is not one.

    float16 is the one precision that takes a GPU where there is one: the others answer as they were measured, on the
    processor.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.manifest = verify(folder)
        self.digest = digest(folder)
        task = TASKS[self.manifest.task]
        on_gpu = self.manifest.precision == "float16"
        scorer = Scorer(folder / MODEL, folder / TOKENIZER, self.manifest.cut, threads, task, on_gpu)
        super().__init__(scorer, self.manifest.decider)


def batches(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """The places in `sizes` by batches of at most `most` of like length."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    start = 0
    for end in cut([sizes[place] for place in order], most):
        yield order[start:end]
        start = end


def cut(lengths: Sequence[int], most: int) -> list[int]:
    """Where ascending lengths are cut into batches of at most `most`, which are padded to their longest, so that they
    cost least: the end of each.

    A batch costs RUN_TOKENS and its tokens. The best cut of each prefix is found by trying every start of its last
    batch; of those that cost the same the latest, so that what does not fill a batch comes last.
    """
    if len(lengths) < 2:
        return [len(lengths)] * len(lengths)
    costs, starts = [0.0], [0]
    for end in range(1, len(lengths) + 1):
        longest = lengths[end - 1]
        cost, start = min((costs[start] + longest * (end - start), -start) for start in range(max(0, end - most), end))
        costs.append(cost + RUN_TOKENS)
        starts.append(-start)
    ends = [len(lengths)]
    while starts[ends[-1]]:
        ends.append(starts[ends[-1]])
    return ends[::-1]


def _padded(rows: list[array[int]], fill: int) -> Tensor:
    """int64 [rows, length], of the longest row's length and at least 1."""
    padded = np.empty((len(rows), max(1, *map(len, rows))), np.int64)
    padded.fill(fill)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded


def load_session(model: Path | bytes, threads: int = 0, on_gpu: bool = False) -> ort.InferenceSession:
    """Of an ONNX file, or of its content; `threads` 0 takes all cores. Raises TextgateError where it is none."""
    providers = providers_of(ort.get_available_providers(), on_gpu)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads slow every other session on the machine, up to four times.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    named, given = (model, str(model)) if isinstance(model, Path) else ("the model", model)
    with _explained(f"{named} cannot be loaded by ONNX Runtime"):
        return ort.InferenceSession(given, options, providers=providers)


def providers_of(available: Sequence[str], on_gpu: bool) -> list[str]:
    """ONNX Runtime's execution providers, the preferred one first."""
    return [
        *(["CUDAExecutionProvider"] if on_gpu and "CUDAExecutionProvider" in available else []),
        "CPUExecutionProvider",
    ]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # both libraries raise bare Exceptions for bad files
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TextgateError(f"{what}: {reason}") from None

"""Texts in, logits and probabilities out, with ONNX Runtime and the tokenizer that lies beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.base.encoding import Encoder, pool
from components.base.errors import TextgateError
from components.base.truncation import Truncation
from serving.bundle import MODEL, TOKENIZER, digest, verify

Logits = NDArray[np.float32]


class Scorer:
    """A classifier's ONNX file with its tokenizer; the model need not be part of a bundle.

    `threads` 0 takes all cores. Raises TextgateError naming the file that cannot be loaded or does not answer as a
    classifier does.
    """

    def __init__(self, model: Path, tokenizer: Path, truncation: Truncation, threads: int = 0) -> None:
        self._encoder = Encoder(tokenizer, truncation)
        self._session = _load_session(model, threads)
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]
        if unknown := set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"}:
            raise TextgateError(f"{model} asks for the unknown input {min(unknown)}")
        with _explained(f"{model} does not run"):
            answer = self._run(self._encoder.texts(["a first text, which also warms the session"]).rows())
        if answer.ndim != 2 or answer.dtype != np.float32:
            raise TextgateError(f"{model} answers {answer.dtype} {list(answer.shape)}, not float32 [batch, labels]")
        self.outputs = answer.shape[1]

    def logits(
        self, texts: Sequence[str], batch_size: int = 32, progress: Callable[[int], None] | None = None
    ) -> Logits:
        """float32 [len(texts), labels], in the order of `texts`; those of a text's windows are pooled.

        Texts (windows) of like length share a batch, padded to the longest in it. `progress` gets the number of texts
        whose last window was in a batch, once it is scored.
        """
        encoded = self._encoder.texts(texts)
        rows, sizes = encoded.rows(), encoded.sizes
        last = np.diff(encoded.texts, append=len(texts)) > 0
        logits = np.empty((len(rows), self.outputs), np.float32)
        order = np.argsort(sizes, kind="stable")
        for start in range(0, len(rows), batch_size):
            batch = order[start : start + batch_size]
            logits[batch] = self._run([rows[index] for index in batch])
            if progress is not None:
                progress(int(last[batch].sum()))
        return logits if len(rows) == len(texts) else pool(logits, encoded.texts, sizes)

    def _run(self, rows: list[NDArray[np.uint32]]) -> Logits:
        """A row without any token is one padding token, since a model takes no empty text."""
        pad = self._encoder.pad
        ids = np.full((len(rows), max(1, *map(len, rows))), pad, np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : max(1, len(row))] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits: Logits = self._session.run(["logits"], {name: known[name] for name in self._inputs})[0]
        return logits


class Predictor:
    """A verified bundle, ready to answer. Raises TextgateError when `folder` is not one."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.manifest = verify(folder)
        self.digest = digest(folder)
        self.labels = self.manifest.labels
        self._scorer = Scorer(folder / MODEL, folder / TOKENIZER, self.manifest.cut, threads)
        if self._scorer.outputs != len(self.labels):
            raise TextgateError(
                f"{folder / MODEL} has {self._scorer.outputs} outputs for the {len(self.labels)} labels of the bundle"
            )

    def logits(
        self, texts: Sequence[str], batch_size: int = 32, progress: Callable[[int], None] | None = None
    ) -> Logits:
        """float32 [len(texts), labels]: see Scorer.logits."""
        return self._scorer.logits(texts, batch_size, progress)

    def probabilities(self, texts: Sequence[str], batch_size: int = 32) -> NDArray[np.float32]:
        """float32 [len(texts), labels], each row summing to 1."""
        return softmax(self.logits(texts, batch_size), self.manifest.temperature)


def softmax(logits: Logits, temperature: float = 1.0) -> NDArray[np.float32]:
    """Of logits / temperature, over the last axis."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: NDArray[np.float32] = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def _load_session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Spinning threads slow every other session on the machine, up to four times.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with _explained(f"{path} cannot be loaded by ONNX Runtime"):
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # both libraries raise bare Exceptions for bad files
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TextgateError(f"{what}: {reason}") from None

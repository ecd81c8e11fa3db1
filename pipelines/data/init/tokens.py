"""How long texts are in tokens of the base model, measured on an even sample of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from components.base.errors import TextgateError
from components.base.settings import Task

SAMPLE_TEXTS = 10_000
BATCH_TEXTS = 256
# What is behind that many characters of a text does not change that it is longer than any model's limit.
LONGEST_TEXT = 10_000


class TokenLengths:
    """Takes rows one by one, and keeps the lengths of every row, of every second one, of every fourth one, ..., so that
    there are never more than twice SAMPLE_TEXTS."""

    def __init__(self, base_model: Path, task: Task) -> None:
        self.tokenizer, self.task = _read_tokenizer(base_model), task
        self.step, self.seen = 1, 0
        self.tokens = self.unknown = 0
        self._unknown_id = _unknown_id(self.tokenizer)
        self._special = self.tokenizer.num_special_tokens_to_add(is_pair=task == "text-pair")
        self._lengths: list[int] = []
        self._waiting: list[tuple[str, ...]] = []

    def add(self, texts: tuple[str, ...]) -> None:
        if self.seen % self.step == 0:
            self._waiting.append(texts)
            if len(self._waiting) == BATCH_TEXTS:
                self._encode()
        self.seen += 1

    def lengths(self) -> NDArray[np.int64]:
        """Of the texts in the sample, special tokens included."""
        self._encode()
        return np.array(self._lengths, np.int64)

    @property
    def unknown_share(self) -> float:
        return self.unknown / max(self.tokens, 1)

    def _encode(self) -> None:
        for encoding in self.tokenizer.encode_batch_fast(
            [self._input(texts) for texts in self._waiting], is_pretokenized=self.task == "token-tags"
        ):
            self._lengths.append(len(encoding))
            self.tokens += len(encoding) - self._special
            self.unknown += encoding.ids.count(self._unknown_id)
        self._waiting.clear()
        if len(self._lengths) >= 2 * SAMPLE_TEXTS:
            self._lengths = self._lengths[::2]
            self.step *= 2

    def _input(self, texts: tuple[str, ...]) -> str | tuple[str, ...]:
        cut = tuple(text[:LONGEST_TEXT] for text in texts)
        return cut[0] if self.task in ("single-label", "multi-label") else cut


def _read_tokenizer(base_model: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(base_model / "tokenizer.json"))
    except Exception as error:  # the library raises nothing narrower
        raise TextgateError(
            f"the base model's tokenizer, {base_model / 'tokenizer.json'}, cannot be read: {error}"
        ) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _unknown_id(tokenizer: Tokenizer) -> int:
    """-1, which no token has, where the vocabulary covers every byte."""
    token = json.loads(tokenizer.to_str())["model"].get("unk_token")
    found = tokenizer.token_to_id(token) if token else None
    return -1 if found is None else int(found)

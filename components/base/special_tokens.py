"""Where a tokenizer's own post-processor puts its special tokens, found by asking it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from components.base.errors import TextgateError

PROBES = ("a", "the", "0", ".", "\u4e00")


class Template(NamedTuple):
    """Special tokens before, between and after one or two texts, and the type ids of all.

    `specials` are one more than the texts, each a pair of arrays uint32 and uint8 of equal length: ids and type ids;
    `types` are the type ids of the texts.
    """

    specials: list[tuple[NDArray[np.uint32], NDArray[np.uint8]]]
    types: list[int]

    @property
    def size(self) -> int:
        """How many tokens the post-processor adds."""
        return sum(len(ids) for ids, _ in self.specials)

    @property
    def typed(self) -> bool:
        """Whether any type id is not 0."""
        return any(self.types) or any(types.any() for _, types in self.specials)


def find_template(tokenizer: Tokenizer, texts: int) -> Template:
    """Of one text, or of a pair (`texts` 2). Raises TextgateError for what is no such frame around the texts."""
    encoding = _probe(tokenizer, texts)
    sequences, ids, types = encoding.sequence_ids, encoding.ids, encoding.type_ids
    bounds = [-1]
    for text in range(texts):
        places = [place for place, sequence in enumerate(sequences) if sequence == text]
        if not places or places != list(range(places[0], places[-1] + 1)) or places[0] <= bounds[-1]:
            raise TextgateError(
                f"the tokenizer's post-processor does not frame {'a pair of texts' if texts == 2 else 'a text'}"
                " as special tokens before, between and after"
            )
        bounds += [places[0], places[-1]]
    edges = [(start + 1, end) for start, end in zip(bounds[::2], [*bounds[1::2], len(ids)], strict=True)]
    return Template(
        [(np.array(ids[start:end], np.uint32), np.array(types[start:end], np.uint8)) for start, end in edges],
        [types[place] for place in bounds[1::2]],
    )


def _probe(tokenizer: Tokenizer, texts: int) -> Encoding:
    """A text, or a pair, of which each side has a token; a vocabulary may lack any given letter."""
    for word in (*PROBES, *islice(tokenizer.get_vocab(with_added_tokens=False), 1000)):
        if len(tokenizer.encode(word, add_special_tokens=False)):
            return tokenizer.encode(word, word if texts == 2 else None)
    raise TextgateError("the tokenizer gives no token for any word of its own vocabulary")


def find_unknown(tokenizer: Tokenizer) -> int:
    """The id of what is not in the vocabulary; -1, which no token has, where the vocabulary covers every byte."""
    model = json.loads(tokenizer.to_str())["model"]
    token = model.get("unk_token")
    found = tokenizer.token_to_id(token) if token else model.get("unk_id")
    return -1 if found is None else int(found)


def find_pad(tokenizer: Tokenizer, names: Sequence[str] = ("[PAD]", "<pad>")) -> int:
    """The id that fills a batch's shorter rows; 0 where the tokenizer names none, since the mask hides it."""
    padding = tokenizer.padding
    pads = [padding["pad_id"]] if padding else [tokenizer.token_to_id(name) for name in names]
    return next((int(pad) for pad in pads if pad is not None), 0)

"""Where a tokenizer's own post-processor puts its special tokens, found by asking it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer, models

from components.base.errors import TextgateError

PROBES = ("a", "the", "0", ".", "\u4e00")


class Template(NamedTuple):
    """Special tokens before, between and after one or two texts, and the type ids of all.

    `ids` and `types` are one more than the texts, in order: the special tokens there and their type ids, two arrays of
    equal length, of the types "I" and "B"; `kinds` are the type ids of the texts. `size` is how many tokens are added
    in all, `typed` whether any type id is not 0.
    """

    ids: list[array[int]]
    types: list[array[int]]
    kinds: list[int]
    size: int
    typed: bool


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
        [array("I", ids[start:end]) for start, end in edges],
        [array("B", types[start:end]) for start, end in edges],
        [types[place] for place in bounds[1::2]],
        sum(end - start for start, end in edges),
        any(types),
    )


def _probe(tokenizer: Tokenizer, texts: int) -> Encoding:
    """A text, or a pair, of which each side has a token; a vocabulary may lack any given letter."""
    for word in _words(tokenizer):
        if len(tokenizer.encode(word, add_special_tokens=False)):
            return tokenizer.encode(word, word if texts == 2 else None)
    raise TextgateError("the tokenizer gives no token for any word of its own vocabulary")


def _words(tokenizer: Tokenizer) -> Iterator[str]:
    yield from PROBES
    yield from tokenizer.get_vocab(with_added_tokens=False)


def find_unknown(tokenizer: Tokenizer) -> int:
    """The id of what is not in the vocabulary; -1, which no token has, where the vocabulary covers every byte."""
    if isinstance(tokenizer.model, models.Unigram):  # which keeps the number to itself
        found = json.loads(tokenizer.to_str())["model"].get("unk_id")
    else:
        found = tokenizer.token_to_id(tokenizer.model.unk_token or "")
    return -1 if found is None else int(found)


def find_pad(tokenizer: Tokenizer, names: Sequence[str] = ("[PAD]", "<pad>")) -> int:
    """The id that fills a batch's shorter rows; 0 where the tokenizer names none, since the mask hides it."""
    padding = tokenizer.padding
    pads = [padding["pad_id"]] if padding else [tokenizer.token_to_id(name) for name in names]
    return next((int(pad) for pad in pads if pad is not None), 0)

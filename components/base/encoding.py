"""Texts to token ids, by a tokenizer.json: the very same for the tokenize step and for what serves the model.

The `tokenizers` library, which transformers' fast tokenizers run, gives the plain ids; truncation and special tokens
are laid around them here, for all texts at once. For the policy head the ids equal the library's own.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from components.base.errors import TextgateError
from components.base.special_tokens import Template, find_pad, find_template, find_unknown
from components.base.truncation import Integers, Spans, Truncation, gather, keep, keep_pairs

UNTAGGED = -100
# The library holds about 100 bytes for each token of a call: texts of so many characters are encoded at once.
CHARACTERS_AT_ONCE = 1 << 20


class Pieces(NamedTuple):
    """Tokens without special ones: `ids` uint32, one text after the other; `counts` int64 [texts]."""

    ids: NDArray[np.uint32]
    counts: Integers


@dataclass(frozen=True)
class Encoded:
    """Rows ready for a model; a text has one, under the policy chunk one for each of its windows.

    Row `i` holds ids[offsets[i] : offsets[i + 1]] (uint32) of the text `texts[i]`, its type ids and tags likewise
    (None where there are none); windows of a text follow one another. `pieces` are all tokens of the texts, of one side
    or of a pair's two. For each text: `lengths` are its tokens before truncation, special ones included; `lost` its
    words whose tag fell to truncation, `empty` its words that give no token (None where it is not made of words).
    """

    ids: NDArray[np.uint32]
    offsets: Integers
    texts: Integers
    lengths: Integers
    pieces: list[Pieces]
    type_ids: NDArray[np.uint8] | None = None
    tags: NDArray[np.int32] | None = None
    lost: Integers | None = None
    empty: Integers | None = None

    @property
    def sizes(self) -> Integers:
        """The tokens of each row."""
        return np.diff(self.offsets)

    def rows(self) -> list[NDArray[np.uint32]]:
        """The ids of each row."""
        return [self.ids[start:end] for start, end in pairwise(self.offsets.tolist())]


class Encoder:
    """Raises TextgateError where `path` is no tokenizer, or max_length leaves no room beside the special tokens."""

    def __init__(self, path: Path, truncation: Truncation) -> None:
        self.tokenizer, self.truncation = read_tokenizer(path), truncation
        self.pad = find_pad(self.tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.template = self._template(1)

    @cached_property
    def unknown(self) -> int:
        """The id of what is not in the vocabulary, -1 where everything is."""
        return find_unknown(self.tokenizer)

    @cached_property
    def largest_id(self) -> int:
        return max(self.tokenizer.get_vocab().values(), default=0)

    @cached_property
    def pair_template(self) -> Template:
        return self._template(2)

    @cached_property
    def _of_words(self) -> Tokenizer:
        return _for_words(self.tokenizer)

    def texts(self, texts: Sequence[str]) -> Encoded:
        pieces = _pieces(self.tokenizer, texts)
        return self._frame(self.template, self._kept(pieces.counts), [pieces])

    def pairs(self, first: Sequence[str], second: Sequence[str]) -> Encoded:
        """Each text of `first` with the one of `second`; type ids where the post-processor gives any but 0."""
        one, other = _pieces(self.tokenizer, first), _pieces(self.tokenizer, second)
        room = self.truncation.max_length - self.pair_template.size
        return self._frame(
            self.pair_template, keep_pairs(one.counts, other.counts, room, self.truncation), [one, other]
        )

    def words(self, texts: Sequence[Sequence[str]], tags: NDArray[np.int32]) -> Encoded:
        """Texts that are cut into words; `tags` has one for each word of all texts, from 0.

        A word's first piece carries its tag; other pieces and special tokens carry UNTAGGED.
        """
        words = list(chain.from_iterable(texts))
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        known = _pieces(self._of_words, list(numbers))
        chosen = np.fromiter((numbers[word] for word in words), np.int64, len(words))
        counts = known.counts[chosen]
        ids = known.ids[gather(_starts(known.counts)[chosen], counts)]
        carried = np.full(len(ids), UNTAGGED, np.int32)
        carried[_starts(counts)[counts > 0]] = tags[counts > 0]
        pieces = Pieces(ids, _sums(counts, sizes))
        encoded = self._frame(self.template, self._kept(pieces.counts), [pieces], carried)
        assert encoded.tags is not None
        kept = _sums(encoded.tags != UNTAGGED, encoded.sizes)
        empty = _sums(counts == 0, sizes)
        return replace(encoded, lost=sizes - empty - kept, empty=empty)

    def count_unknown(self, encoded: Encoded) -> int:
        """How many tokens of all texts, before truncation, stand for what is not in the vocabulary."""
        return sum(int(np.count_nonzero(side.ids == self.unknown)) for side in encoded.pieces)

    def unknown_words(self, texts: Sequence[str]) -> Iterator[str]:
        """What of each text is not in the vocabulary, as it stands there."""
        for part in _parts(texts):
            for text, encoding in zip(part, self.tokenizer.encode_batch(part, add_special_tokens=False), strict=True):
                spans = zip(encoding.ids, encoding.offsets, strict=True)
                yield from (text[start:end] for number, (start, end) in spans if number == self.unknown)

    def _template(self, texts: int) -> Template:
        template = find_template(self.tokenizer, texts)
        least = template.size + 1 + (self.truncation.overlap if self.truncation.policy == "chunk" else 0)
        if self.truncation.max_length < least:
            raise TextgateError(
                f"max_length {self.truncation.max_length} leaves no room for a text beside the tokenizer's"
                f" {template.size} special tokens; it must be at least {least}"
            )
        return template

    def _kept(self, counts: Integers) -> Spans:
        return keep(counts, self.truncation.max_length - self.template.size, self.truncation)

    def _frame(
        self, template: Template, spans: Spans, sides: list[Pieces], carried: NDArray[np.int32] | None = None
    ) -> Encoded:
        """Lays special tokens around the spans of one text, or of two; `carried` are the tags of the one's pieces."""
        blocks = [*template.ids, *(side.ids for side in sides)]
        base = [0, *accumulate(map(len, blocks))]
        starts = np.empty((len(spans.texts), 4 if len(sides) == 1 else 5), np.int64)
        lengths = np.empty_like(starts)
        column = 0
        for number, ids in enumerate(template.ids):
            starts[:, column], lengths[:, column] = base[number], len(ids)
            column += 1
            if number < len(sides):
                begin = base[len(template.ids) + number] + _starts(sides[number].counts)[spans.texts]
                for span in (0, 1) if len(sides) == 1 else (number,):
                    starts[:, column], lengths[:, column] = begin + spans.starts[:, span], spans.lengths[:, span]
                    column += 1
        index = gather(starts, lengths)
        types, tags = None, None
        if template.typed:
            kinds = [np.full(len(side.ids), kind, np.uint8) for side, kind in zip(sides, template.kinds, strict=True)]
            types = np.concatenate([*template.types, *kinds])[index]
        if carried is not None:
            tags = np.concatenate([np.full(template.size, UNTAGGED, np.int32), carried])[index]
        offsets = np.zeros(len(spans.texts) + 1, np.int64)
        np.cumsum(lengths.sum(axis=1), out=offsets[1:])
        whole = sum((side.counts for side in sides[1:]), sides[0].counts + template.size)
        return Encoded(np.concatenate(blocks)[index], offsets, spans.texts, whole, sides, types, tags)


def pool(logits: NDArray[np.float32], encoded_texts: Integers, sizes: Integers) -> NDArray[np.float32]:
    """The logits of each text, float32 [texts, labels]: the mean over its windows, each weighted by its tokens.

    Row `i` of `logits` is a window of the text `encoded_texts[i]`, of `sizes[i]` tokens; every text from 0 on has one,
    and they stand in order. A text of one window keeps its logits as they are.
    """
    starts = np.flatnonzero(np.diff(encoded_texts, prepend=-1))
    weights = np.maximum(sizes, 1).astype(np.float64)
    sums = np.add.reduceat(logits * weights[:, None], starts, axis=0)
    mean: NDArray[np.float32] = (sums / np.add.reduceat(weights, starts)[:, None]).astype(np.float32)
    return mean


def read_tokenizer(path: Path) -> Tokenizer:
    """Raises TextgateError where the file is not there, or the library cannot read it."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TextgateError(f"{path} is not a usable tokenizer: {reason}") from None


def _for_words(tokenizer: Tokenizer) -> Tokenizer:
    """Byte-level vocabularies know a word by the space before it, which words that stand alone have lost."""
    state: dict[str, Any] = json.loads(tokenizer.to_str())
    outer = state.get("pre_tokenizer") or {}
    for part in outer.get("pretokenizers", [outer]):
        if part.get("type") == "ByteLevel":
            part["add_prefix_space"] = True
    return Tokenizer.from_str(json.dumps(state))


def _pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> Pieces:
    ids, counts = array("I"), array("q")
    for part in _parts(texts):
        for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False):
            found = encoding.ids
            ids.fromlist(found)
            counts.append(len(found))
    return Pieces(np.array(ids, np.uint32), np.array(counts, np.int64))


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in order, of at most CHARACTERS_AT_ONCE together, or one that has more."""
    part: list[str] = []
    characters = 0
    for text in texts:
        if part and characters + len(text) > CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
        part.append(text)
        characters += len(text)
    if part:
        yield part


def _starts(counts: Integers) -> Integers:
    return np.cumsum(counts) - counts


def _sums(values: NDArray[Any], counts: Integers) -> Integers:
    """Sums of the first counts[0] values, of the next counts[1], and so on."""
    totals = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    ends = np.cumsum(counts)
    sums: Integers = totals[ends] - totals[ends - counts]
    return sums

"""Texts to token ids, by a tokenizer.json: the very same for the tokenize step and for what serves the model.

The `tokenizers` library, which transformers' fast tokenizers run, gives the plain ids; truncation and special tokens
are laid around them here. For the policy head the ids equal the library's own. Texts are gone through one by one, in
plain Python: after a model has run, nothing of numpy is left in the processor's caches, and a text that comes alone
would wait for each of its functions.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from components.base.errors import TextgateError
from components.base.special_tokens import Template, find_pad, find_template, find_unknown
from components.base.truncation import Integers, Span, Truncation, keep, keep_pair

UNTAGGED = -100
# The library holds about 100 bytes for each token of a call: texts of so many characters are encoded at once.
CHARACTERS_AT_ONCE = 1 << 20

# The number of a text, and what is kept of it, or of each of a pair's two.
Kept = tuple[int, Sequence[list[Span]]]


class Encoded(NamedTuple):
    """Rows ready for a model; a text has one, under the policy chunk one for each of its windows.

    `ids` ("I") of each row, of the text `texts[row]`, and their `type_ids` ("B") and `tags` ("i"), None where there are
    none; windows of a text follow one another. `pieces` are all tokens of each text, of one side or of a pair's two,
    around which are `special` ones. For each text: `lost` are its words whose tag fell to truncation, `empty` its words
    that give no token (None where it is not made of words).
    """

    ids: list[array[int]]
    texts: list[int]
    pieces: list[list[array[int]]]
    special: int
    type_ids: list[array[int]] | None = None
    tags: list[array[int]] | None = None
    lost: list[int] | None = None
    empty: list[int] | None = None

    @property
    def sizes(self) -> list[int]:
        """The tokens of each row."""
        return list(map(len, self.ids))

    @property
    def lengths(self) -> list[int]:
        """The tokens of each text before truncation, special ones included."""
        return [self.special + sum(map(len, sides)) for sides in zip(*self.pieces, strict=True)]


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
        longest = max(map(len, pieces), default=0)
        if self.template.typed or longest > self.truncation.max_length - self.template.size:
            return _frame(self.template, [pieces], self._kept(pieces))
        before, after = self.template.ids
        rows = [before + tokens + after for tokens in pieces]
        return Encoded(rows, list(range(len(rows))), [pieces], self.template.size)

    def pairs(self, first: Sequence[str], second: Sequence[str]) -> Encoded:
        """Each text of `first` with the one of `second`; type ids where the post-processor gives any but 0."""
        sides = [_pieces(self.tokenizer, first), _pieces(self.tokenizer, second)]
        room = self.truncation.max_length - self.pair_template.size
        pairs = enumerate(zip(*sides, strict=True))
        kept = ((text, keep_pair(len(one), len(other), room, self.truncation)) for text, (one, other) in pairs)
        return _frame(self.pair_template, sides, kept)

    def words(self, texts: Sequence[Sequence[str]], tags: Iterable[int]) -> Encoded:
        """Texts that are cut into words; `tags` has one for each word of all texts, from 0.

        A word's first piece carries its tag; other pieces and special tokens carry UNTAGGED.
        """
        distinct = list(dict.fromkeys(chain.from_iterable(texts)))
        known = dict(zip(distinct, _pieces(self._of_words, distinct), strict=True))
        pieces, carried, given, rest = [], [], iter(tags), array("i", [UNTAGGED])
        for words in texts:
            tokens, marks = array("I"), array("i")
            for word, tag in zip(words, islice(given, len(words)), strict=True):
                if found := known[word]:
                    tokens += found
                    marks.append(tag)
                    marks += rest * (len(found) - 1)
            pieces.append(tokens)
            carried.append(marks)
        encoded = _frame(self.template, [pieces], self._kept(pieces), carried)
        empty = [sum(not known[word] for word in words) for words in texts]
        kept = [len(row) - row.count(UNTAGGED) for row in encoded.tags or []]
        lost = [len(words) - less - tagged for words, less, tagged in zip(texts, empty, kept, strict=True)]
        return encoded._replace(lost=lost, empty=empty)

    def count_unknown(self, encoded: Encoded) -> int:
        """How many tokens of all texts, before truncation, stand for what is not in the vocabulary."""
        return sum(pieces.count(self.unknown) for side in encoded.pieces for pieces in side)

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

    def _kept(self, pieces: list[array[int]]) -> Iterator[Kept]:
        room = self.truncation.max_length - self.template.size
        for text, tokens in enumerate(pieces):
            for spans in keep(len(tokens), room, self.truncation):
                yield text, (spans,)


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


def _pieces(tokenizer: Tokenizer, texts: Sequence[str]) -> list[array[int]]:
    """The tokens of each text, without special ones."""
    return [
        array("I", encoding.ids)
        for part in _parts(texts)
        for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=False)
    ]


def _frame(
    template: Template,
    sides: list[list[array[int]]],
    kept: Iterable[Kept],
    carried: list[array[int]] | None = None,
) -> Encoded:
    """Special tokens around what is kept of each text, or of two; `carried` are the tags of the one's tokens."""
    ids, texts, types, tags = [], [], [], []
    untagged = [array("i", [UNTAGGED]) * len(edge) for edge in template.ids] if carried is not None else []
    for text, spans in kept:
        pieces = [side[text] for side in sides]
        ids.append(_lay(template.ids, pieces, spans))
        texts.append(text)
        if template.typed:
            kinds = [array("B", [kind]) * len(side) for kind, side in zip(template.kinds, pieces, strict=True)]
            types.append(_lay(template.types, kinds, spans))
        if carried is not None:
            tags.append(_lay(untagged, [carried[text]], spans))
    return Encoded(
        ids, texts, sides, template.size, types if template.typed else None, tags if carried is not None else None
    )


def _lay(edges: list[array[int]], sides: list[array[int]], kept: Sequence[list[Span]]) -> array[int]:
    """An edge, what is kept of the first side, an edge, and so on."""
    row = edges[0][:]
    for side, spans, edge in zip(sides, kept, edges[1:], strict=True):
        for start, end in spans:
            row += side[start:end]
        row += edge
    return row


def _parts(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    """The texts in order, of at most CHARACTERS_AT_ONCE together, or one that has more."""
    return [texts] if sum(map(len, texts)) <= CHARACTERS_AT_ONCE else _cut(texts)


def _cut(texts: Sequence[str]) -> Iterator[list[str]]:
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

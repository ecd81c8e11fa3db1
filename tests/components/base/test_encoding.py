"""The ids are those of the library that transformers' fast tokenizers run, whatever the kind of tokenizer."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from components.base.encoding import UNTAGGED, Encoded, Encoder, pool
from components.base.errors import TextgateError
from components.base.truncation import POLICIES, Truncation
from tests.tokenizers_of_all_kinds import KINDS, ODD, bare, bert, random_texts, roberta, save

TEXTS = random_texts(150)


@pytest.fixture(scope="module", params=sorted(KINDS))
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(KINDS[request.param](), tmp_path_factory.mktemp(request.param))


def library(path: Path, max_length: int, side: str = "right") -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, direction=side)
    return tokenizer


def lists(rows: list[array[int]] | None) -> list[list[int]]:
    return [row.tolist() for row in rows or []]


def types(encoded: Encoded) -> list[list[int]]:
    return lists(encoded.type_ids) or [[0] * len(row) for row in encoded.ids]


@pytest.mark.parametrize("max_length", [8, 13, 64])
@pytest.mark.parametrize(("policy", "side"), [("head", "right"), ("tail", "left")])
def test_texts_have_the_ids_of_the_library(path: Path, max_length: int, policy: str, side: str) -> None:
    encoded = Encoder(path, Truncation(policy, max_length)).texts(TEXTS)
    expected = library(path, max_length, side).encode_batch(TEXTS)
    assert lists(encoded.ids) == [encoding.ids for encoding in expected]
    assert types(encoded) == [encoding.type_ids for encoding in expected]
    whole = library(path, 100_000).encode_batch(TEXTS)
    assert encoded.lengths == [len(encoding) for encoding in whole]
    assert encoded.texts == list(range(len(TEXTS)))


@pytest.mark.parametrize("max_length", [8, 13, 64])
@pytest.mark.parametrize(("policy", "side"), [("head", "right"), ("tail", "left")])
def test_pairs_have_the_ids_of_the_library(path: Path, max_length: int, policy: str, side: str) -> None:
    """Of short texts: the library pairs every part of a long one with every part of the other."""
    texts = [text[:40] for text in TEXTS[:60]]
    others = list(np.random.default_rng(1).permutation(texts))
    encoded = Encoder(path, Truncation(policy, max_length)).pairs(texts, others)
    expected = library(path, max_length, side).encode_batch(list(zip(texts, others, strict=True)))
    assert lists(encoded.ids) == [encoding.ids for encoding in expected]
    assert types(encoded) == [encoding.type_ids for encoding in expected]
    assert max(map(len, encoded.ids)) == max_length or max_length == 64


@pytest.mark.parametrize("max_length", [8, 30])
def test_words_have_the_ids_of_the_library_and_first_pieces_their_tags(path: Path, max_length: int) -> None:
    texts = [text.split(" ") for text in TEXTS]
    tags = np.random.default_rng(2).integers(0, 9, sum(map(len, texts))).tolist()
    encoder = Encoder(path, Truncation("head", max_length))
    encoded = encoder.words(texts, tags)
    known = library(path, max_length)
    if isinstance(known.pre_tokenizer, pre_tokenizers.ByteLevel):
        known.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    expected = known.encode_batch(texts, is_pretokenized=True)
    assert lists(encoded.ids) == [encoding.ids for encoding in expected]
    assert encoded.tags is not None and encoded.lost is not None and encoded.empty is not None
    place = 0
    for row, (words, encoding) in enumerate(zip(texts, expected, strict=True)):
        carried = encoded.tags[row].tolist()
        seen: set[int] = set()
        for tag, word in zip(carried, encoding.word_ids, strict=True):
            assert tag == (UNTAGGED if word is None or word in seen else tags[place + word])
            seen |= set() if word is None else {word}
        pieces = [len(known.encode([word], is_pretokenized=True, add_special_tokens=False)) for word in words]
        assert encoded.empty[row] == pieces.count(0)
        assert encoded.lost[row] == len(words) - pieces.count(0) - len(seen)
        place += len(words)


def test_a_word_cut_at_its_start_has_lost_its_tag(tmp_path: Path) -> None:
    encoder = Encoder(save(bert(), tmp_path), Truncation("tail", 8))
    encoded = encoder.words([["goodbadgoodbadlate", "good"]], [5, 7])
    assert encoded.tags is not None and encoded.lost is not None
    assert encoded.lengths[0] > 8 == len(encoded.ids[0])
    assert encoded.tags[0].tolist() == [UNTAGGED] * 6 + [7, UNTAGGED]
    assert encoded.lost == [1]


def test_head_tail_keeps_both_ends_and_short_texts_whole(path: Path) -> None:
    encoded = Encoder(path, Truncation("head_tail", 16, head_share=0.25)).texts(TEXTS)
    special = len(library(path, 16).encode(""))
    head = round((16 - special) * 0.25)
    whole = Encoder(path, Truncation("head", 100_000)).texts(TEXTS)
    front = special // 2
    for kept, all_ids in zip(lists(encoded.ids), lists(whole.ids), strict=True):
        if len(all_ids) <= 16:
            assert kept == all_ids
        else:
            assert kept[: front + head] == all_ids[: front + head]
            assert kept[front + head :] == all_ids[-(16 - front - head) :]


@pytest.mark.parametrize("overlap", [0, 3])
def test_chunks_are_the_library_s_strides(path: Path, overlap: int) -> None:
    encoded = Encoder(path, Truncation("chunk", 12, overlap=overlap)).texts(TEXTS)
    known = Tokenizer.from_file(str(path))
    known.no_padding()
    known.enable_truncation(12, stride=overlap)
    expected = [
        (number, part.ids)
        for number, encoding in enumerate(known.encode_batch(TEXTS))
        for part in [encoding, *encoding.overflowing]
    ]
    assert list(zip(encoded.texts, lists(encoded.ids), strict=True)) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_a_row_is_encoded_alone_as_among_others(path: Path, policy: str) -> None:
    encoder = Encoder(path, Truncation(policy, 12, overlap=3))
    others, split = TEXTS[::-1], [text.split(" ") for text in TEXTS]
    ways: list[tuple[Encoded, Callable[[int], Encoded]]] = [
        (encoder.texts(TEXTS), lambda row: encoder.texts(TEXTS[row : row + 1])),
        (encoder.pairs(TEXTS, others), lambda row: encoder.pairs(TEXTS[row : row + 1], others[row : row + 1])),
    ]
    if policy in ("head", "tail"):
        tags = [number % 7 for number in range(sum(map(len, split)))]
        starts = [0, *accumulate(map(len, split))]
        ways.append(
            (encoder.words(split, tags), lambda row: encoder.words([split[row]], tags[starts[row] : starts[row + 1]]))
        )
    for all_rows, alone in ways:
        parts = [alone(row) for row in range(len(TEXTS))]
        assert lists(all_rows.ids) == [ids for part in parts for ids in lists(part.ids)]
        assert types(all_rows) == [kinds for part in parts for kinds in types(part)]
        assert lists(all_rows.tags) == [tags for part in parts for tags in lists(part.tags)]
        assert all_rows.texts == [row for row, part in enumerate(parts) for _ in part.ids]


def test_parts_of_a_batch_make_no_difference(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(path, Truncation("chunk", 12))
    whole = encoder.texts(TEXTS)
    monkeypatch.setattr("components.base.encoding.CHARACTERS_AT_ONCE", 100)
    parts = encoder.texts(TEXTS)
    assert lists(parts.ids) == lists(whole.ids)
    assert parts.lengths == whole.lengths


def test_unknown_tokens_are_counted_and_named(tmp_path: Path) -> None:
    encoder = Encoder(save(bare(), tmp_path), Truncation())
    texts = ["good zzz bad", "", "Good, good", "good"]
    assert encoder.count_unknown(encoder.texts(texts)) == 3
    assert encoder.count_unknown(encoder.pairs(texts, texts)) == 6
    assert list(encoder.unknown_words(texts)) == ["zzz", "Good", ","]
    assert list(Encoder(save(roberta(), tmp_path), Truncation()).unknown_words(ODD)) == []


def test_no_text_gives_no_row(path: Path) -> None:
    encoder = Encoder(path, Truncation("chunk", 12))
    for encoded in (encoder.texts([]), encoder.pairs([], []), encoder.words([], [])):
        assert lists(encoded.ids) == [] and len(encoded.lengths) == 0


def test_windows_are_pooled_by_their_tokens() -> None:
    logits = np.array([[1, 0], [4, 0], [0, 7], [3, 3]], np.float32)
    texts, sizes = np.array([0, 0, 1, 2]), np.array([10, 5, 3, 0])
    pooled = pool(logits, texts, sizes)
    assert pooled.dtype == np.float32
    np.testing.assert_array_equal(pooled, np.array([[2, 0], [0, 7], [3, 3]], np.float32))


@pytest.mark.parametrize(("truncation", "least"), [(Truncation("head", 2), 3), (Truncation("chunk", 8, overlap=6), 9)])
def test_a_length_that_leaves_no_room_is_refused(tmp_path: Path, truncation: Truncation, least: int) -> None:
    with pytest.raises(TextgateError, match=f"beside the tokenizer's 2 special tokens; it must be at least {least}"):
        Encoder(save(bert(), tmp_path), truncation)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b'{"version": "1.0", "model": {"type": "Bogus"}}'])
def test_what_is_no_tokenizer_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TextgateError, match=r"tokenizer\.json is not a usable tokenizer: ."):
        Encoder(tmp_path / "tokenizer.json", Truncation())


def test_transformers_gives_the_same_ids(path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_file=str(path))
    encoder = Encoder(path, Truncation("head", 16))
    expected = fast(TEXTS, truncation=True, max_length=16)["input_ids"]
    assert lists(encoder.texts(TEXTS).ids) == expected
    pairs = fast(TEXTS[:30], TEXTS[30:60], truncation="longest_first", max_length=16)["input_ids"]
    assert lists(encoder.pairs(TEXTS[:30], TEXTS[30:60]).ids) == pairs

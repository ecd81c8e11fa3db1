"""The ids are those of the library that transformers' fast tokenizers run, whatever the kind of tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from components.base.encoding import UNTAGGED, Encoded, Encoder, pool
from components.base.errors import TextgateError
from components.base.truncation import Truncation
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


def ids(encoded: Encoded) -> list[list[int]]:
    return [row.tolist() for row in encoded.rows()]


def types(encoded: Encoded) -> list[list[int]]:
    if encoded.type_ids is None:
        return [[0] * size for size in encoded.sizes]
    return [row.tolist() for row in np.split(encoded.type_ids, encoded.offsets[1:-1])]


@pytest.mark.parametrize("max_length", [8, 13, 64])
@pytest.mark.parametrize(("policy", "side"), [("head", "right"), ("tail", "left")])
def test_texts_have_the_ids_of_the_library(path: Path, max_length: int, policy: str, side: str) -> None:
    encoded = Encoder(path, Truncation(policy, max_length)).texts(TEXTS)
    expected = library(path, max_length, side).encode_batch(TEXTS)
    assert ids(encoded) == [encoding.ids for encoding in expected]
    assert types(encoded) == [encoding.type_ids for encoding in expected]
    whole = library(path, 100_000).encode_batch(TEXTS)
    assert encoded.lengths.tolist() == [len(encoding) for encoding in whole]
    assert encoded.texts.tolist() == list(range(len(TEXTS)))


@pytest.mark.parametrize("max_length", [8, 13, 64])
@pytest.mark.parametrize(("policy", "side"), [("head", "right"), ("tail", "left")])
def test_pairs_have_the_ids_of_the_library(path: Path, max_length: int, policy: str, side: str) -> None:
    """Of short texts: the library pairs every part of a long one with every part of the other."""
    texts = [text[:40] for text in TEXTS[:60]]
    others = list(np.random.default_rng(1).permutation(texts))
    encoded = Encoder(path, Truncation(policy, max_length)).pairs(texts, others)
    expected = library(path, max_length, side).encode_batch(list(zip(texts, others, strict=True)))
    assert ids(encoded) == [encoding.ids for encoding in expected]
    assert types(encoded) == [encoding.type_ids for encoding in expected]
    assert encoded.sizes.max() == max_length or max_length == 64


@pytest.mark.parametrize("max_length", [8, 30])
def test_words_have_the_ids_of_the_library_and_first_pieces_their_tags(path: Path, max_length: int) -> None:
    texts = [text.split(" ") for text in TEXTS]
    tags = np.random.default_rng(2).integers(0, 9, sum(map(len, texts))).astype(np.int32)
    encoder = Encoder(path, Truncation("head", max_length))
    encoded = encoder.words(texts, tags)
    known = library(path, max_length)
    if isinstance(known.pre_tokenizer, pre_tokenizers.ByteLevel):
        known.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    expected = known.encode_batch(texts, is_pretokenized=True)
    assert ids(encoded) == [encoding.ids for encoding in expected]
    assert encoded.tags is not None and encoded.lost is not None and encoded.empty is not None
    place = 0
    for row, (words, encoding) in enumerate(zip(texts, expected, strict=True)):
        carried = encoded.tags[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
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
    encoded = encoder.words([["goodbadgoodbadlate", "good"]], np.array([5, 7], np.int32))
    assert encoded.tags is not None and encoded.lost is not None
    assert encoded.lengths[0] > 8 == encoded.sizes[0]
    assert encoded.tags.tolist() == [UNTAGGED] * 6 + [7, UNTAGGED]
    assert encoded.lost.tolist() == [1]


def test_head_tail_keeps_both_ends_and_short_texts_whole(path: Path) -> None:
    encoded = Encoder(path, Truncation("head_tail", 16, head_share=0.25)).texts(TEXTS)
    special = 16 - Encoder(path, Truncation("head", 16))._kept(np.array([99])).lengths.sum()
    head = round((16 - special) * 0.25)
    whole = Encoder(path, Truncation("head", 100_000)).texts(TEXTS)
    front = special // 2
    for kept, all_ids in zip(encoded.rows(), whole.rows(), strict=True):
        if len(all_ids) <= 16:
            assert kept.tolist() == all_ids.tolist()
        else:
            assert kept[: front + head].tolist() == all_ids[: front + head].tolist()
            assert kept[front + head :].tolist() == all_ids[-(16 - front - head) :].tolist()


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
    assert list(zip(encoded.texts.tolist(), ids(encoded), strict=True)) == expected


def test_parts_of_a_batch_make_no_difference(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(path, Truncation("chunk", 12))
    whole = encoder.texts(TEXTS)
    monkeypatch.setattr("components.base.encoding.CHARACTERS_AT_ONCE", 100)
    parts = encoder.texts(TEXTS)
    assert ids(parts) == ids(whole)
    assert parts.lengths.tolist() == whole.lengths.tolist()


def test_unknown_tokens_are_counted_and_named(tmp_path: Path) -> None:
    encoder = Encoder(save(bare(), tmp_path), Truncation())
    texts = ["good zzz bad", "", "Good, good", "good"]
    assert encoder.count_unknown(encoder.texts(texts)) == 3
    assert encoder.count_unknown(encoder.pairs(texts, texts)) == 6
    assert list(encoder.unknown_words(texts)) == ["zzz", "Good", ","]
    assert list(Encoder(save(roberta(), tmp_path), Truncation()).unknown_words(ODD)) == []


def test_no_text_gives_no_row(path: Path) -> None:
    encoder = Encoder(path, Truncation("chunk", 12))
    for encoded in (encoder.texts([]), encoder.pairs([], []), encoder.words([], np.zeros(0, np.int32))):
        assert encoded.rows() == [] and len(encoded.lengths) == 0


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
    assert ids(encoder.texts(TEXTS)) == expected
    pairs = fast(TEXTS[:30], TEXTS[30:60], truncation="longest_first", max_length=16)["input_ids"]
    assert ids(encoder.pairs(TEXTS[:30], TEXTS[30:60])) == pairs

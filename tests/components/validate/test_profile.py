"""The profile of the training data: what it counts, that it is small and the same each time, and tells no text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.files import canonical_json
from components.base.settings import DataSchema
from components.validate.profile import GRAMS_OF_A_ROW, build_profile, spread_of, unpacked, vocabulary
from tests.tiny_project import write_base_model

DATA = DataSchema(labels=["a", "b"])
WORDS = [f"{stem}{end}" for stem in ("train", "book", "garden", "letter", "window") for end in ("", "s", "er", "ing")]


def profile(folder: Path, texts: list[str], labels: list[str] | None = None, base_model: Path | None = None) -> Any:
    folder.mkdir(exist_ok=True)
    rows = {"id": list(map(str, range(len(texts)))), "text": texts, "label": labels or ["a"] * len(texts)}
    pq.write_table(pa.table(rows), folder / "train.parquet")
    return build_profile(folder, DATA, base_model)


def sentences(rows: int, words: list[str], length: int = 10, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    chosen = np.array(words)[rng.integers(0, len(words), (rows, length))]
    return [" ".join(row) for row in chosen]


def test_rows_labels_lengths_and_words_are_counted(tmp_path: Path) -> None:
    found = profile(tmp_path, ["A card, a card!", "the  Card", "", "longer " * 40], ["a", "a", "b", "b"])
    assert found["rows"] == 4 and found["labels"] == {"a": 2, "b": 2} and found["tokens"] is None
    assert found["words"] == 5 and vocabulary(found).sum() == 4
    assert sum(found["lengths"]) == 4 and np.flatnonzero(found["lengths"])[0] == 0


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Card, please!", "please - CARD", True),
        ("call 555 now", "call 981 now", True),
        ("call 555 now", "call 5 now", False),
        ("Straße in Köln", "köln: in strasse", True),
        ("हिन्दी में", "हिन्दी, में", True),
        ("हिन्दी में", "तमिल में", False),
        ("naïve", "naive", False),
    ],
)
def test_what_is_the_same_word(tmp_path: Path, left: str, right: str, same: bool) -> None:
    found = [vocabulary(profile(tmp_path, [text])).tolist() for text in (left, right)]
    assert (found[0] == found[1]) is same


def test_a_label_that_is_not_in_the_config_is_not_named(tmp_path: Path) -> None:
    found = profile(tmp_path, ["one", "two"], ["a", "my secret text in the wrong column"])
    assert found["labels"] == {"a": 1, "b": 0, "(other labels)": 1}


def test_no_text_can_be_read_from_it(tmp_path: Path) -> None:
    texts = sentences(300, WORDS, 20)
    found = profile(tmp_path, texts)
    written = canonical_json(found)
    assert not [word for word in WORDS if len(word) > 4 and word in written]
    words = unpacked(found["sampled_words"], "u4")
    assert (np.diff(words) >= 0).all()
    assert unpacked(found["grams"]["sizes"], "u1").max() <= GRAMS_OF_A_ROW < len(texts[0]) / 2


def test_small_and_the_same_bytes_each_time_whatever_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in rng.integers(0, 1 << 40, 30_000)]
    words = ["".join(chr(97 + int(digit)) for digit in word[1:]) for word in words]
    texts = [*sentences(5000, words, 25), *sentences(5, words, 9000, seed=1)]
    labels = [f"label number {row % 5000}" for row in range(len(texts))]
    schema = DataSchema(labels=sorted(set(labels)))
    pq.write_table(
        pa.table({"id": list(map(str, range(len(texts)))), "text": texts, "label": labels}), tmp_path / "train.parquet"
    )
    first, second = (canonical_json(build_profile(tmp_path, schema, None)) for _ in range(2))
    assert first == second and len(first) < 1_000_000


def test_half_of_the_rows_lacks_words_of_the_other_half(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    letters = np.array(list("abcdefghij"))
    rare = ["".join(rng.choice(letters, 8)) for _ in range(5000)]
    texts = [f"{common} {other}" for common, other in zip(sentences(5000, WORDS, 4), rare, strict=True)]
    own = profile(tmp_path / "rare", texts)["own_new_words"]
    assert 3000 < own["words"] < 7000 and own["new"] / own["words"] == pytest.approx(0.2, abs=0.03)
    assert profile(tmp_path / "common", sentences(5000, WORDS, 4))["own_new_words"]["new"] == 0


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_no_rows_and_no_words(tmp_path: Path, texts: list[str]) -> None:
    write_base_model(tmp_path / "base")
    found = profile(tmp_path / "data", texts, base_model=tmp_path / "base")
    assert (found["rows"], found["words"], found["tokens"]["tokens"]) == (len(texts), 0, 0)
    json.dumps(found, allow_nan=False)


def test_unknown_tokens_by_row(tmp_path: Path) -> None:
    write_base_model(tmp_path / "base")
    even = profile(tmp_path / "data", ["the service quartz"] * 30, base_model=tmp_path / "base")["tokens"]
    assert (even["unknown"], even["tokens"], even["spread"]) == (30, 90, 1)
    rows = ["quartz onyx zebra"] * 10 + ["the service was"] * 20
    together = profile(tmp_path / "data", rows, base_model=tmp_path / "base")["tokens"]
    assert (together["unknown"], together["tokens"], together["spread"]) == (30, 90, pytest.approx(3))


def test_the_spread_of_things_that_come_alone_is_one() -> None:
    rng = np.random.default_rng(0)
    every = rng.integers(1, 30, 20_000)
    assert spread_of(rng.binomial(every, 0.2), every) == pytest.approx(1, abs=0.05)
    assert spread_of(np.zeros(3), np.zeros(3)) == spread_of(np.zeros(3), np.ones(3)) == 1


def test_pairs_lists_of_labels_and_tags(tmp_path: Path) -> None:
    pairs = {"id": ["1"], "text": ["one two"], "text_pair": ["three"], "label": ["a"]}
    pq.write_table(pa.table(pairs), tmp_path / "train.parquet")
    write_base_model(tmp_path / "base")
    found = build_profile(tmp_path, DataSchema(task="text-pair", labels=["a", "b"]), tmp_path / "base")
    assert found["words"] == found["tokens"]["tokens"] == 3
    many = {"id": ["1", "2"], "text": ["one", "two"], "label": pa.array([["a", "b"], []], pa.list_(pa.string()))}
    pq.write_table(pa.table(many), tmp_path / "train.parquet")
    found = build_profile(tmp_path, DataSchema(task="multi-label", labels=["a", "b"]), None)
    assert found["labels"] == {"a": 1, "b": 1}
    tags = {"id": ["1"], "tokens": [["in", "New", "York"]], "tags": [["O", "B-x", "I-x"]]}
    pq.write_table(pa.table(tags), tmp_path / "train.parquet")
    found = build_profile(tmp_path, DataSchema(task="token-tags", labels=["O", "B-x", "I-x"]), None)
    assert found["labels"] == {"O": 1, "B-x": 1, "I-x": 1} and found["words"] == 3

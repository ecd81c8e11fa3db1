"""Near copies against brute force, across splits and tasks, in parts, among boilerplate, and of long texts."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from components.base.settings import DataSchema
from components.base.text import normalise
from components.validate import near_join
from components.validate.near import NearPair, find_near

SPLITS = ("train", "validation", "test")
DATA = DataSchema(labels=["a", "b"])
FEW = ["can", "i", "top", "up", "my", "card", "with", "cash", "or", "cheque", "today", "please", "how", "transfers"]
EVERY = ["sahlin", "morupe", "tavik", "oster", "quimby", "peralta", "vondel", "griswa", "huxim", "jarolt", "belnap"]

Texts = dict[str, list[str]]
Found = dict[tuple[str, int], tuple[str, int, float]]


def write(folder: Path, texts: Texts) -> Path:
    folder.mkdir(exist_ok=True)
    for split, rows in texts.items():
        columns = {"id": [f"{split}-{row}" for row in range(len(rows))], "text": rows, "label": ["a"] * len(rows)}
        pq.write_table(pa.table(columns), folder / f"{split}.parquet")
    return folder


def found(pairs: list[NearPair]) -> Found:
    return {(pair.split, pair.row): (pair.other_split, pair.other_row, pair.similarity) for pair in pairs}


def grams(text: str) -> frozenset[str]:
    padded = f" {normalise(text)} ".ljust(4)
    return frozenset(padded[place : place + 4] for place in range(len(padded) - 3))


def jaccard(left: str, right: str) -> float:
    return len(grams(left) & grams(right)) / len(grams(left) | grams(right))


def brute_force(texts: Texts, similarity: float) -> Found:
    """The definition: the first of the most similar rows of earlier splits whose text is another."""
    rows = [(split, row, normalise(text)) for split in texts for row, text in enumerate(texts[split])]
    sets = CountVectorizer(analyzer=grams, binary=True, dtype=np.int64).fit_transform([text for *_, text in rows])
    shared = (sets @ sets.T).toarray()
    sizes = shared.diagonal()
    near = shared / (sizes[:, None] + sizes[None, :] - shared)
    names = np.array([text for *_, text in rows])
    order = np.array([list(texts).index(split) for split, *_ in rows])
    near[(names[:, None] == names[None, :]) | (order[None, :] >= order[:, None])] = 0
    near[names == "", :] = near[:, names == ""] = 0
    best = near.argmax(axis=1)
    return {
        rows[place][:2]: (*rows[best[place]][:2], near[place, best[place]])
        for place in np.flatnonzero(near.max(axis=1) >= similarity - 1e-9)
    }


def sentences(count: int, seed: int, words: list[str]) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, rng.integers(3, 14))) for _ in range(count)]


@pytest.fixture(scope="module")
def texts() -> Texts:
    """Short sentences of few words, many of them alike; some edited, some equal but for case and spaces."""
    rng = np.random.default_rng(1)
    train = sentences(900, 2, FEW + EVERY)
    edited = [text.replace(str(rng.choice(text.split())), "x", 1) for text in train[:150]]
    same = [f"  {text.upper()}" for text in train[150:200]]
    return {
        "train": [*train, "", "ok", "hahahaha"],
        "validation": [*sentences(150, 3, FEW + EVERY), *edited[:75], *same[:25], ""],
        "test": [*sentences(150, 4, FEW + EVERY), *edited[75:], *same[25:], *edited[:20], " ", "ok!", "Hahaha"],
    }


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_every_row_that_has_a_near_copy_is_found_with_the_nearest(
    tmp_path: Path, texts: Texts, similarity: float
) -> None:
    pairs = found(find_near(write(tmp_path, texts), DATA, SPLITS, similarity))
    wanted = brute_force(texts, similarity)
    assert pairs.keys() == wanted.keys()
    for row, (other_split, other_row, near) in wanted.items():
        assert pairs[row][2] == pytest.approx(near, abs=1e-6)
        assert pairs[row][:2] == (other_split, other_row)
    assert len(wanted) > {0.5: 150, 0.6: 120, 0.7: 100, 0.8: 30}.get(similarity, 0)


def test_any_size_of_parts_gives_the_same(tmp_path: Path, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, texts)
    whole = find_near(folder, DATA, SPLITS, 0.6)
    for name, size in {
        "INDEXED_AT_ONCE": 500,
        "SOUGHT_AT_ONCE": 7,
        "PAIRS_AT_ONCE": 64,
        "COUNTED_AT_ONCE": 1 << 16,
    }.items():
        monkeypatch.setattr(near_join, name, size)
    assert find_near(folder, DATA, SPLITS, 0.6) == whole


def test_a_limit_on_comparisons_loses_no_row(tmp_path: Path, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_join, "ENOUGH", 1)
    monkeypatch.setattr(near_join, "STEPS", (1, 1))
    pairs = found(find_near(write(tmp_path, texts), DATA, SPLITS, 0.6))
    assert pairs.keys() == brute_force(texts, 0.6).keys()
    for (split, row), (other_split, other_row, near) in pairs.items():
        assert (
            near == pytest.approx(jaccard(texts[split][row], texts[other_split][other_row]), abs=1e-6) and near >= 0.6
        )


@pytest.mark.parametrize("step", [1, 64])
def test_what_is_less_alike_does_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    rng = np.random.default_rng(7)
    words = np.array(["".join(rng.choice(list("abcdefghij"), 7)) for _ in range(4000)])
    test = [rng.choice(words, 100, replace=False) for _ in range(8)]
    train = [
        [*text[:part], *rng.choice(words, 100 - part)] for text in test for part in [*rng.integers(56, 61, 20), 68]
    ]
    texts = {"train": [" ".join(text) for text in train], "test": [" ".join(text) for text in test]}
    monkeypatch.setattr(near_join, "ENOUGH", 1)
    monkeypatch.setattr(near_join, "STEPS", (step, step))
    pairs = found(find_near(write(tmp_path, texts), DATA, SPLITS[::2], 0.5))
    assert {row: other for (_, row), (_, other, _) in pairs.items()} == {row: 21 * row + 20 for row in range(8)}


def test_the_first_of_equally_similar_rows_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_join, "STEPS", (1, 1))
    text = "please qwxvj the standing order of the daily kind"
    train = [text.replace("qwxvj", "zzyzz"), text.replace("daily", "zzyzz"), *(f"{word} daily kind" for word in EVERY)]
    assert jaccard(text, train[0]) == jaccard(text, train[1])
    pairs = found(find_near(write(tmp_path, {"train": train, "test": [text]}), DATA, SPLITS[::2], 0.5))
    assert pairs["test", 0][:2] == ("train", 0)


def test_boilerplate_does_not_hide_what_is_near(tmp_path: Path) -> None:
    letter = "your order {} has been shipped today, and a parcel of {} comes to you within two working days"
    train = [letter.format(number * 7919, EVERY[number % 11]) for number in range(3000)]
    test = [
        *(letter.format(number * 104729, EVERY[number % 11]) for number in range(200)),
        "my order of last week never came at all, what now?",
    ]
    pairs = found(
        find_near(
            write(tmp_path, {"train": [*train, "my order of last week never came at all. what now?"], "test": test}),
            DATA,
            SPLITS[::2],
            0.8,
        )
    )
    assert set(pairs) == {("test", row) for row in range(len(test))}
    assert pairs["test", 200][:2] == ("train", 3000)


def test_the_nearest_stands_in_the_earliest_split_and_row(tmp_path: Path) -> None:
    near = "i would like to revert a transfer"
    texts = {
        "train": ["something else", f"{near} now", f"{near} now"],
        "validation": [f"{near} now", near, near.upper()],
        "test": [near, f"{near} now.", "Nothing of the kind"],
    }
    folder = write(tmp_path, texts)
    assert [pair[:6] for pair in find_near(folder, DATA, ["test", "train", "validation"], 0.7)] == [
        ("validation", 1, "validation-1", "train", 1, "train-1"),
        ("validation", 2, "validation-2", "train", 1, "train-1"),
        ("test", 0, "test-0", "train", 1, "train-1"),
        ("test", 1, "test-1", "train", 1, "train-1"),
    ]
    without_train = find_near(folder, DATA, ["validation", "test"], 0.7)
    assert [pair[:6] for pair in without_train] == [
        ("test", 0, "test-0", "validation", 0, "validation-0"),
        ("test", 1, "test-1", "validation", 0, "validation-0"),
    ]


def test_no_rows_one_split_and_letters_of_all_planes(tmp_path: Path) -> None:
    assert find_near(write(tmp_path, {"train": [], "test": ["a near copy of nothing"]}), DATA, SPLITS[::2], 0.8) == []
    assert find_near(tmp_path, DATA, ["test"], 0.8) == []
    assert find_near(tmp_path, DATA, [], 0.8) == []
    folder = write(
        tmp_path, {"train": ["我想取消昨天的转账，谢谢你 🙏🏽 𝔘"], "test": ["我想取消昨天的转账，谢谢您 🙏🏽 𝔘", "你"]}
    )
    assert [pair.row for pair in find_near(folder, DATA, SPLITS[::2], 0.5)] == [0]


def test_both_texts_of_a_pair_count(tmp_path: Path) -> None:
    data = DataSchema(task="text-pair", labels=["a", "b"])
    first, second = "the parcel has not come yet", "where does my parcel stay so long?"
    rows = {
        "train": [(first, second)],
        "test": [(first, f"{second}?"), (first, "a most different answer to it"), (second, first)],
    }
    for split, pairs in rows.items():
        columns = {"id": list(map(str, range(len(pairs)))), "label": ["a"] * len(pairs)}
        texts = {"text": [left for left, _ in pairs], "text_pair": [right for _, right in pairs]}
        pq.write_table(pa.table({**columns, **texts}), tmp_path / f"{split}.parquet")
    found = find_near(tmp_path, data, SPLITS[::2], 0.75)
    assert [(pair.row, pair.similarity) for pair in found if pair.row < 2] == [
        (0, pytest.approx(jaccard(f"{first}~{second}", f"{first}~{second}?"), abs=0.01))
    ]


def test_tokens_count_as_a_sentence(tmp_path: Path) -> None:
    data = DataSchema(task="token-tags", labels=["O", "B-x", "I-x"])
    tokens = ["add", "this", "track", "to", "my", "lo", "que", "suena", "new", "york", "playlist"]
    for split, lists in {"train": [tokens], "test": [[*tokens[:2], "song", *tokens[3:]], tokens, tokens[::-1]]}.items():
        columns = {
            "id": list(map(str, range(len(lists)))),
            "tokens": lists,
            "tags": [["O"] * len(row) for row in lists],
        }
        pq.write_table(pa.table(columns), tmp_path / f"{split}.parquet")
    (pair,) = find_near(tmp_path, data, SPLITS[::2], 0.7)
    wanted = jaccard(" ".join(tokens), " ".join(tokens).replace("track", "song"))
    assert pair == ("test", 0, "0", "train", 0, "0", pytest.approx(wanted, abs=1e-6))


def test_long_texts_are_compared_by_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    words = np.array(["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(20_000)])
    lengths = [120, 140, 145, 150, 155, 160, 280, 300, 600, 1200, 4000, 15_000]
    train = [list(rng.choice(words, length)) for length in lengths]
    changed = [list(text) for text in train]
    for text in changed:  # replaced words in the first third, added ones at the end: up to the next level of samples
        for place in range(0, len(text) // 3, 9):
            text[place] = "otherwise"
        text += list(rng.choice(words, len(text) // 40))
    others = [list(rng.choice(words, length)) for length in lengths]
    texts = {"train": [" ".join(text) for text in train], "test": [" ".join(text) for text in changed + others]}
    pairs = found(find_near(write(tmp_path, texts), DATA, SPLITS[::2], 0.8))
    assert {row: pair[:2] for row, pair in pairs.items()} == {
        ("test", row): ("train", row) for row in range(len(lengths))
    }
    for (_, row), (_, _, near) in pairs.items():
        exact = jaccard(texts["test"][row], texts["train"][row])
        assert near == pytest.approx(exact, abs=0.05 if len(grams(texts["train"][row])) > 900 else 1e-6)


def test_no_room_for_the_n_grams_is_said(tmp_path: Path, texts: Texts) -> None:
    folder = write(tmp_path, texts)
    code = (
        "import sys, pathlib; from components.base.errors import TextgateError;"
        "from components.base.settings import DataSchema; from components.validate.near import find_near\n"
        "try: find_near(pathlib.Path(sys.argv[1]), DataSchema(labels=['a', 'b']), ('train', 'test'), 0.8)\n"
        "except TextgateError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert "no room for the n-grams" in done.stdout and "TMPDIR" in done.stdout


def test_public_intents_against_brute_force(tmp_path: Path, public_data: Callable[[str], Path]) -> None:
    folder = public_data("snips_joint")
    lines = {split: (folder / split / "seq.in").read_text(encoding="utf-8").splitlines() for split in ("train", "test")}
    texts = {"train": lines["train"][:1500], "test": lines["test"]}
    pairs = found(find_near(write(tmp_path, texts), DATA, SPLITS[::2], 0.7))
    wanted = brute_force(texts, 0.7)
    assert pairs.keys() == wanted.keys() and len(wanted) > 10

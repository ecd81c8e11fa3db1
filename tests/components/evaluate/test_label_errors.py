from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.settings import DataSchema
from components.base.settings.evaluation import LabelErrorSettings
from components.base.targets import targets_of
from components.evaluate.confident_learning import likely_errors
from components.evaluate.label_errors import HeldOut, find_label_errors
from components.evaluate.out_of_sample import folds_of, out_of_sample

LABELS = ["card", "loan", "rate", "pin"]
OPTIONS = LabelErrorSettings()
DATA = DataSchema(labels=LABELS)
SETS = DataSchema(task="multi-label", labels=LABELS)
PAIRS = DataSchema(task="text-pair", labels=["same", "other"])
TAGS = DataSchema(task="token-tags", labels=["O", "B-x"])


def texts_of(topics: np.ndarray, rng: np.random.Generator, words: int = 6) -> list[str]:
    """Each word is one of 40 of the topic, or of 40 that belong to none."""
    kinds = np.where(rng.random((len(topics), words)) < 0.6, topics[:, None], -1)
    return [" ".join(f"w{kind}n{rng.integers(40)}" for kind in row) for row in kinds]


def train_errors(
    folder: Path, columns: dict[str, Any], data: DataSchema = DATA, options: LabelErrorSettings = OPTIONS, seed: int = 1
) -> dict[str, Any]:
    rows = len(next(iter(columns.values())))
    pq.write_table(pa.table({"id": [f"r{row:04}" for row in range(rows)], **columns}), folder / "train.parquet")
    found: dict[str, Any] = find_label_errors(folder, data, options, seed, {})["train"]
    json.dumps(found, allow_nan=False)
    return found


def planted(rows: int = 1200, share: float = 0.05) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, their topics, and labels of which a share is another."""
    rng = np.random.default_rng(0)
    topics = rng.integers(0, len(LABELS), rows)
    wrong = rng.random(rows) < share
    labels = np.where(wrong, (topics + rng.integers(1, len(LABELS), rows)) % len(LABELS), topics)
    return texts_of(topics, rng), topics, labels


def names(places: np.ndarray) -> list[str]:
    return [LABELS[place] for place in places]


def test_planted_errors_are_found_with_the_right_label_and_few_others(tmp_path: Path) -> None:
    texts, topics, labels = planted(share=0.03)
    found = train_errors(tmp_path, {"text": texts, "label": names(labels)})
    wrong = {f"r{row:04}": row for row in np.flatnonzero(topics != labels)}
    assert found["rows"] == 1200 and found["share"] == found["found"] / 1200
    hits = [entry for entry in found["worst"] if entry["id"] in wrong]
    assert len(hits) > 0.7 * len(wrong) and len(hits) > 0.8 * found["found"]
    assert all(entry["label"] == LABELS[labels[wrong[entry["id"]]]] for entry in hits)
    assert sum(entry["likely"] == LABELS[topics[wrong[entry["id"]]]] for entry in hits) > 0.95 * len(hits)


def test_rows_are_listed_worst_first_and_at_most_fifty_without_their_texts(tmp_path: Path) -> None:
    texts, _, labels = planted(share=0.1)
    found = train_errors(tmp_path, {"text": texts, "label": names(labels)})
    scores = [entry["score"] for entry in found["worst"]]
    assert found["found"] > 60 and len(scores) == 50
    assert scores == sorted(scores) and 0 < scores[0] < 0.1
    assert "w1n" not in json.dumps(found)


def test_one_seed_gives_one_answer(tmp_path: Path) -> None:
    texts, _, labels = planted(rows=400)
    columns = {"text": texts, "label": names(labels)}
    assert train_errors(tmp_path, columns) == train_errors(tmp_path, columns)
    assert train_errors(tmp_path, columns) != train_errors(tmp_path, columns, seed=2)


def test_a_copy_does_not_vouch_for_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    topics = rng.integers(0, len(LABELS), 600)
    texts, labels = texts_of(topics, rng), topics.copy()
    copies = [text for text, topic in zip(texts, topics, strict=True) if topic == 0][:10]
    texts += [form for text in copies for form in (text.upper(), f"  {text}")]
    labels[[texts.index(text) for text in copies]] = 1
    labels = np.append(labels, np.ones(20, int))
    found = train_errors(tmp_path, {"text": texts, "label": names(labels)})
    listed = {entry["id"] for entry in found["worst"] if entry["likely"] == LABELS[0]}
    assert len(listed & {f"r{row:04}" for row in range(600, 620)}) >= 7


def test_copies_lie_in_one_fold_and_a_rare_label_in_several() -> None:
    strata = np.array([0] * 50 + [1, 1] + [2] * 48)
    columns = [["copy"] * 20 + [f"text {row}" for row in range(80)]]
    folds = folds_of(columns, strata, 5, 0)
    assert (folds != folds_of(columns, strata, 5, 1)).any()
    assert len(set(folds[:20])) == 1
    assert folds[50] != folds[51]
    assert np.ptp(np.bincount(folds[20:50], minlength=5)) <= 2 and np.ptp(np.bincount(folds[52:], minlength=5)) <= 1


def test_a_pair_is_told_by_what_its_texts_share(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    first, other = (texts_of(rng.integers(0, 4, 800), rng, 8) for _ in range(2))
    same = rng.random(800) < 0.5
    pairs = [
        " ".join(reversed(one.split())) if alike else two for one, two, alike in zip(first, other, same, strict=True)
    ]
    wrong = np.zeros(800, bool)
    wrong[:40] = True
    labels = ["same" if alike else "other" for alike in same ^ wrong]
    found = train_errors(tmp_path, {"text": first, "text_pair": pairs, "label": labels}, PAIRS)
    hits = sum(entry["id"] < "r0040" for entry in found["worst"])
    assert hits >= 30 and found["found"] - hits <= 4


def test_of_several_labels_one_is_missing_or_too_many(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    first, second = rng.integers(0, len(LABELS), (2, 1000))
    texts = [f"{one} {two}" for one, two in zip(texts_of(first, rng), texts_of(second, rng), strict=True)]
    right = [sorted({one, two}) for one, two in zip(first.tolist(), second.tolist(), strict=True)]
    given = [list(labels) for labels in right]
    for row in range(20):
        given[row] = given[row][1:]
    for row in range(20, 40):
        given[row] = sorted({*given[row], next(label for label in range(len(LABELS)) if label not in given[row])})
    found = train_errors(tmp_path, {"text": texts, "label": [names(np.array(row, int)) for row in given]}, SETS)
    hits = [entry for entry in found["worst"] if entry["id"] < "r0040"]
    assert found["rows"] == 1000 and len({entry["id"] for entry in found["worst"]}) == len(found["worst"])
    assert sum(entry["id"] < "r0020" for entry in hits) >= 12 and sum(entry["id"] >= "r0020" for entry in hits) >= 12
    assert all(entry["label"] == names(np.array(given[int(entry["id"][1:])], int)) for entry in hits)
    assert sum(entry["likely"] == names(np.array(right[int(entry["id"][1:])], int)) for entry in hits) >= 0.9 * len(
        hits
    )


def test_the_served_model_judges_what_it_was_not_trained_on(tmp_path: Path) -> None:
    table = pa.table({"id": list("abcdef"), "text": ["t"] * 6, "label": ["card"] * 3 + ["loan"] * 3})
    probabilities = np.full((6, 4), 0.02)
    probabilities[[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 1]] = 0.94
    held_out = {
        "validation": HeldOut([], targets_of(table[:0], DATA), np.zeros((0, 4))),
        "test": HeldOut(list("abcdef"), targets_of(table, DATA), probabilities.astype(np.float32)),
    }
    found = find_label_errors(tmp_path, DATA, LabelErrorSettings(max_train_rows=0), 1, held_out)
    assert found["train"] == {"problem": "evaluation.label_errors.max_train_rows is 0"}
    assert found["validation"] == {"problem": "the validation split has no rows"}
    assert (found["test"]["rows"], found["test"]["found"]) == (6, 1)
    assert found["test"]["worst"] == [{"id": "c", "label": "card", "likely": "loan", "score": 0.02}]


def test_several_labels_are_scored_by_the_worst_of_a_row(tmp_path: Path) -> None:
    """The last row lacks the label card, of 0.98, and has loan, of 0.01, too many."""
    given = [["card", "rate"]] * 4 + [["loan"]] * 4 + [["loan", "rate"]]
    probabilities = np.array([[0.9, 0.05, 0.9, 0.1]] * 4 + [[0.05, 0.9, 0.1, 0.1]] * 4 + [[0.98, 0.01, 0.9, 0.1]])
    table = pa.table({"id": list("abcdefghi"), "text": ["t"] * 9, "label": given})
    held_out = {"test": HeldOut(list("abcdefghi"), targets_of(table, SETS), probabilities)}
    found = find_label_errors(tmp_path, SETS, LabelErrorSettings(max_train_rows=0), 1, held_out)["test"]
    assert (found["rows"], found["found"]) == (9, 1)
    assert found["worst"] == [{"id": "i", "label": ["loan", "rate"], "likely": ["card", "rate"], "score": 0.01}]


def test_tags_are_judged_by_word_and_a_row_is_listed_by_its_worst(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "tokens": [["w"] * 5] * 2, "tags": [["O"] * 5, ["B-x"] * 3 + ["O"] * 2]})
    named = np.array([0.1, 0.1, 0.1, 0.1, np.nan, 0.9, 0.9, 0.9, 0.95, 0.97])
    held_out = {"test": HeldOut(["a", "b"], targets_of(table, TAGS), np.stack([1 - named, named], axis=1))}
    found = find_label_errors(tmp_path, TAGS, OPTIONS, 1, held_out)
    assert "tags" in found["train"]["problem"]
    assert (found["test"]["rows"], found["test"]["found"]) == (2, 1)
    assert found["test"]["worst"] == [{"id": "b", "word": 4, "label": "O", "likely": "B-x", "score": 0.03}]


def test_a_label_of_one_text_is_not_judged(tmp_path: Path) -> None:
    texts, topics, _ = planted(rows=300)
    columns = {"text": [*texts, "w0n1 w0n2", "W0N1  w0n2"], "label": [*names(topics % 3), "pin", "pin"]}
    found = train_errors(tmp_path, columns)
    assert found["rows"] == 300
    assert all("pin" not in (entry["label"], entry["likely"]) for entry in found["worst"])


@pytest.mark.parametrize("labels", [["card"] * 30, ["card"] * 29 + ["loan"]])
def test_nothing_is_found_where_all_that_can_be_judged_have_one_label(tmp_path: Path, labels: list[str]) -> None:
    found = train_errors(tmp_path, {"text": [f"a text {row}" for row in range(30)], "label": labels})
    assert (found["rows"], found["found"], found["worst"]) == (labels.count("card"), 0, [])


def test_texts_without_a_word_in_common_are_judged_by_their_labels_alone(tmp_path: Path) -> None:
    columns = {"text": [f"x{row}" for row in range(40)], "label": ["card", "card", "card", "loan"] * 10}
    assert train_errors(tmp_path, columns)["rows"] == 40


@pytest.mark.parametrize(("rows", "why"), [(0, "the train split has no rows"), (1, "can be judged")])
def test_too_little_is_a_problem_in_words(tmp_path: Path, rows: int, why: str) -> None:
    columns = {"text": pa.array(["hello"] * rows, pa.string()), "label": pa.array(["card"] * rows, pa.string())}
    assert why in train_errors(tmp_path, columns)["problem"]


def test_several_labels_that_no_row_or_every_row_has(tmp_path: Path) -> None:
    texts, topics, _ = planted(rows=200)
    labels = [["pin", *(["card"] if topic == 0 else [])] for topic in topics]
    found = train_errors(tmp_path, {"text": texts, "label": labels}, SETS)
    assert found["rows"] == 200 and all("pin" in entry["likely"] for entry in found["worst"])
    assert "loan" not in json.dumps(found["worst"])


def test_a_sample_is_judged_of_a_large_split(tmp_path: Path) -> None:
    texts, _, labels = planted(rows=700)
    columns = {"text": texts, "label": names(labels)}
    found = train_errors(tmp_path, columns, options=LabelErrorSettings(max_train_rows=500, folds=3))
    assert found["rows"] == 500 and "on 500 of 700 rows" in found["method"] and "3 folds" in found["method"]
    assert {entry["id"] for entry in found["worst"]} <= {f"r{row:04}" for row in np.flatnonzero(labels >= 0)}


def test_each_character_is_a_word_where_scripts_have_no_spaces() -> None:
    rng = np.random.default_rng(2)
    topics = rng.integers(0, 2, 200)
    texts = ["".join(rng.choice(list("信用卡丢失补办" if topic else "贷款利率还清息"), 5)) for topic in topics]
    table = pa.table({"id": texts, "text": texts, "label": ["card" if topic else "loan" for topic in topics]})
    targets = targets_of(table, DATA)
    probabilities = out_of_sample(targets, 5, 1)
    assert (probabilities.argmax(axis=1) == targets.truth).mean() > 0.95


def test_found_is_what_the_confident_joint_counts() -> None:
    """By hand: the thresholds are 0.7 and 0.675. Of the rows of label 0 three count as 0 and one as 1, which is pruned
    by class and by noise rate; those of label 1 count as 1, but for the last, which counts as neither."""
    first = np.array([0.9, 0.9, 0.8, 0.2, 0.3, 0.3, 0.3, 0.4])
    given = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert likely_errors(np.stack([first, 1 - first], axis=1), given).tolist() == [False] * 3 + [True] + [False] * 4


def test_a_label_that_is_rarely_probable_needs_less_to_count() -> None:
    """Row 3 counts as label 2 (0.4, whose rows have 0.4 on average) and not as label 1 (0.5 of 0.9)."""
    probabilities = np.array(
        [[0.9, 0.05, 0.05]] * 3 + [[0.1, 0.5, 0.4]] + [[0.05, 0.9, 0.05]] * 3 + [[0.3, 0.3, 0.4]] * 3
    )
    given = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert np.flatnonzero(likely_errors(probabilities, given)).tolist() == [3]


def test_a_row_is_pruned_by_class_and_by_noise_rate() -> None:
    """Rows 5 and 6 count as label 1, 4 and 7 as none: 2 of 6, so 3 of 8 are expected. Rows 4, 5 and 6 are the least
    probable of the class; 5, 6 and 7 the surest to be label 1."""
    own = np.array([0.9, 0.9, 0.9, 0.9, 0.05, 0.1, 0.15, 0.3])
    other = np.array([0.05, 0.05, 0.05, 0.05, 0.35, 0.85, 0.8, 0.65])
    probabilities = np.concatenate(
        [np.stack([own, other, 1 - own - other], axis=1), [[0.1, 0.8, 0.1]] * 3, [[0.1, 0.2, 0.7]] * 3]
    )
    given = np.array([0] * 8 + [1] * 3 + [2] * 3)
    assert np.flatnonzero(likely_errors(probabilities, given)).tolist() == [5, 6]


def test_a_row_whose_own_label_is_likeliest_is_no_error() -> None:
    """Row 0 counts as label 1, whose rows have 0.3 on average."""
    first = np.array([0.65, 0.95, 0.95, 0.95, 0.7, 0.7])
    found = likely_errors(np.stack([first, 1 - first], axis=1), np.array([0, 0, 0, 0, 1, 1]))
    assert not found[0]


def test_a_label_without_rows_and_one_that_is_never_probable_divide_nothing_by_zero() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0]])
    with np.errstate(all="raise"):
        assert not likely_errors(probabilities, np.array([0, 0, 1])).any()
        assert not likely_errors(probabilities[:0], np.zeros(0, np.int64)).any()

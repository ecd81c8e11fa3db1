from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from components.base.errors import TextgateError
from components.base.settings import SplitSettings
from pipelines.data.importing.remarks import share_remarks
from pipelines.data.importing.splitting import assign_splits
from pipelines.data.spool import KEYS

SHARES = SplitSettings()


def rows_of(
    texts: Sequence[int],
    labels: Sequence[int],
    entities: Sequence[int] = (),
    times: Sequence[float] = (),
    given: Sequence[int] = (),
) -> np.ndarray:
    rows = np.zeros(len(texts), KEYS)
    # A hash of the text, as its digest is one.
    rows["order"] = np.array([hash((text, 7919)) % 2**63 for text in map(int, texts)], np.uint64)
    rows["labels"] = labels
    rows["entity"] = entities if len(entities) else 0
    rows["time"] = times if len(times) else 0
    rows["split"] = given if len(given) else -1
    return rows


def split(
    rows: np.ndarray, texts: Sequence[int], names: Sequence[tuple[str, ...]], settings: SplitSettings = SHARES
) -> np.ndarray:
    return assign_splits(rows, np.asarray(texts), names, settings)


def counts(splits: np.ndarray) -> list[int]:
    return np.bincount(splits, minlength=3).tolist()


def test_each_label_has_the_shares_exactly() -> None:
    texts, labels = np.arange(1000), np.r_[np.zeros(700, int), np.ones(200, int), np.full(100, 2)]
    splits = split(rows_of(texts, labels), texts, [("a",), ("b",), ("c",)])
    assert [counts(splits[labels == label]) for label in range(3)] == [[560, 70, 70], [160, 20, 20], [80, 10, 10]]


def test_copies_of_a_text_are_in_one_split() -> None:
    rng = np.random.default_rng(1)
    texts, labels = rng.integers(0, 300, 2000), rng.integers(0, 3, 2000)
    splits = split(rows_of(texts, labels), texts, [("a",), ("b",), ("c",)])
    assert all(len(set(splits[texts == text])) == 1 for text in range(300))
    assert np.array(counts(splits)) / 2000 == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_three_groups_of_a_label_are_enough_for_each_split() -> None:
    texts = np.arange(60)
    labels = np.repeat(np.arange(20), 3)
    splits = split(rows_of(texts, labels), texts, [(str(label),) for label in range(20)])
    assert all(counts(splits[labels == label]) == [1, 1, 1] for label in range(20))
    for size in range(3, 12):
        texts, labels = np.arange(size + 30), np.r_[np.zeros(size, int), np.ones(30, int)]
        splits = split(rows_of(texts, labels), texts, [("rare",), ("common",)])
        assert min(counts(splits[labels == 0])) >= 1


def test_the_order_of_the_rows_does_not_matter_and_most_keep_their_split_when_rows_are_added() -> None:
    rng = np.random.default_rng(2)
    texts, labels = np.arange(2000), rng.integers(0, 4, 2000)
    names = [("a",), ("b",), ("c",), ("d",)]
    rows = rows_of(texts, labels)
    splits = split(rows, texts, names)
    order = rng.permutation(2000)
    assert (split(rows[order], texts[order], names) == splits[order]).all()
    more = np.arange(2200)
    grown = split(rows_of(more, np.r_[labels, rng.integers(0, 4, 200)]), more, names)
    assert (grown[:2000] == splits).mean() > 0.97


def test_entities_stay_together_and_so_do_those_that_share_a_text() -> None:
    rng = np.random.default_rng(3)
    entities, labels = rng.integers(1, 200, 1000), rng.integers(0, 2, 1000)
    texts = np.where(rng.random(1000) < 0.03, rng.integers(0, 20, 1000), np.arange(1000) + 20)
    by_entity = SplitSettings(entity="customer")
    splits = split(rows_of(texts, labels, entities), texts, [("a",), ("b",)], by_entity)
    assert all(len(set(splits[entities == entity])) == 1 for entity in set(entities))
    assert all(len(set(splits[texts == text])) == 1 for text in set(texts))
    assert min(counts(splits)) > 50
    alone = rows_of(texts, labels, np.where(entities < 100, entities, 0))
    assert min(counts(split(alone, texts, [("a",), ("b",)], by_entity))) > 50


def test_the_latest_rows_are_the_test_and_copies_go_with_the_latest() -> None:
    texts, times = np.arange(100), np.arange(100.0)
    texts[3] = texts[99]
    texts[5] = texts[85]
    by_time = SplitSettings(time="when")
    splits = split(rows_of(texts, np.zeros(100, int), times=times), texts, [("a",)], by_time)
    assert splits[99] == splits[3] == 2
    assert splits[85] == splits[5] == 1
    assert (np.diff(np.delete(splits, [3, 5])) >= 0).all()
    assert counts(splits) == pytest.approx([80, 10, 10], abs=1)


def test_what_the_files_lack_is_taken_from_train_in_the_ratio_of_the_shares() -> None:
    texts, labels = np.arange(1100), np.arange(1100) % 2
    given = np.r_[np.zeros(900, int), np.full(200, 2)]
    files = SplitSettings(by="files")
    rows = rows_of(texts, labels, given=given)
    splits = split(rows, texts, [("a",), ("b",)], files)
    assert counts(splits) == [800, 100, 200]
    assert (splits[900:] == 2).all()
    only_train = split(rows[:900], texts[:900], [("a",), ("b",)], files)
    assert counts(only_train) == [720, 90, 90]
    everything = rows.copy()
    everything["split"][:50] = 1
    assert (split(everything, texts, [("a",), ("b",)], files) == everything["split"]).all()


def test_a_text_that_stands_in_the_given_test_split_is_not_carved_into_validation() -> None:
    texts = np.r_[np.arange(120), np.arange(30)]
    given = np.r_[np.zeros(120, int), np.full(30, 2)]
    splits = split(rows_of(texts, np.zeros(150, int), given=given), texts, [("a",)], SplitSettings(by="column"))
    assert (splits[:30] == 0).all()
    assert counts(splits)[1] == 10


def test_label_sets_get_each_label_into_each_split() -> None:
    rng = np.random.default_rng(4)
    # "common" never stands alone: its rows count by rarer labels, which leave it to chance without a second look.
    names = [("common", f"rare {number}") for number in range(4)] + [("other",), ()]
    labels = np.r_[np.arange(4), rng.integers(4, 6, 96)]
    texts = np.arange(100)
    splits = split(rows_of(texts, labels), texts, names)
    assert set(splits[labels < 4]) == {0, 1, 2}
    assert min(counts(splits[labels == 5])) > 0
    assert np.array(counts(splits)) == pytest.approx([80, 10, 10], abs=3)


def test_a_label_that_always_stands_beside_a_rarer_one_gets_into_each_split_too() -> None:
    # Of six labels with five texts each, one text has "common" as well, which by their order would be in train.
    names = [(f"rare {number}",) for number in range(6)] + [("common", f"rare {number}") for number in range(6)]
    labels = np.array([number + 6 * (place == 0) for number in range(6) for place in range(5)])
    rows = rows_of(np.arange(30), labels)
    rows["order"] = np.arange(30)
    splits = split(rows, np.arange(30), names)
    assert min(counts(splits[labels >= 6])) > 0
    assert all(min(counts(splits[labels % 6 == number])) > 0 for number in range(6))


def settings(**values: Any) -> SplitSettings:
    return SplitSettings.model_validate(values)


def test_too_few_texts_and_no_train_rows_are_refused() -> None:
    with pytest.raises(TextgateError, match=r"2 different texts to divide among train, validation, test"):
        split(rows_of([1, 1, 2], [0, 0, 0]), [1, 1, 2], [("a",)])
    with pytest.raises(TextgateError, match=r"no row is for the train split.*'part'"):
        split(rows_of([1], [0], given=[2]), [1], [("a",)], settings(by="column", column="part"))
    with pytest.raises(TextgateError, match=r"1 groups of texts"):
        split(rows_of([1, 2], [0, 0], [9, 9]), [1, 2], [("a",)], settings(entity="who"))


def test_large_groups_that_make_the_splits_miss_their_shares_are_told() -> None:
    settings = SplitSettings(entity="customer")
    (remark,) = share_remarks({"train": 60, "validation": 10, "test": 30}, settings)
    assert "train 60%, validation 10%, test 30%" in remark and "80%, 10%, 10%" in remark and "one customer" in remark
    assert share_remarks({"train": 79, "validation": 11, "test": 10}, settings) == []
    assert share_remarks({"train": 60, "validation": 10, "test": 30}, SplitSettings(by="files")) == []

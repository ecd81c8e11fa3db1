from __future__ import annotations

import pyarrow as pa
import pytest

from components.base.settings import DataSchema
from components.validate.labels import LabelCounts, hashed, tag_faults, whole_labels

LISTS = pa.list_(pa.string())


@pytest.mark.parametrize(
    ("tags", "faults"),
    [
        (["O", "B-x", "I-x", "O"], 0),
        (["B-x", "B-x", "I-x"], 0),
        (["B-x", "I-x", "I-y"], 1),
        (["I-x", "I-x"], 1),
        (["O", "I-x"], 1),
        (["B-x", "O", "I-x"], 1),
        (["B-", "I"], 2),
        (["x", ""], 2),
        (["B-x-y", "I-x-y"], 0),
    ],
)
def test_what_is_valid_bio(tags: list[str], faults: int) -> None:
    assert tag_faults([["t"] * len(tags)], [tags]) == [faults]


def test_a_tag_too_many_or_too_few_is_a_fault() -> None:
    assert tag_faults([["a"], ["a", "b"], ["a"]], [["O", "O"], ["O"], ["O"]]) == [1, 1, 0]


def test_each_label_of_a_row_counts_once_whatever_the_batches() -> None:
    data = DataSchema(task="multi-label", labels=["a", "b"])
    counts = LabelCounts(data)
    for rows in ([["a", "b"], ["a", "a"]], [[], ["b", "spam "]]):
        counts.add(pa.record_batch([pa.array(rows, LISTS)], names=["label"]))
    frame = counts.frame(data)
    assert list(zip(frame["place"], frame["label"].astype(str), strict=True)) == [
        (0, "a"),
        (0, "b"),
        (1, "a"),
        (3, "b"),
        (3, "'spam '"),
    ]
    assert frame["n_rows_of_label"].tolist()[:4] == [2, 2, 2, 2]
    assert frame["n_rows_of_label"].isna().tolist() == [False] * 4 + [True]
    assert frame["share_of_label"].tolist()[0] == 0.5


def test_the_tag_outside_has_no_share() -> None:
    data = DataSchema(task="token-tags", labels=["O", "B-x", "I-x"])
    counts = LabelCounts(data)
    counts.add(pa.record_batch([pa.array([["O", "B-x"], ["O"]], LISTS)], names=["tags"]))
    frame = counts.frame(data).drop_duplicates("label").set_index("label")
    assert frame["share_of_label"].isna().to_dict() == {"O": True, "B-x": False}
    assert frame.loc["B-x", "share_of_label"] == 0.5


def test_labels_of_rows_are_equal_in_any_order_and_tags_in_theirs() -> None:
    multi = pa.record_batch([pa.array([["a", "b"], ["b", "a"], ["a"]], LISTS)], names=["label"])
    first, second, third = whole_labels(multi, DataSchema(task="multi-label", labels=["a", "b"])).tolist()
    assert first == second != third
    tags = pa.record_batch([pa.array([["O", "B-x"], ["B-x", "O"]], LISTS)], names=["tags"])
    first, second = whole_labels(tags, DataSchema(task="token-tags", labels=["O", "B-x"])).tolist()
    assert first != second


def test_a_digest_of_few_texts_is_that_of_many() -> None:
    assert hashed(["a"]).tolist() == hashed(["b", "a"]).tolist()[1:]
    assert len(hashed([])) == 0

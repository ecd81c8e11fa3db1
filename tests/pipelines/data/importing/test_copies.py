from __future__ import annotations

import numpy as np
import pytest

from pipelines.data.importing import copies
from pipelines.data.spool import KEYS


def keys(*rows: tuple[int, int, int], identities: tuple[int, ...] = (), splits: tuple[int, ...] = ()) -> np.ndarray:
    """Rows of (text, answer, content)."""
    made = np.zeros(len(rows), KEYS)
    for name, values in zip(("text", "answer", "content"), zip(*rows, strict=True), strict=True):
        made[name] = values
    made["id"] = identities or 0
    made["split"] = splits or -1
    return made


def test_texts_with_equal_digests_are_one_group() -> None:
    rows = keys((7, 0, 0), (3, 0, 0), (7, 1, 1), (3, 0, 2))
    assert copies.text_groups(rows).tolist() == [1, 0, 1, 0]
    rows["order"] = [0, 0, 9, 0]
    assert len(set(copies.text_groups(rows))) == 3


def test_contradictions_are_all_copies_of_a_text_with_two_answers() -> None:
    rows = keys((1, 5, 0), (1, 6, 1), (2, 5, 2), (2, 5, 3), (4, 9, 4))
    left = np.array([4, 1, 3, 0])
    assert copies.contradictory(rows[left], copies.text_groups(rows)[left]).tolist() == [False, True, False, True]
    assert copies.contradictory(rows[:0], np.zeros(0, np.int64)).tolist() == []


def test_the_first_copy_of_each_answer_and_split_is_no_duplicate() -> None:
    rows = keys((1, 5, 9), (1, 5, 3), (1, 6, 4), (1, 5, 8), splits=(0, 0, 0, 2))
    assert copies.duplicated(rows, copies.text_groups(rows)).tolist() == [True, False, False, False]


def test_leaks_are_the_earlier_rows_of_a_text_in_two_splits() -> None:
    splits, groups = np.array([0, 1, 2, 0, 1], np.int8), np.array([0, 0, 0, 4, 6])
    assert copies.leaking(splits, groups).tolist() == [True, True, False, False, False]
    assert not copies.leaking(np.full(3, -1, np.int8), np.zeros(3, np.int64)).any()


def test_a_repeated_id_names_the_row_that_has_it_first() -> None:
    rows = keys((1, 0, 5), (2, 0, 4), (3, 0, 3), (4, 0, 2), identities=(7, 7, 0, 0))
    assert copies.repeated_ids(rows).tolist() == [1, -1, -1, -1]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)])
def test_copies_are_numbered_by_answer_and_content_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    rows = keys((1, 6, 0), (1, 5, 9), (1, 5, 8), (2, 5, 7))
    expected = np.array([3, 2, 1, 1])
    assert copies.id_numbers(rows[list(order)]).tolist() == expected[list(order)].tolist()


def test_rows_with_ids_of_their_own_are_not_numbered() -> None:
    assert copies.id_numbers(keys((1, 0, 0), (1, 0, 1), identities=(3, 4))).tolist() == [1, 1]

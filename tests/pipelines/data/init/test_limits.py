from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pipelines.data.init.limits import accuracy_floor, label_share, round_down, round_up, suggest_limits
from pipelines.data.init.measuring import Measures


def measures(characters: list[int], tokens: list[int], outside: str = "", **labels: list[int]) -> Measures:
    rows = dict(zip(("train", "validation", "test"), map(sum, zip(*labels.values(), strict=True)), strict=True))
    return Measures(
        sum(rows.values()),
        Counter(),
        [],
        rows,
        Counter(),
        labels,
        outside,
        0,
        0,
        0,
        0,
        np.array(characters),
        np.array(tokens),
        0.0,
    )


@pytest.mark.parametrize(
    ("number", "down", "up"), [(0.4, 1, 1), (7, 7, 7), (86.5, 80, 87), (99, 90, 99), (1234, 1000, 1300)]
)
def test_rounding(number: float, down: int, up: int) -> None:
    assert (round_down(number), round_up(number)) == (down, up)


@pytest.mark.parametrize(
    ("seen", "limit"), [(0.019, 0.05), (0.25, 0.5), (0.4, 0.7), (0.9, 0.95), (0.99, 1.0), (1.0, 1.0)]
)
def test_a_label_may_have_more_than_it_has(seen: float, limit: float) -> None:
    assert label_share(seen) == limit


@pytest.mark.parametrize(("majority", "floor"), [(0.02, 0.5), (0.5, 0.6), (0.95, 0.96)])
def test_the_commonest_label_alone_does_not_pass(majority: float, floor: float) -> None:
    assert accuracy_floor(majority) == floor > majority


def test_the_data_itself_is_within_its_limits() -> None:
    limits = suggest_limits(measures([50] * 99 + [400], [20] * 100, a=[800, 90, 95], b=[30, 5, 6]), "single-label")
    assert limits.min_rows == {"train": 400, "validation": 40, "test": 50}
    assert limits.min_rows_per_label == 2
    assert limits.max_label_share == 1.0
    assert (limits.max_text_length, limits.too_long) == (600, 0)
    assert (limits.max_length, limits.cut_share, limits.bucket_lengths) == (32, 0.0, [24, 32])


def test_the_tag_of_most_tokens_is_no_share() -> None:
    assert suggest_limits(measures([5], [5], a=[50, 5, 5], O=[50, 5, 5]), "single-label").max_label_share == 0.75
    tags = measures([5], [5], "O", B=[10, 1, 1], O=[50, 5, 5])
    assert suggest_limits(tags, "token-tags").max_label_share == 0.35


def test_a_few_enormous_texts_are_left_outside() -> None:
    limits = suggest_limits(measures([50] * 5000 + [2_000_000], [20] * 5001, a=[5, 1, 1], b=[5, 1, 1]), "single-label")
    assert (limits.max_text_length, limits.too_long) == (200, 1)


@pytest.mark.parametrize(
    ("tokens", "max_length", "cut", "buckets"),
    [
        ([10] * 50 + [40] * 50, 64, 0.0, [16, 48, 64]),
        ([100] * 100, 128, 0.0, [128]),
        ([700] * 100, 512, 1.0, [512]),
        ([20] * 97 + [60] * 3, 96, 0.0, [24, 64, 96]),
        ([20] * 999 + [300], 32, 0.001, [24, 32]),
    ],
)
def test_lengths_fit_the_ninety_ninth_percentile(
    tokens: list[int], max_length: int, cut: float, buckets: list[int]
) -> None:
    limits = suggest_limits(measures([5], tokens, a=[5, 1, 1], b=[5, 1, 1]), "single-label")
    assert (limits.max_length, limits.cut_share, limits.bucket_lengths) == (max_length, cut, buckets)


@pytest.mark.parametrize(("rows", "epochs"), [(100, 20), (10_000, 4), (1_000_000, 2)])
def test_small_data_is_gone_through_more_often(rows: int, epochs: int) -> None:
    assert suggest_limits(measures([5], [5], a=[rows, 9, 9], b=[0, 9, 9]), "single-label").epochs == epochs

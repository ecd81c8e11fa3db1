"""The tests against another model, one by one and as families."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.gate.made import alone, champion, changed, difference, evaluation, part

AGAINST = {"metric": "accuracy", "against": "champion"}


def test_superior_is_decided_by_mcnemar_where_there_is_one() -> None:
    superior = {**AGAINST, "test": "superior"}
    few = champion(changed(6, 0, rows=3000))  # the normal interval is above 0 as well; the exact p is 0.031
    assert alone(superior, evaluation(few))["passed"]
    fewer = alone(superior, evaluation(champion(changed(5, 0))))  # p is 0.0625, though the interval is above 0
    assert fewer["low"] > 0 and not fewer["passed"] and fewer["rows_needed"] > 3000
    clustered = {**changed(5, 0), "p": None}
    assert alone(superior, evaluation(champion(clustered)))["passed"]


@pytest.mark.parametrize(
    ("value", "non_inferior", "not_worse"),
    [(0.0, True, True), (-0.004, False, True), (-0.015, False, True), (-0.025, False, False), (0.02, True, True)],
)
def test_a_margin_is_ruled_out_or_not_and_only_a_sure_loss_is_worse(
    value: float, non_inferior: bool, not_worse: bool
) -> None:
    found = evaluation(champion(difference(value, 0.005)))
    held = [alone({**AGAINST, "test": test, "margin": 0.01}, found) for test in ("non_inferior", "not_worse")]
    assert [one["passed"] for one in held] == [non_inferior, not_worse]
    assert [one["limit"] for one in held] == ["low > -0.01", "high >= -0.01"]
    # Of a loss that seems to be larger than the margin, more rows would tell; of one that seems smaller, too.
    assert [one["rows_needed"] is None for one in held] == [value != -0.004, value != -0.015]


def test_at_the_limit_itself_nothing_is_shown_and_nothing_is_worse() -> None:
    edge = {**difference(0.01), "low": 0.0}
    assert not alone({**AGAINST, "test": "superior"}, evaluation(champion(edge)))["passed"]
    edge = {**difference(-0.02), "high": -0.01}
    assert alone({**AGAINST, "test": "not_worse", "margin": 0.01}, evaluation(champion(edge)))["passed"]


def test_a_sure_loss_within_the_margin_is_not_worse() -> None:
    found = evaluation(champion(changed(30, 60)))
    assert not alone({**AGAINST, "test": "not_worse"}, found)["passed"]
    assert alone({**AGAINST, "test": "not_worse", "margin": 0.02}, found)["passed"]


def test_a_difference_that_is_not_defined_holds_for_no_test() -> None:
    for test in ("superior", "non_inferior", "not_worse"):
        seen = alone({**AGAINST, "test": test}, evaluation(champion(difference(None, why="no shared labels"))))
        assert not seen["passed"] and "no shared labels" in seen["why"]


def slices(*values: dict[str, Any] | None) -> dict[str, Any]:
    parts = {f"s{number}": {"accuracy": value} for number, value in enumerate(values) if value}
    return evaluation(champion(changed(0, 0), slices=parts))


EACH = {**AGAINST, "slice": "*"}


def test_of_many_slices_one_loss_must_be_beyond_the_chance_of_them_all() -> None:
    same, loss = difference(0.001), difference(-0.0125)  # p of the loss is 0.006
    single = alone({**EACH, "test": "not_worse"}, slices(loss))
    assert not single["passed"] and "s0 -0.0125 (p 0.0062)" in single["why"]
    assert alone({**AGAINST, "slice": "s0", "test": "not_worse"}, slices(loss, *[same] * 19))["passed"] is False
    many = alone({**EACH, "test": "not_worse"}, slices(loss, *[same] * 19))
    assert many["passed"] and "nearest to it is s0 -0.0125 (p 0.12)" in many["why"]
    assert (many["observed"], many["rows_needed"]) == (-0.0125, None)
    worse = alone({**EACH, "test": "not_worse"}, slices(difference(-0.03), *[same] * 18, difference(-0.02)))
    assert not worse["passed"] and worse["observed"] == -0.03
    assert "for 2 of 20 slices (p adjusted by Holm's method): s0 -0.0300 (p 0.0002), s19 -0.0200" in worse["why"]
    assert alone({**EACH, "test": "not_worse", "margin": 0.02}, slices(difference(-0.03), *[same] * 19))["passed"]


@pytest.mark.parametrize("by", ["label", "worst"])
def test_labels_and_slices_that_were_looked_for_are_no_part_of_the_family(by: str) -> None:
    found = slices(difference(-0.03), difference(0.001))
    found["slices"] = [{**part("s0", 0.2), "by": by}, part("s1", 0.8)]
    seen = alone({**EACH, "test": "not_worse"}, found)
    assert seen["passed"] and "for none of 1 slice" in seen["why"]
    assert not alone({**AGAINST, "slice": "s0", "test": "not_worse"}, found)["passed"]


def test_superior_and_non_inferior_have_to_be_shown_of_every_part() -> None:
    gain, same = difference(0.03), difference(0.002)
    assert alone({**EACH, "test": "superior"}, slices(gain, gain))["passed"]
    mixed = alone({**EACH, "test": "superior"}, slices(gain, same))
    assert not mixed["passed"] and "not shown to be better" in mixed["why"] and "for 1 of 2 slices" in mixed["why"]
    assert mixed["observed"] == 0.002 and mixed["rows_needed"] > 100_000
    assert alone({**EACH, "test": "non_inferior", "margin": 0.02}, slices(gain, same))["passed"]
    wrong = alone({**EACH, "test": "non_inferior", "margin": 0.02}, slices(gain, same, difference(-0.03)))
    assert not wrong["passed"] and wrong["rows_needed"] is None


def test_parts_with_too_few_rows_to_tell_show_neither_a_loss_nor_a_gain() -> None:
    tiny = difference(-1.0, 0.01, rows=2, unreliable=True)
    seen = alone({**EACH, "test": "not_worse"}, slices(difference(0.0), tiny))
    assert seen["passed"] and "too few rows to tell in s1" in seen["why"]
    assert alone({**EACH, "test": "not_worse"}, slices(tiny))["passed"]
    assert not alone({**EACH, "test": "superior"}, slices(difference(0.03), {**tiny, "value": 1.0}))["passed"]
    # An exact test holds for few rows, too.
    assert alone({**EACH, "test": "not_worse"}, slices({**tiny, **changed(0, 3, rows=3), "unreliable": True}))["passed"]
    assert not alone({**EACH, "test": "not_worse"}, slices({**changed(0, 9, rows=9), "unreliable": True}))["passed"]


def test_with_no_part_to_compare_nothing_is_shown() -> None:
    for test in ("superior", "non_inferior", "not_worse"):
        seen = alone({**EACH, "test": test}, slices(difference(None)))
        assert not seen["passed"] and "no slice has accuracy that can be compared" in seen["why"]


def test_labels_are_compared_one_by_one_and_as_a_family() -> None:
    per_label = {"a": {"recall": changed(40, 5)}, "b": {"recall": changed(5, 40)}, "c": {"recall": difference(None)}}
    found = evaluation(champion(changed(0, 0), per_label=per_label))
    rule = {"metric": "recall", "against": "champion", "test": "not_worse"}
    assert alone({**rule, "label": "a"}, found)["passed"] and not alone({**rule, "label": "b"}, found)["passed"]
    assert "for 1 of 2 labels" in alone({**rule, "label": "*"}, found)["why"]
    assert "was not compared" in alone({**rule, "label": "new"}, found)["why"]

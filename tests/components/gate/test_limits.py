"""Floors and ceilings, of all rows, of a part and of each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.components.gate.made import VALIDATION, alone, estimate, evaluation, label, part


@pytest.mark.parametrize(
    ("metric", "check", "observed", "count"),
    [
        ("leaked_rows", "across splits: leakage", 3, 3),
        ("contradictory_rows", "across splits: contradictions", 4, 4),
        ("near_copies", "test: near_leakage", 0.004, 12),
    ],
)
def test_counts_of_validation_have_a_ceiling(metric: str, check: str, observed: float, count: int) -> None:
    checks = [{"check": check, "observed": observed}]
    seen = alone({"metric": metric, "at_most": 2}, validation={**VALIDATION, "checks": checks})
    assert (seen["passed"], seen["observed"]) == (False, count)
    assert f": {count} is above 2" in seen["why"]
    missing = alone({"metric": metric, "at_most": 2}, validation={**VALIDATION, "checks": []})
    rule = check.partition(": ")[2]
    assert not missing["passed"] and f"validation.rules.{rule} is off" in missing["why"]
    assert "give validation.json" in alone({"metric": metric, "at_most": 2}, validation=None)["why"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "p95_ms", "at_most": 9}, "give timing.json"),
        (
            {"metric": "matthews", "at_least": 0.1},
            "Matthews correlation was not measured: the evaluation has accuracy,",
        ),
        ({"metric": "top_9_accuracy", "at_least": 0.1}, "evaluation.top_k"),
        ({"metric": "abstain_precision", "at_least": 0.1}, "only where a row has one label"),
        ({"metric": "out_of_scope_auc", "at_least": 0.1}, "evaluation.out_of_scope names the label"),
        ({"metric": "label_error_share", "at_most": 1}, "max_train_rows is 0"),
        ({"metric": "behaviour/typos", "at_most": 1}, "no behaviour test typos"),
        ({"metric": "behaviour/*", "at_most": 1}, "evaluation.behaviour names their file"),
        ({"metric": "recall", "label": "d", "at_least": 0.1}, "there is no label d, only a, b"),
        ({"metric": "recall", "label": "b", "at_least": 0.1}, "b has no test rows"),
        (
            {"metric": "accuracy", "slice": "odd", "at_least": 0.1},
            "no slice odd; evaluation.slices makes them, and made",
        ),
        ({"metric": "accuracy", "slice": "empty", "at_least": 0.1}, "empty has no test rows"),
        ({"metric": "macro_f1", "slice": "*", "at_least": 0.1}, "macro F1 is of no slice"),
        ({"metric": "accuracy", "against": "linear", "test": "superior"}, "the linear model was not evaluated"),
        ({"metric": "matthews", "against": "float", "test": "not_worse"}, "was not compared"),
    ],
)
def test_what_was_not_measured_does_not_hold_and_the_why_says_what_to_do(rule: dict[str, Any], said: str) -> None:
    labels = {"a": label(0.9), "b": label(None, support=0, precision=None)}
    found = evaluation(per_label=labels, slices=[part("empty", None, rows=0)], label_errors={}, linear=None)
    seen = alone(rule, found, timing=None)
    assert (seen["passed"], seen["observed"]) == (False, None)
    assert said in seen["why"], seen["why"]


def test_a_metric_that_is_not_defined_does_not_hold() -> None:
    found = evaluation(metrics={"accuracy": estimate(None, why="no test row has a label that is known")})
    assert alone({"metric": "accuracy", "at_least": 0.0}, found)["why"] == "no test row has a label that is known"
    bare = evaluation(metrics={"accuracy": {**estimate(0.7), "low": None, "high": None}})
    assert alone({"metric": "accuracy", "at_least": 0.1}, bare)["passed"]
    assert not alone({"metric": "accuracy", "at_least": 0.1, "by": "interval"}, bare)["passed"]


def test_each_label_means_those_with_test_rows() -> None:
    rare = label(None, support=0, precision=None)
    found = evaluation(per_label={"a": label(0.9), "b": rare})
    seen = alone({"metric": "recall", "label": "*", "at_least": 0.8}, found)
    assert seen["passed"] and "each of 1 label; worst is a 0.9000; nothing is known of b" in seen["why"]
    nothing = alone({"metric": "recall", "label": "*", "at_least": 0.0}, evaluation(per_label={"a": rare, "b": rare}))
    assert (nothing["passed"], nothing["why"]) == (False, "no label has test rows")


def test_a_label_that_is_never_predicted_reaches_no_precision() -> None:
    never = label(0.0, precision=None)
    never["precision"]["why"] = "it is never predicted"
    found = evaluation(per_label={"a": label(0.9), "b": never})
    seen = alone({"metric": "precision", "label": "*", "at_least": 0.1}, found)
    assert not seen["passed"] and "b not defined (it is never predicted)" in seen["why"]
    both = alone({"metric": "precision", "label": "*", "at_least": 0.9}, found)
    assert "for 2 of 2 labels: b not defined (it is never predicted), a 0.8000" in both["why"]


def test_many_labels_that_fail_are_named_worst_first_and_counted() -> None:
    found = evaluation(per_label={f"l{number}": label(number / 200) for number in range(150)})
    seen = alone({"metric": "recall", "label": "*", "at_least": 0.1}, found)
    assert "for 20 of 150 labels: l0 0, l1 0.0050, l2 0.0100, l3 0.0150, l4 0.0200 and 15 more" in seen["why"]
    assert (seen["observed"], seen["part"]) == (0.0, "label *")


def test_each_slice_means_those_that_the_metric_is_defined_for() -> None:
    found = evaluation(slices=[part("short", 0.7), part("none", None, rows=0), part("odd", None, rows=4)])
    seen = alone({"metric": "accuracy", "slice": "*", "at_least": 0.6}, found)
    assert seen["passed"] and "nothing is known of none, odd" in seen["why"]
    assert not alone({"metric": "accuracy", "slice": "*", "at_least": 0.8}, found)["passed"]
    assert not alone({"metric": "accuracy", "slice": "*", "at_least": 0.0}, evaluation(slices=[]))["passed"]


def test_behaviour_tests_have_a_ceiling_for_their_share_of_failures() -> None:
    tests = [
        {"name": "typos", "kind": "invariance", "cases": 50, "failures": 6, "share": estimate(0.12), "failed": []},
        {"name": "names", "kind": "invariance", "cases": 50, "failures": 1, "share": estimate(0.02), "failed": []},
    ]
    found = evaluation(behaviour=tests)
    assert alone({"metric": "behaviour/names", "at_most": 0.1}, found)["passed"]
    assert (
        "failures of behaviour test typos: 0.1200 is above 0.1"
        in (alone({"metric": "behaviour/typos", "at_most": 0.1}, found)["why"])
    )
    each = alone({"metric": "behaviour/*", "at_most": 0.1}, found)
    assert not each["passed"] and "1 of 2 behaviour tests: typos 0.1200" in each["why"]
    assert alone({"metric": "behaviour/*", "at_most": 0.12}, found)["passed"]
    broken = evaluation(behaviour=[{**tests[1], "share": estimate(None), "why": "its template has no slot"}])
    for metric in ("behaviour/names", "behaviour/*"):
        assert "its template has no slot" in alone({"metric": metric, "at_most": 1}, broken)["why"]


def test_abstention_and_out_of_scope_have_limits() -> None:
    abstain = {"below": 0.5, "precision": estimate(0.9), "coverage": estimate(0.6)}
    scope = {"label": "oos", "rows": 50, "auc": estimate(0.9), "recall": estimate(0.6), "precision": estimate(0.7)}
    found = evaluation(abstain=abstain, out_of_scope=scope)
    for metric, value in [("abstain_coverage", 0.6), ("out_of_scope_recall", 0.6), ("out_of_scope_precision", 0.7)]:
        assert alone({"metric": metric, "at_least": value}, found)["passed"]
        assert not alone({"metric": metric, "at_least": value + 0.1}, found)["passed"]


def test_a_value_beside_its_limit_is_shown_on_its_own_side() -> None:
    seen = alone({"metric": "accuracy", "at_least": 0.65}, evaluation(metrics={"accuracy": estimate(0.64998)}))
    assert seen["why"] == "accuracy: 0.64998 is below 0.65"

"""Decisions with cases that differ, in both directions, and with the tie; every outcome that the README names."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.errors import TextgateError
from tests.components.gate.made import (
    alone,
    champion,
    changed,
    comparison,
    decide,
    difference,
    entry,
    estimate,
    evaluation,
    rules,
)


def test_swapping_champion_and_challenger_flips_the_verdict() -> None:
    up, down = decide(evaluation(champion(changed(120, 60)))), decide(evaluation(champion(changed(60, 120))))
    assert (up["passed"], up["outcome"], down["passed"], down["outcome"]) == (True, "passed", False, "refused")
    gain, loss = entry(up, "champion"), entry(down, "champion")
    assert gain["observed"] == -loss["observed"] == 0.02 and gain["low"] == pytest.approx(-loss["high"])
    assert "better beyond chance" in gain["why"] and "not better, the champion stays" in loss["why"]
    assert [rule["rule"] for rule in down["rules"] if not rule["passed"]] == [
        "champion",
        "champion_labels",
        "champion_slices",
    ]


@pytest.mark.parametrize("both", [0, 50])
def test_a_tie_from_other_bytes_is_not_promoted(both: int) -> None:
    decision = decide(evaluation(champion(changed(both, both))))
    assert decision["outcome"] == "refused"
    assert "a tie, the champion stays" in decision["summary"]
    assert [rule["rule"] for rule in decision["rules"] if not rule["passed"]] == ["champion"]
    assert entry(decision, "champion")["rows_needed"] is None


def test_the_same_digest_is_unchanged_whatever_the_scores() -> None:
    for against in (changed(120, 60), changed(60, 120), changed(0, 0)):
        decision = decide(evaluation({**champion(against), "digest": "mine"}))
        assert (decision["passed"], decision["outcome"]) == (False, "unchanged")
        assert "nothing changed" in decision["summary"] and "training.seed" in decision["next"][0]


def test_a_small_gain_that_could_be_a_loss_is_refused_with_the_sample_size_that_would_do() -> None:
    decision = decide(evaluation(champion(changed(105, 90))))
    refused = entry(decision, "champion")
    assert not decision["passed"] and refused["observed"] > 0 > refused["low"]
    assert refused["rows_needed"] == pytest.approx(20_300, rel=0.02)
    assert "about 21,000 test rows would settle it" in refused["why"]
    assert decision["next"][0] == "Collect test rows: about 21,000, where 3,000 are now, would settle the comparison."
    assert "textgate gate explain RUN" in decision["next"][-2] and "--override --reason TEXT" in decision["next"][-1]


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        ({"metric": "accuracy", "at_least": 0.81}, ">= 0.81"),
        ({"metric": "accuracy", "at_least": 0.79, "by": "interval"}, "low >= 0.79"),
        ({"metric": "accuracy", "at_most": 0.75}, "<= 0.75"),
        ({"metric": "expected_calibration_error", "at_most": 0.02}, "<= 0.02"),
        ({"metric": "expected_calibration_error", "at_most": 0.04, "by": "interval"}, "high <= 0.04"),
        ({"metric": "agreement_with_float", "at_least": 0.995}, ">= 0.995"),
        ({"metric": "size_mb", "at_most": 23}, "<= 23"),
        ({"metric": "p50_ms", "at_most": 2.5}, "<= 2.5"),
        ({"metric": "p95_ms", "at_most": 4}, "<= 4"),
        ({"metric": "texts_per_second", "at_least": 500}, ">= 500"),
        ({"metric": "label_error_share", "at_most": 0.005}, "<= 0.005"),
        ({"metric": "recall", "label": "c", "at_least": 0.75}, ">= 0.75"),
        ({"metric": "recall", "label": "*", "at_least": 0.75}, ">= 0.75"),
        ({"metric": "precision", "label": "*", "at_least": 0.79, "by": "interval"}, "low >= 0.79"),
        ({"metric": "accuracy", "slice": "short", "at_least": 0.75}, ">= 0.75"),
        ({"metric": "accuracy", "slice": "*", "at_least": 0.75}, ">= 0.75"),
        ({"metric": "accuracy", "against": "linear", "test": "non_inferior", "margin": 0.01}, "low > -0.01"),
        ({"metric": "macro_f1", "against": "float", "test": "superior"}, "low > 0"),
    ],
)
def test_each_kind_of_rule_refuses_alone_and_warns_alone(rule: dict[str, Any], limit: str) -> None:
    found = evaluation(linear={"comparison": comparison(changed(60, 120))})
    refused = alone(rule, found)
    assert (refused["passed"], refused["limit"]) == (False, limit) and refused["why"]
    mild = decide(found, rules(only=True, it={**rule, "severity": "warn"}))
    assert mild["passed"] and mild["summary"].endswith(f"warnings: {refused['why']}")
    assert decide(found, rules(only=True, it={**rule, "severity": "off"}))["rules"] == []


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "accuracy", "at_least": 0.8},
        {"metric": "accuracy", "at_least": 0.78, "by": "interval"},
        {"metric": "expected_calibration_error", "at_most": 0.05, "by": "interval"},
        {"metric": "size_mb", "at_most": 23.6},
        {"metric": "leaked_rows", "at_most": 0},
        {"metric": "contradictory_rows", "at_most": 0},
        {"metric": "near_copies", "at_most": 0},
        {"metric": "recall", "label": "*", "at_least": 0.7},
        {"metric": "accuracy", "slice": "*", "at_least": 0.7},
        {"metric": "accuracy", "against": "linear", "test": "superior"},
        {"metric": "accuracy", "against": "float", "test": "non_inferior", "margin": 0.01},
        {"metric": "accuracy", "against": "float", "test": "not_worse"},
    ],
)
def test_each_kind_of_rule_holds_at_its_limit(rule: dict[str, Any]) -> None:
    assert alone(rule)["passed"]


def test_what_refuses_comes_first_in_what_to_do() -> None:
    budgets = {
        "size": {"metric": "size_mb", "at_most": 20, "severity": "warn"},
        "time": {"metric": "p95_ms", "at_most": 2},
        "time_again": {"metric": "p95_ms", "at_most": 3},
    }
    steps = decide(evaluation(), rules(only=True, **budgets))["next"]
    assert [step.partition(":")[0] for step in steps[:2]] == [
        "Mind the 95 % latency of one text in ms",
        "Mind the size of the bundle in MB",
    ]
    assert len(steps) == 4 and all(step.endswith(".") for step in steps)


def test_no_champion_yet() -> None:
    decision = decide(evaluation())
    assert decision["passed"]
    assert decision["summary"] == "passed: 12 of 12 rules hold; there is no champion yet"
    assert decision["next"] == []


@pytest.mark.parametrize(
    "unusable",
    [
        {"version": "7", "digest": "theirs", "problem": "its bundle is damaged"},
        champion(changed(120, 60), rows=0, fair=False, seen=3000),
    ],
)
def test_a_champion_that_cannot_be_compared_with_refuses_or_warns_as_the_config_says(unusable: dict[str, Any]) -> None:
    refused = decide(evaluation(unusable))
    assert not refused["passed"] and "champion version 7 cannot be compared with" in refused["summary"]
    assert refused["summary"].count("cannot be compared with") == 2  # once among what refuses, once among the warnings
    assert "set gate.unusable_champion: warn" in refused["next"][0]
    mild = decide(evaluation(unusable), rules().model_copy(update={"unusable_champion": "warn"}))
    assert mild["passed"] and "warnings: champion version 7 cannot be compared with" in mild["summary"]
    against = [rule for rule in mild["rules"] if rule["against"] == "champion"]
    assert {(rule["passed"], rule["severity"]) for rule in against} == {(False, "warn")}


def test_an_unfair_comparison_and_another_label_set_are_said_wherever_they_count() -> None:
    better = champion(changed(120, 60), fair=False, seen=123, rows=2877, labels=["a", "b"])
    decision = decide(evaluation(better))
    unfair = "unfair: champion version 7 was trained on 123 of the 3,000 test rows; compared on the other 2,877"
    shared = "compared on the 2 labels that both know: a, b"
    assert decision["passed"] and decision["summary"].endswith(f"U{unfair[1:]}; {shared}")
    for rule in decision["rules"]:
        assert (f"{unfair}; {shared}" in rule["why"]) == (rule["against"] == "champion")
    unsure = decide(evaluation(champion(changed(120, 60), seen=None)))
    assert "Whether champion version 7 was trained on some of the test rows is not known" in unsure["summary"]
    assert "trained" not in decide(evaluation(champion(changed(120, 60))))["summary"]


def test_entities_have_a_floor_and_decide() -> None:
    found = {
        **evaluation(champion(changed(120, 60)), metrics={"micro_f1": estimate(0.6)}),
        "task": "token-tags",
        "slices": [],
    }
    found["champion"]["comparison"]["slices"] = {"long": {"micro_f1": difference(0.01)}}
    decision = decide(found, rules("token-tags"))
    assert decision["passed"] and "micro F1 is +0.0200" in decision["summary"]
    high = decide(found, rules("token-tags", micro_f1={"at_least": 0.99}))
    assert [rule["rule"] for rule in high["rules"] if not rule["passed"]] == ["micro_f1"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"rows": None}, "rows"),
        ({"bundle": {"digest": "x", "metrics": {"accuracy": 0.7}}}, "bundle.metrics.accuracy"),
        ({"tails": []}, "tails"),
        ({"champion": {"version": "7"}}, "champion.digest: missing"),
        ({"agreement_with_float": estimate(float("nan"))}, "agreement_with_float.value: Input should be a finite"),
    ],
)
def test_an_evaluation_of_another_shape_is_named_with_its_keys(damage: dict[str, Any], said: str) -> None:
    with pytest.raises(TextgateError) as refused:
        decide(evaluation(**damage))
    assert "evaluation.json is not valid" in str(refused.value) and said in str(refused.value)

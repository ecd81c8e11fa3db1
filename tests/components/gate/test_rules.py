"""Decisions with cases that differ, in both directions, and with the tie; every outcome that the README names."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import GateSettings
from components.gate.rules import verdict
from tests.components.gate.made import (
    TIMING,
    VALIDATION,
    champion,
    changed,
    comparison,
    difference,
    estimate,
    evaluation,
    label,
    part,
    rules,
)


def decide(found: dict[str, Any], settings: GateSettings | None = None, **changes: Any) -> dict[str, Any]:
    return verdict(found, changes.get("timing", TIMING), changes.get("validation", VALIDATION), settings or rules())


def entry(decision: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [rule for rule in decision["rules"] if rule["rule"] == name]
    return dict(found)


def alone(rule: dict[str, Any], found: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The entry of one rule; the verdict must be what it says."""
    decision = decide(found or evaluation(), rules(only=True, it=rule), **changes)
    (one,) = decision["rules"]
    assert decision["passed"] == (one["passed"] or one["severity"] == "warn")
    return dict(one)


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
        ({"metric": "abstain_precision", "at_least": 0.1}, "no answer is withheld"),
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
    assert decision["passed"] and decision["summary"].endswith(f"{unfair}; {shared}")
    for rule in decision["rules"]:
        assert (f"{unfair}; {shared}" in rule["why"]) == (rule["against"] == "champion")
    unsure = decide(evaluation(champion(changed(120, 60), seen=None)))
    assert "whether champion version 7 was trained on some of the test rows is not known" in unsure["summary"]
    assert "trained" not in decide(evaluation(champion(changed(120, 60))))["summary"]


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
        ({"agreement_with_float": float("nan")}, "agreement_with_float"),
    ],
)
def test_an_evaluation_of_another_shape_is_named_with_its_keys(damage: dict[str, Any], said: str) -> None:
    with pytest.raises(TextgateError) as refused:
        decide(evaluation(**damage))
    assert "evaluation.json is not valid" in str(refused.value) and said in str(refused.value)

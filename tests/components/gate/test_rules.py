"""Decisions with cases that differ, in both directions, and with the tie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.base.settings import EvaluationSettings, GateSettings
from components.base.targets.labels import LabelTargets
from components.base.targets.tags import TagTargets
from components.evaluate.metrics import compare, score
from components.gate.rules import verdict

LABELS = ["negative", "neutral", "positive"]
OPTIONS = EvaluationSettings(bootstrap_samples=500)
TIMING = {"p95_ms": 5.0}
RULES = GateSettings(min_accuracy=0.5, min_macro_f1=0.5)


def predictions(truth: np.ndarray, wrong: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(truth)) < wrong, (truth + 1) % 3, truth)


def evaluation(truth: np.ndarray, mine: np.ndarray, theirs: np.ndarray | None, digest: str = "mine") -> dict[str, Any]:
    champion = None
    targets = LabelTargets([""] * len(truth), truth, LABELS)
    if theirs is not None:
        comparison = compare(targets, mine, theirs, OPTIONS)
        champion = {
            "version": "7",
            "digest": "theirs",
            "comparison": comparison,
            **score(targets, theirs, OPTIONS),
        }
    scored = {"digest": digest, **score(targets, mine, OPTIONS)}
    return {"bundle": scored, "agreement_with_float": 1.0, "champion": champion}


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.arange(1500) % 3


def test_swapping_champion_and_challenger_flips_the_verdict(truth: np.ndarray) -> None:
    better, worse = predictions(truth, 0.1, 1), predictions(truth, 0.2, 2)
    up = verdict(evaluation(truth, better, worse), TIMING, RULES)
    down = verdict(evaluation(truth, worse, better), TIMING, RULES)
    assert (up["passed"], up["outcome"]) == (True, "passed")
    assert (down["passed"], down["outcome"]) == (False, "refused")
    gain = next(rule for rule in up["rules"] if rule["rule"].startswith("better"))["observed"]
    loss = next(rule for rule in down["rules"] if rule["rule"].startswith("better"))["observed"]
    assert gain == pytest.approx(-loss) and gain > 0.05


def test_a_tie_from_other_bytes_is_not_promoted(truth: np.ndarray) -> None:
    same = predictions(truth, 0.1, 1)
    decision = verdict(evaluation(truth, same, same), TIMING, RULES)
    assert decision["outcome"] == "refused"
    assert "the champion stays" in decision["summary"]


def test_the_same_digest_is_unchanged_whatever_the_scores(truth: np.ndarray) -> None:
    same = predictions(truth, 0.1, 1)
    decision = verdict(evaluation(truth, same, same, digest="theirs"), TIMING, RULES)
    assert (decision["passed"], decision["outcome"]) == (False, "unchanged")


def test_a_small_gain_that_could_be_a_large_loss_is_refused(truth: np.ndarray) -> None:
    few = truth[:60]
    decision = verdict(evaluation(few, predictions(few, 0.15, 3), predictions(few, 0.2, 4)), TIMING, RULES)
    risky = next(rule for rule in decision["rules"] if rule["rule"] == "not worse than the champion")
    assert not risky["passed"] and not decision["passed"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"min_accuracy": 0.95}, "accuracy"),
        ({"min_macro_f1": 0.95}, "macro F1"),
        ({"min_label_recall": 0.99}, "recall of the worst label"),
        ({"max_latency_ms": 4.0}, "latency"),
    ],
)
def test_each_floor_refuses_alone(truth: np.ndarray, change: dict[str, float], rule: str) -> None:
    mine = predictions(truth, 0.1, 1)
    assert verdict(evaluation(truth, mine, None), TIMING, RULES)["passed"]
    decision = verdict(evaluation(truth, mine, None), TIMING, RULES.model_copy(update=change))
    assert [entry["rule"].startswith(rule) for entry in decision["rules"] if not entry["passed"]] == [True]


def test_micro_f1_of_entities_has_a_floor_and_decides(truth: np.ndarray) -> None:
    labels = ["O", "B-x", "I-x"]
    targets = TagTargets([["w"] * 5] * 300, truth, labels)
    mine, theirs = predictions(truth, 0.05, 1), predictions(truth, 0.1, 2)
    against = {"version": "7", "digest": "theirs", "comparison": compare(targets, mine, theirs, OPTIONS)}
    scored = {"digest": "mine", **score(targets, mine, OPTIONS)}
    found = {"bundle": scored, "agreement_with_float": 1.0, "champion": against}
    rules = RULES.model_copy(update={"metric": "micro_f1", "min_micro_f1": 0.6})
    decision = verdict(found, TIMING, rules)
    assert decision["passed"] and "micro f1 is +0." in decision["summary"]
    high = verdict(found, TIMING, rules.model_copy(update={"min_micro_f1": 0.99}))
    assert [rule["rule"] for rule in high["rules"] if not rule["passed"]] == ["micro F1"]


def test_labels_without_test_rows_have_no_recall_to_stand_on(truth: np.ndarray) -> None:
    targets = TagTargets([["w"]] * 10, np.zeros(10, int), ["O", "B-x", "I-x"])
    scored = {"digest": "mine", **score(targets, targets.truth, OPTIONS)}
    found = {"bundle": scored, "agreement_with_float": 1.0, "champion": None}
    lenient = RULES.model_copy(update={"min_macro_f1": 0.0})
    assert verdict(found, TIMING, lenient)["passed"]
    decision = verdict(found, TIMING, lenient.model_copy(update={"min_label_recall": 0.1}))
    assert "none has test rows" in decision["summary"]


def test_disagreement_with_float_is_refused(truth: np.ndarray) -> None:
    found = {**evaluation(truth, predictions(truth, 0.1, 1), None), "agreement_with_float": 0.9}
    assert not verdict(found, TIMING, RULES)["passed"]

from __future__ import annotations

import re

import numpy as np
import pytest

from components.base.settings import QuantizationSettings
from components.base.targets.labels import LabelTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.quantize.calibration import fit_temperature
from components.quantize.comparison import choose, compare, judge
from serving.tasks.task import Decider

PLAIN = Decider(["a", "b", "c"])
LIMITS = QuantizationSettings(min_agreement=0.98, max_accuracy_drop=0.01)


def right(truth: np.ndarray) -> LabelTargets:
    return LabelTargets([""] * len(truth), truth, ["a", "b", "c"])


def logits_with(wrong: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(100) % 2
    logits = np.eye(2)[truth].astype(np.float32)
    logits[:wrong] = logits[:wrong, ::-1]
    return logits, truth


@pytest.mark.parametrize(("wrong", "within"), [(0, True), (1, True), (2, False), (10, False)])
def test_int8_is_taken_only_within_the_limits(wrong: int, within: bool) -> None:
    reference, truth = logits_with(0)
    logits, _ = logits_with(wrong)
    figures = {
        "float32": {**compare(right(truth), reference, reference, 900, PLAIN), "within_limits": True, "why": ""},
        "int8": compare(right(truth), logits, reference, 300, PLAIN),
    }
    why = judge(figures["int8"], "accuracy", LIMITS)
    figures["int8"] |= {"within_limits": not why, "why": why}
    chosen, reason = choose(figures, {}, "smallest_within")
    assert chosen == ("int8" if within else "float32")
    assert within or "int8" in reason


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    assert fit_temperature(logits, truth) == pytest.approx(1.0, abs=0.1)
    assert fit_temperature(logits * 4, truth) == pytest.approx(4.0, abs=0.4)


def test_temperature_of_several_labels_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (4000, 3))
    truth = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    assert fit_temperature(logits, truth) == pytest.approx(1.0, abs=0.1)
    assert fit_temperature(logits * 4, truth) == pytest.approx(4.0, abs=0.4)


def test_words_that_were_not_scored_do_not_move_the_temperature() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 2, (500, 3)), rng.integers(0, 3, 500)
    lost = np.concatenate([logits, np.full((300, 3), np.nan)])
    assert fit_temperature(lost, np.concatenate([truth, np.zeros(300, int)])) == fit_temperature(logits, truth)


def test_several_labels_agree_where_all_of_a_row_do() -> None:
    truth = np.array([[True, False, False], [False, True, True], [False, False, False], [True, True, False]])
    targets = SetTargets([""] * 4, truth, ["a", "b", "c"])
    reference = np.where(truth, 2.0, -2.0)
    logits = reference.copy()
    logits[0, 2] = logits[1, 1] = 0.5
    logits[1, 2] = -0.5
    figures = compare(targets, logits, reference, 300, targets.decider)
    assert figures["agreement"] == 0.5
    assert figures["micro_f1_drop"] == pytest.approx(1 - 2 * 4 / (5 + 5))
    assert "micro f1, more than 0.01" in judge({**figures, "agreement": 1}, targets.main, LIMITS)


def test_tags_agree_by_word_and_lose_by_entity() -> None:
    labels = ["O", "B-x", "I-x"]
    truth = np.array([1, 2, 0, 0, 1, 0])
    targets = TagTargets([["w"] * 4, ["w"] * 2], truth, labels)
    reference = np.eye(3)[truth].astype(np.float32)
    reference[5] = np.nan
    logits = reference.copy()
    logits[1] = [1, 0, 0]
    figures = compare(targets, logits, reference, 300, targets.decider)
    assert figures["agreement"] == pytest.approx(5 / 6)
    assert (figures["micro_f1"], figures["micro_f1_drop"]) == (0.5, 0.5)
    assert figures["max_logit_difference"] == 1


def test_other_answers_are_refused_even_where_no_accuracy_is_lost() -> None:
    truth = np.zeros(100, dtype=int)
    reference, logits = np.eye(3)[np.ones(100, dtype=int)], np.eye(3)[np.full(100, 2)]
    figures = compare(right(truth), logits, reference, 300, PLAIN)
    assert figures["accuracy_drop"] == 0
    assert "agrees with float on 0.0000" in judge(figures, "accuracy", LIMITS)
    assert judge(compare(right(truth), reference, reference, 300, PLAIN), "accuracy", LIMITS) == ""


def test_lost_accuracy_is_refused_even_where_most_answers_agree() -> None:
    reference, truth = logits_with(0)
    logits, _ = logits_with(2)
    assert "loses 0.0200 accuracy" in judge(
        compare(right(truth), logits, reference, 300, PLAIN),
        "accuracy",
        LIMITS.model_copy(update={"min_agreement": 0.5}),
    )


SIZES = {"float32": 900, "float16": 450, "mixed": 400, "int8": 300}
SPEEDS = {"float32": 8.0, "float16": 9.0, "mixed": 4.0, "int8": 5.0}


@pytest.mark.parametrize(
    ("policy", "outside", "chosen", "said"),
    [
        ("smallest_within", (), "int8", "the smallest within the limits, 0.3 MB"),
        ("smallest_within", ("int8",), "mixed", "0.4 MB; int8 is wrong"),
        ("fastest_within", (), "mixed", "the fastest within the limits"),
        ("fastest_within", ("mixed",), "int8", "the fastest within the limits; mixed is wrong"),
        ("fastest_within", ("mixed", "int8"), "float32", "the fastest within the limits; mixed is wrong"),
        ("float16", (), "float16", "quantization.policy names float16"),
        ("float32", (), "float32", "quantization.policy names float32"),
        ("mixed", ("mixed",), "float32", "quantization.policy names mixed; mixed is wrong"),
        (
            "smallest_within",
            ("mixed", "int8", "float16"),
            "float32",
            "no other candidate is within the limits; float16 is",
        ),
        ("int8", ("mixed", "int8", "float16"), "float32", "no other candidate is within the limits; float16 is wrong"),
    ],
)
def test_the_policy_takes_of_those_within_the_limits(
    policy: str, outside: tuple[str, ...], chosen: str, said: str
) -> None:
    figures = {
        name: {"bytes": size * 1000, "within_limits": name not in outside, "why": "is wrong" if name in outside else ""}
        for name, size in SIZES.items()
    }
    timing = {name: {"p50_ms": speed} for name, speed in SPEEDS.items()}
    found, why = choose(figures, timing, policy)
    assert found == chosen
    assert said in why
    assert not re.search(r"\d ms", why), "what is sealed in the bundle's card may not depend on timing"


def test_what_is_lost_has_an_interval_that_covers_it() -> None:
    """Of rows that are right or wrong each by itself as statsmodels has it; of entities by a bootstrap."""
    reference, truth = logits_with(0)
    logits, _ = logits_with(3)
    low, high = compare(right(truth), logits, reference, 300, PLAIN)["accuracy_drop_interval"]
    assert -0.01 < low < 0.03 < high < 0.1
    assert compare(right(truth), reference, reference, 900, PLAIN)["accuracy_drop_interval"] == [0, 0]
    none = compare(right(truth), reference.copy(), reference, 300, PLAIN)["accuracy_drop_interval"]
    assert none[0] == pytest.approx(-none[1]) and 0.03 < none[1] < 0.045, "no difference in 100 rows proves little"
    sets = np.random.default_rng(0).random((400, 3)) < 0.5
    targets = SetTargets([""] * 400, sets, ["a", "b", "c"])
    exact = np.where(sets, 2.0, -2.0)
    worse = np.where(np.random.default_rng(1).random(sets.shape) < 0.1, -exact, exact)
    figures = compare(targets, worse, exact, 300, targets.decider)
    low, high = figures["micro_f1_drop_interval"]
    assert low < figures["micro_f1_drop"] < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.1 * 0.9 / 1200), rel=0.3)
    better = compare(targets, exact, worse, 300, targets.decider)["micro_f1_drop_interval"]
    assert better == pytest.approx([-high, -low], abs=1e-6)


@pytest.mark.parametrize(("before", "taken"), [("", "int8"), ("mixed", "mixed"), ("float16", "int8")])
def test_what_was_the_fastest_in_the_run_that_is_made_again_is_taken(before: str, taken: str) -> None:
    """float16 is outside the limits now."""
    names = ("float32", "int8", "mixed", "float16")
    figures = {name: {"bytes": 1, "within_limits": name != "float16", "why": ""} for name in names}
    timing = {name: {"p50_ms": float(place)} for place, name in enumerate(("int8", "float32", "mixed", "float16"))}
    assert choose(figures, timing, "fastest_within", before) == (taken, "the fastest within the limits")
    assert choose(figures, timing, "float32", before)[0] == "float32"

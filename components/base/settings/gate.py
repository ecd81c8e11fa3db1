"""The rules of the gate."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import StringConstraints, model_validator

from components.base.metric_names import (
    COMPARED,
    LABEL_METRICS,
    MEASURES,
    METRICS,
    NUMBERS,
    SLICE_METRICS,
    TASK_METRICS,
    is_measured,
)
from components.base.settings.data import Task
from components.base.settings.section import Fraction, Section, Text
from components.base.settings.validation import Severity

MAIN: dict[Task, str] = {
    "single-label": "accuracy",
    "text-pair": "accuracy",
    "multi-label": "micro_f1",
    "token-tags": "micro_f1",
}
LIMITS, TEST = {"at_least", "at_most"}, {"against", "test", "margin"}


class GateRule(Section):
    """A floor, a ceiling, or a comparison on the same rows.

    `at_least` or `at_most` is held against the value, or with `by: interval` against the worse end of its interval.
    `label` and `slice` name the part of the rows that is meant; `*` is each of them. `against` names the other model
    (`champion`; `float`, which the bundle was made from; `linear`), and `test` what has to be shown of the paired
    difference: `superior`, its lower bound is above 0; `non_inferior`, that is above minus `margin`; `not_worse`, its
    upper bound is not below minus `margin`, so that only a loss that is beyond chance breaks it. Parts of the rows are
    compared with the champion only. `behaviour/NAME` is the share of failures of that behaviour test, `behaviour/*` of
    each.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    by: Literal["value", "interval"] = "value"
    label: str = ""
    slice: str = ""
    against: Literal["", "champion", "float", "linear"] = ""
    test: Literal["", "superior", "non_inferior", "not_worse"] = ""
    margin: Fraction = 0.0
    severity: Severity = "error"

    @model_validator(mode="after")
    def is_one_thing(self) -> Self:
        limits = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if bool(self.against) != bool(self.test):
            raise ValueError("against and test go together: the other model, and what has to be shown")
        if len(limits) + bool(self.test) != 1:
            raise ValueError("a rule has one of at_least, at_most, and against with test")
        if self.label and self.slice:
            raise ValueError("a rule is for a label or for a slice, not for both")
        if self.margin and self.test not in ("non_inferior", "not_worse"):
            raise ValueError("margin goes with the tests non_inferior and not_worse")
        if (self.label or self.slice) and self.against in ("float", "linear"):
            raise ValueError("labels and slices are compared with the champion only")
        if self.by == "interval" and (self.test or self.metric in NUMBERS):
            what = f"{self.metric} is one number" if not self.test else "a test looks at the interval by itself"
            raise ValueError(f"by: interval is for limits of what has an interval; {what}")
        return self

    @model_validator(mode="after")
    def limits_are_shares(self) -> Self:
        limit = self.at_least if self.at_least is not None else self.at_most
        if limit is not None and limit > 1 and self.metric in METRICS and self.metric not in ("brier", "log_loss"):
            raise ValueError(f"{self.metric} is never above 1: give the limit {limit:g} as a share")
        return self

    @model_validator(mode="after")
    def is_known(self) -> Self:
        known = [*METRICS, *MEASURES] if not self.test else list(COMPARED)
        if self.label:
            known = ["recall"] if self.test else list(LABEL_METRICS)
        elif self.slice:
            known = list(SLICE_METRICS)
        whole = not (self.test or self.label or self.slice)
        named = whole and (is_measured(self.metric) or self.metric.removeprefix("behaviour/") not in ("", self.metric))
        if self.metric not in known and not named:
            more = ", top_3_accuracy (and other numbers), behaviour/NAME" if whole else ""
            raise ValueError(f"metric {self.metric} is not known for such a rule; known are {', '.join(known)}{more}")
        return self


class GateSettings(Section):
    """`rules` by name. `unusable_champion`: where the champion cannot be loaded or compared with, the rules against it
    refuse, or warn. `bench` names what `textgate bundle bench BUNDLE --output FILE` wrote."""

    rules: dict[Text, GateRule] = {}
    unusable_champion: Literal["refuse", "warn"] = "refuse"
    bench: str = ""


class Override(Section):
    """A refusal that is set aside: why, and by whom (user@host)."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    who: Text


def default_rules(task: Task) -> dict[str, dict[str, Any]]:
    """Those that hold unless a config says otherwise under the same name."""
    main = MAIN[task]
    rules: dict[str, dict[str, Any]] = {
        main: {"metric": main, "at_least": 0.5 if main == "accuracy" else 0.3},
        "macro_f1": {"metric": "macro_f1", "at_least": 0.5 if main == "accuracy" else 0.1},
        "agreement": {"metric": "agreement_with_float", "at_least": 0.95},
        "float": {"metric": main, "against": "float", "test": "not_worse", "margin": 0.01},
        "latency": {"metric": "p95_ms", "at_most": 1000},
        "leakage": {"metric": "leaked_rows", "at_most": 0, "severity": "warn"},
        "contradictions": {"metric": "contradictory_rows", "at_most": 0, "severity": "warn"},
        "linear": {"metric": main, "against": "linear", "test": "superior", "severity": "warn"},
        "champion": {"metric": main, "against": "champion", "test": "superior"},
        "champion_labels": {
            "metric": "recall",
            "label": "*",
            "against": "champion",
            "test": "not_worse",
            "severity": "warn",
        },
        "champion_slices": {"metric": main, "slice": "*", "against": "champion", "test": "not_worse"},
    }
    if "expected_calibration_error" in TASK_METRICS[task]:
        rules["calibration"] = {"metric": "expected_calibration_error", "at_most": 0.1, "severity": "warn"}
    return rules


def with_default_rules(gate: dict[str, Any], task: Task) -> dict[str, Any]:
    """The section as a config holds it, with the default rules that it does not replace; what it says of one by name
    changes that part of it, and a limit in place of another, or of a test, takes that one's place."""
    given, rules = gate.get("rules") or {}, dict[str, Any](default_rules(task))
    if not isinstance(given, dict):
        return gate
    for name, said in given.items():
        rule = said
        if isinstance(rule, dict):
            replaced = LIMITS | TEST if LIMITS & rule.keys() else LIMITS if TEST & rule.keys() else set()
            rule = {**{key: value for key, value in rules.get(name, {}).items() if key not in replaced}, **rule}
        rules[name] = rule
    return {**gate, "rules": rules}

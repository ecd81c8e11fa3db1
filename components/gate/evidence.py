"""What the rules are decided on: evaluation.json, timing.json, validation.json and a bench, as far as needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.base.errors import TextgateError
from components.base.settings import Bench, Task
from components.base.settings.faults import explain

FAULTS_SHOWN = 6


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Estimate(Part):
    """`value` is None where it is not defined or was not measured, and `why` says so. `remark` is what else is to be
    known of it."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    support: int = 0
    unreliable: bool = False
    why: str = ""
    remark: str = ""


class Difference(Part):
    """The bundle's value minus the other model's. `bounds` are one-sided lower bounds, one for each of the
    evaluation's tails, rising; `p` is that of the exact test, where there is one (two-sided)."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bounds: list[float] | None = None
    rows: int = 0
    unreliable: bool = False
    why: str = ""
    gained: int = 0
    lost: int = 0
    p: float | None = None


class Comparison(Part):
    """On `rows` of the test rows. `seen` are those that the other model was trained on (None: not known), `labels` the
    shared ones where they are not all."""

    rows: int
    fair: bool = True
    seen: int | None = 0
    labels: list[str] | None = None
    metrics: dict[str, Difference] = {}
    per_label: dict[str, dict[str, Difference]] = {}
    slices: dict[str, dict[str, Difference]] = {}


class Label(Part):
    support: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


class Bundle(Part):
    digest: str
    bytes: int | None = None
    metrics: dict[str, Estimate]
    per_label: dict[str, Label] = {}


class Other(Part):
    comparison: Comparison


class Champion(Part):
    """`problem` says why it cannot be compared with."""

    version: str
    digest: str
    problem: str = ""
    comparison: Comparison | None = None


class Slice(Part):
    """`by` is label where its rows are those of a label, worst where it was looked for among the bundle's mistakes."""

    name: str
    by: str = ""
    rows: int
    metrics: dict[str, Estimate] = {}


class Behaviour(Part):
    """`why` says why it could not be run."""

    name: str
    cases: int = 0
    failures: int = 0
    share: Estimate = Estimate()
    why: str = ""


class LabelErrors(Part):
    share: float | None = None
    problem: str = ""


class Abstain(Part):
    precision: Estimate
    coverage: Estimate


class OutOfScope(Part):
    auc: Estimate
    recall: Estimate
    precision: Estimate


class Evaluation(Part):
    """`parent` is the float model that the bundle was made from."""

    task: Task
    rows: int
    confidence: float = Field(gt=0, lt=1)
    tails: list[float] = Field(min_length=2)
    bundle: Bundle
    parent: Other | None = Field(alias="float")
    linear: Other | None
    champion: Champion | None
    agreement_with_float: Estimate
    slices: list[Slice] = []
    abstain: Abstain | None = None
    out_of_scope: OutOfScope | None = None
    behaviour: list[Behaviour] = []
    label_errors: dict[str, LabelErrors] = {}

    @property
    def alpha(self) -> float:
        """What is left beyond each end of the intervals."""
        return round((1 - self.confidence) / 2, 12)


class Timing(Part):
    p50_ms: float | None = None
    p95_ms: float | None = None
    texts_per_second: float | None = None


class Check(Part):
    check: str
    observed: Any = None


class Validation(Part):
    checks: list[Check]
    profile: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Evidence:
    evaluation: Evaluation
    timing: Timing = field(default_factory=Timing)
    validation: Validation | None = None
    bench: Bench | None = None


Kind = TypeVar("Kind", bound=Part)


def read(evaluation: Any, timing: Any, validation: Any, bench: Bench | None = None) -> Evidence:
    """From the contents of the files. Raises TextgateError naming the file, the key and what is wrong with it."""
    return Evidence(
        _parsed(Evaluation, evaluation, "evaluation.json", "evaluate"),
        _parsed(Timing, timing or {}, "timing.json", "evaluate"),
        _parsed(Validation, validation, "validation.json", "validate") if validation else None,
        bench,
    )


def _parsed(kind: type[Kind], content: Any, file: str, step: str) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = explain(error, file, kind).splitlines()
        more = [f"  and {len(lines) - FAULTS_SHOWN} more"] if len(lines) > FAULTS_SHOWN + 1 else []
        advice = f"it is not what the step {step} of this version of textgate writes"
        raise TextgateError("\n".join([f"{lines[0]} {advice}", *lines[1:][:FAULTS_SHOWN], *more])) from None

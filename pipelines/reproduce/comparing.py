"""Two recorded runs, stage by stage: identical, equivalent or different, where they part, and what is seen of why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from components.base.errors import TextgateError
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce.causes import OF_THE_MACHINE, Cause, causes
from pipelines.reproduce.predictions import Agreement, agreement

STAGES = ("data", "encoded", "weights", "bundle", "predictions", "metrics", "verdict")
DIGEST = "textgate.digest."
# The last stage that a run comes to which ends after a step.
LAST = {"tokenize": "encoded", "finetune": "weights", "quantize": "bundle", "evaluate": "metrics"}
TOLERANCE = 0.01

Outcome = Literal["identical", "equivalent", "different"]


@dataclass(frozen=True)
class Stage:
    """The digests of what both runs made; "" where one did not come so far."""

    name: str
    before: str
    after: str

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Comparison:
    """`departs` is the first stage that is not the same, and `causes` what differs in what it is made from."""

    outcome: Outcome
    stages: list[Stage]
    departs: str = ""
    causes: list[Cause] = field(default_factory=list)
    agreement: Agreement | None = None
    tolerance: float = TOLERANCE


def compare(original: RecordedRun, again: RecordedRun, tolerance: float = TOLERANCE, to: str = "") -> Comparison:
    """`to` is the step that `again` ended after, where it did not go the whole way.

    identical: every digest is the same. equivalent: nothing differs in what decides the result, only in machines, and
    no probability of a test row by more than `tolerance`. Raises TextgateError where `original` has no digests.
    """
    stages = _stages(original, again, to)
    parted = next((stage for stage in stages if not stage.same), None)
    if parted is None:
        return Comparison("identical", stages, tolerance=tolerance)
    seen, agreed = causes(original, again, parted.name), _agreement(original, again)
    decisive = any(cause.kind not in OF_THE_MACHINE for cause in seen)
    equivalent = not decisive and bool(parted.after and agreed and agreed.within(tolerance))
    return Comparison("equivalent" if equivalent else "different", stages, parted.name, seen, agreed, tolerance)


def check_digests(run: RecordedRun) -> None:
    """Raises TextgateError where there are none."""
    if not any(tag.startswith(DIGEST) for tag in run.tags):
        raise TextgateError(
            f"the run {run.shown} has no digests of what its steps made: it ended before the step record, or an"
            " older textgate ran it"
        )


def _stages(original: RecordedRun, again: RecordedRun, to: str) -> list[Stage]:
    """Those that the original came to."""
    meant = STAGES[: STAGES.index(LAST.get(to, STAGES[-1])) + 1]
    check_digests(original)
    digests = [[run.tags.get(f"{DIGEST}{stage}", "") for stage in meant] for run in (original, again)]
    return [Stage(*parts) for parts in zip(meant, *digests, strict=True) if parts[1]]


def _agreement(original: RecordedRun, again: RecordedRun) -> Agreement | None:
    before, after = (run.file("evaluation/predictions.parquet") for run in (original, again))
    return agreement(before, after) if before and after else None

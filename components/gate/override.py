"""A refusal that somebody sets aside: the verdict stays what it is, and says who and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.settings import Override
from components.gate.advice import OVERRIDE


def overridden(decision: Mapping[str, Any], override: Override) -> dict[str, Any]:
    """verdict.json of a refusal, its outcome `overridden` and still not passed; any other decision as it is."""
    if decision["outcome"] != "refused":
        print(f"the override is not needed, and not kept: the verdict is {decision['outcome']}", flush=True)
        return dict(decision)
    summary = f"overridden by {override.who}: {override.reason}. {decision['summary']}"
    steps = [step for step in decision["next"] if not step.startswith(OVERRIDE)]
    given = {"summary": summary, "next": steps, "override": override.model_dump()}
    return {**decision, "outcome": "overridden", **given}

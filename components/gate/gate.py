"""The step: evaluation, timing, validation and rules in, verdict and its page out."""

from __future__ import annotations

from pathlib import Path

from components.base.files import new_folder, read_json, write_json
from components.base.settings import GateStep, Override
from components.gate.override import overridden
from components.gate.page import write_page
from components.gate.rules import verdict as decide


def gate(
    evaluation: Path,
    timing: Path,
    validation: Path,
    settings: GateStep,
    verdict: Path,
    page: Path,
    override: Override | None = None,
) -> bool:
    """Writes `verdict.json` and verdict.html into the folder `verdict`, and the same page as the file `page`; True
    where the bundle passed, or its refusal is overridden, and it is to be registered."""
    decision = decide(
        read_json(evaluation / "evaluation.json"),
        read_json(timing / "timing.json"),
        read_json(validation / "validation.json"),
        settings.options,
        settings.bench,
    )
    if override:
        decision = overridden(decision, override)
    with new_folder(verdict) as folder:
        write_json(folder / "verdict.json", decision)
        write_page(decision, folder / "verdict.html")
    write_page(decision, page)
    print(decision["summary"])
    return decision["outcome"] in ("passed", "overridden") and not settings.reproduction

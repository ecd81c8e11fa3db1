"""The step: evaluation, timing and rules in, verdict out."""

from __future__ import annotations

from pathlib import Path

from components.base.files import new_folder, read_json, write_json
from components.base.settings import GateSettings, Override
from components.gate.override import overridden
from components.gate.rules import verdict as decide


def gate(
    evaluation: Path, timing: Path, settings: GateSettings, verdict: Path, override: Override | None = None
) -> bool:
    """Writes `verdict.json`; True where the bundle passed, or its refusal is overridden."""
    decision = decide(read_json(evaluation / "evaluation.json"), read_json(timing / "timing.json"), settings)
    if override:
        decision = overridden(decision, override)
    with new_folder(verdict) as folder:
        write_json(folder / "verdict.json", decision)
    print(decision["summary"])
    return decision["outcome"] in ("passed", "overridden")

"""The verdict: each rule yields what was observed, the limit, whether it holds, and why, whatever the others say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.base.settings import Bench, GateRule, GateSettings
from components.gate.advice import next_steps
from components.gate.comparisons import compared
from components.gate.entries import Entry, counted
from components.gate.evidence import Champion, Evidence, read
from components.gate.limits import limited

WHYS_SHOWN = 8


def verdict(
    evaluation: Any, timing: Any, validation: Any, settings: GateSettings, bench: Bench | None = None
) -> dict[str, Any]:
    """verdict.json, from the contents of evaluation.json, timing.json and validation.json (or None), and of the file
    gate.bench.

    `outcome` is passed, refused, or unchanged where the champion is this very bundle. A rule of severity warn never
    refuses. Raises TextgateError where a content is not what the steps write.
    """
    evidence = read(evaluation, timing, validation, bench)
    champion = evidence.evaluation.champion
    if champion and champion.digest == evidence.evaluation.bundle.digest:
        return _decided("unchanged", [_unchanged(champion)])
    rules = {name: rule for name, rule in settings.rules.items() if rule.severity != "off"}
    entries = [_entry(name, rule, evidence, settings) for name, rule in rules.items()]
    refused = any(not entry.passed and entry.severity == "error" for entry in entries)
    return _decided("refused" if refused else "passed", entries)


def _entry(name: str, rule: GateRule, evidence: Evidence, settings: GateSettings) -> Entry:
    return compared(name, rule, evidence.evaluation, settings) if rule.test else limited(name, rule, evidence)


def _decided(outcome: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "passed": outcome == "passed",
        "outcome": outcome,
        "summary": _summary(outcome, entries),
        "rules": [entry.shown() for entry in entries],
        "next": next_steps(entries, outcome),
    }


def _unchanged(champion: Champion) -> Entry:
    why = f"nothing changed: the bundle is, byte for byte, the champion's (version {champion.version})"
    return Entry(
        rule="differs",
        severity="error",
        metric="digest",
        against="champion",
        observed=champion.digest[:12],
        limit="another digest",
        passed=False,
        why=why,
    )


def _summary(outcome: str, entries: Sequence[Entry]) -> str:
    """What refuses, or what speaks for the model; then the warnings, and what is to be known of the comparison."""
    refusing = [entry.why for entry in entries if not entry.passed and entry.severity == "error"]
    if outcome == "unchanged":
        return refusing[0]
    warnings = [entry.why for entry in entries if not entry.passed and entry.severity == "warn"]
    against = [entry for entry in entries if entry.against == "champion" and entry.severity == "error"]
    said = _joined(refusing) if refusing else _praise(entries, [entry.why for entry in against if entry.passed])
    parts = [f"{outcome}: {said}"]
    parts += [f"warnings: {_joined(warnings)}"] if warnings else []
    remarks = dict.fromkeys(entry.remark for entry in entries if entry.remark)
    parts += [remark[0].upper() + remark[1:] for remark in remarks]
    return ". ".join(parts)


def _praise(entries: Sequence[Entry], against: Sequence[str]) -> str:
    kept = sum(entry.passed for entry in entries)
    return "; ".join([f"{kept} of {counted(len(entries), 'rule')} hold", *against[:1]])


def _joined(said: Sequence[str]) -> str:
    whys = list(dict.fromkeys(said))
    more = [f"and {len(whys) - WHYS_SHOWN} more"] if len(whys) > WHYS_SHOWN else []
    return "; ".join([*whys[:WHYS_SHOWN], *more])

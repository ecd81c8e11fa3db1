"""Comparisons of each label or slice: one family, with Holm's correction, so that no part is found by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from components.base.metric_names import words
from components.base.settings import GateRule
from components.gate.advice import to_show
from components.gate.entries import Entry, about, counted, listed, signed
from components.gate.evidence import Comparison, Difference, Evaluation
from components.gate.paired import is_defined, needed, one_sided_p
from components.gate.statistics import holm


class Part(NamedTuple):
    name: str
    found: Difference
    p: float


def compared_each(entry: Entry, rule: GateRule, who: str, comparison: Comparison, evaluation: Evaluation) -> Entry:
    """The entry filled in. Superior and non_inferior have to be shown of every part, a loss of none."""
    thing = "label" if rule.label else "slice"
    found = {part: row.get(rule.metric) for part, row in _rows(rule, comparison, evaluation).items()}
    defined = {part: one for part, one in found.items() if one is not None and is_defined(one)}
    if not defined:
        why = f"no {thing} has {words(rule.metric)} that can be compared with that of {who}"
        return replace(entry, why=why, advice=f"For {entry.rule}: {why}")
    family, untold = _family(rule, defined, evaluation)
    loss, alpha = rule.test == "not_worse", evaluation.alpha
    broken = [part for part in family if (part.p <= alpha) == loss] + ([] if loss else untold)
    settled = _settled(rule, broken, comparison.rows, alpha, len(family))
    worst = (broken or family or untold)[0].found
    why = _why(rule, who, thing, len(family) + len(untold), broken) + _rest(broken, family, untold, loss)
    if settled:
        why += f"; {about(settled)} test rows would settle it"
    return replace(
        entry,
        observed=worst.value,
        low=worst.low,
        high=worst.high,
        passed=not broken,
        why=why,
        rows_needed=settled,
        advice=to_show(rule, [part.name for part in broken], settled, comparison.rows),
    )


def _rows(rule: GateRule, comparison: Comparison, evaluation: Evaluation) -> dict[str, dict[str, Difference]]:
    """Slices without those that are labels, for which `label` asks, and without those that were looked for: where one
    of two equal models is at its worst, the other seems better."""
    if rule.label:
        return comparison.per_label
    others = {one.name for one in evaluation.slices if one.by in ("label", "worst")}
    return {name: row for name, row in comparison.slices.items() if name not in others}


def _family(rule: GateRule, defined: dict[str, Difference], evaluation: Evaluation) -> tuple[list[Part], list[Part]]:
    """Those that are tested, with adjusted p-values, and those that have too few rows to tell; the worst first."""
    p_values = {part: one_sided_p(rule, found, evaluation) for part, found in defined.items()}
    tested = {part: p for part, p in p_values.items() if p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    parts = [Part(part, found, adjusted.get(part, 1.0)) for part, found in defined.items()]
    sign = 1 if rule.test == "not_worse" else -1
    parts.sort(key=lambda part: (sign * part.p, part.found.value))
    return [part for part in parts if part.name in tested], [part for part in parts if part.name not in tested]


def _why(rule: GateRule, who: str, thing: str, number: int, broken: list[Part]) -> str:
    what, margin = words(rule.metric), f" by more than {rule.margin:g}" if rule.margin else ""
    count = f"{len(broken)} of {counted(number, thing)}" if broken else f"each of {counted(number, thing)}"
    if rule.test == "superior":
        said = f"{what} is {'not ' if broken else ''}shown to be better than that of {who} for {count}"
    elif rule.test == "non_inferior":
        said = f"{what} is {'not ' if broken else ''}shown not to be worse than that of {who}{margin} for {count}"
    elif broken:
        said = f"{what} is worse than that of {who}{margin}, beyond chance, for {count}"
    else:
        said = f"{what} is for none of {counted(number, thing)} worse than that of {who}{margin}, beyond chance"
    return f"{said} (p adjusted by Holm's method)"


def _rest(broken: list[Part], family: list[Part], untold: list[Part], loss: bool) -> str:
    """The parts by name: those that are broken, or else the one that is nearest to it; and those that do not count."""
    shown = broken or family[:1]
    said = f": {listed([_brief(part) for part in shown])}" if broken else ""
    if not broken and shown:
        said = f"; nearest to it is {_brief(shown[0])}"
    if loss and untold:
        said += f"; too few rows to tell in {listed([part.name for part in untold])}"
    return said


def _brief(part: Part) -> str:
    assert part.found.value is not None
    return f"{part.name} {signed(part.found.value)} (p {part.p:.2g})"


def _settled(rule: GateRule, broken: list[Part], rows: int, alpha: float, tests: int) -> int | None:
    """The test rows that would show of each part what is to be shown; None where a part points the other way, or a loss
    is shown already."""
    if rule.test == "not_worse" or not broken:
        return None
    sizes = [needed(rule, part.found, rows, alpha, max(tests, 1)) for part in broken]
    return None if None in sizes else max(size for size in sizes if size is not None)

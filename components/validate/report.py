"""What a report says of the rules that broke: one line each, and the worst rows by id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.base.settings import SPLITS, ValidateStep
from components.base.tables import SplitReader
from components.validate.rules import WORST, Batch, Rule, count
from components.validate.suite import Outcome, Outcomes
from components.validate.texts import joined

CHARACTERS_SHOWN = 200


def failures(batches: Sequence[Batch], outcomes: Outcomes) -> tuple[list[str], list[str]]:
    """Lines for the rules that refuse and for those that warn; a split that cannot be read fails several for one
    reason, which is said once."""
    lines: dict[str, list[str]] = {"error": [], "warn": []}
    for batch in batches:
        for rule in batch.rules:
            outcome = outcomes[batch.name, rule.name]
            if not outcome.passed:
                lines[rule.severity].append(f"{batch.name}: {_line(batch, rule, outcome)}")
    errors = list(dict.fromkeys(lines["error"]))
    return errors, [line for line in dict.fromkeys(lines["warn"]) if line not in errors]


def worst_rows(
    batches: Sequence[Batch], outcomes: Outcomes, tables: Path, settings: ValidateStep
) -> dict[str, list[dict[str, Any]]]:
    """Of each rule that broke on rows, the worst twenty: id, split where the batch has several, and the text where
    limits.show_texts."""
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        for rule in batch.rules:
            outcome = outcomes[batch.name, rule.name]
            rows = [] if outcome.passed else _worst(batch, rule, outcome)
            if rows:
                found[f"{batch.name}: {rule.name}"] = rows
    if settings.limits.show_texts:
        _add_texts(found, tables, settings)
    return found


def _line(batch: Batch, rule: Rule, outcome: Outcome) -> str:
    if rule.explain:
        said = rule.explain(batch.rows)
        return f"{said}: {rule.advice}" if rule.advice else said
    if outcome.unexpected is not None:
        first = ", ".join(row["row"] for row in outcome.rows[:5] if "row" in row)
        said = f"{count(outcome.unexpected, 'row')} unexpected" + (f"; ids {first}" if first else "")
    else:
        said = f"observed {outcome.observed:g}" if outcome.observed is not None else "not as expected"
    return f"{rule.name}: {said}; expected {rule.expected} (validation.suite)"


def _worst(batch: Batch, rule: Rule, outcome: Outcome) -> list[dict[str, Any]]:
    if rule.explain is None:
        return [{"id": row.pop("row"), **row} for row in map(dict, outcome.rows[:WORST])]
    rows = rule.at_fault(batch.rows).head(WORST)
    wanted = [name for name in ("row", "split", "near_to") if name in rows]
    records = rows[wanted].rename(columns={"row": "id"}).to_dict("records")
    return [{str(key): str(value) for key, value in record.items() if value != ""} for record in records]


def _add_texts(found: dict[str, list[dict[str, Any]]], tables: Path, settings: ValidateStep) -> None:
    wanted: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for check, rows in found.items():
        for row in rows:
            split = row.get("split") or check.partition(":")[0].split()[0]
            if split in SPLITS:
                wanted.setdefault(split, {}).setdefault(row["id"], []).append(row)
    for split, rows_of_id in wanted.items():
        for batch in SplitReader(tables, split, settings.data).batches():
            ids = batch["id"].to_pylist()
            places = [place for place, name in enumerate(ids) if name in rows_of_id]
            for place, text in zip(places, joined(batch, settings.data).take(places).to_pylist(), strict=True):
                for row in rows_of_id[ids[place]]:
                    row["text"] = text[:CHARACTERS_SHOWN]

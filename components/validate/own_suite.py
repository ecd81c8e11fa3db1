"""Expectations of a JSON suite in the repository: each replaces the generated one of its name, or is added.

`meta.check` is the name, `meta.batch` the batch (train, validation, test, "across splits"; for a task with lists of
labels also "train labels" and so on, of a line for each label; without it every split), `meta.severity` error or warn.
Columns are measured ones (see Split in measures.py, and across_splits), a text of the task (text, text_pair; tokens
joined by spaces), or one of data.columns.keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
from great_expectations.expectations.registry import get_expectation_impl

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import SPLITS, SuiteExpectation, ValidateStep
from components.base.tables import SplitReader
from components.validate.rules import Batch, Rule
from components.validate.shared_rules import ACROSS
from components.validate.split_rules import labels_of
from components.validate.texts import joined

TEXTS = ("text", "text_pair", "tokens")
ESCAPED = ("row", "id", "label")
LONGEST_EXPECTED = 200


def with_own(batches: Sequence[Batch], tables: Path, settings: ValidateStep) -> list[Batch]:
    """The batches with the suite's expectations; those on texts stand in batches of their own, of which no docs are
    made unless limits.show_texts.

    Raises TextgateError naming an expectation that Great Expectations does not know or whose arguments it refuses.
    """
    changed = {batch.name: batch for batch in batches}
    known = [*SPLITS, ACROSS]
    if settings.data.task in ("multi-label", "token-tags"):
        known += map(labels_of, SPLITS)
    for place, own in enumerate(settings.suite):
        where = f"expectation {place + 1} ({own.type}) of {settings.limits.suite or 'the suite'}"
        wanted = own.meta.get("batch")
        if wanted is not None and wanted not in known:
            raise TextgateError(f"{where}: meta.batch is {wanted!r}; it is one of {', '.join(known)}")
        for name in [wanted] if wanted else SPLITS:
            rule = _rule(own, where)
            batch = changed.get(name)
            if batch is None or not len(batch.rows):
                continue
            columns = _columns(own)
            if not set(columns) <= set(batch.rows):
                batch = _private(changed, batch, columns, tables, settings, where)
            changed[batch.name] = _placed(batch, rule)
    return list(changed.values())


def write_generated(batches: Sequence[Batch], path: Path) -> None:
    """The generated expectations as a JSON suite for editing, each with its check, batch and severity."""
    expectations = []
    for batch in batches:
        for rule in batch.rules:
            kind, kwargs = _said(rule)
            meta = {"check": rule.name, "batch": batch.name, "severity": rule.severity}
            expectations.append({"type": kind, "kwargs": _values(kwargs, unescape), "meta": meta})
    write_json(path, {"name": "textgate", "expectations": expectations})


def _rule(own: SuiteExpectation, where: str) -> Rule:
    severity = own.meta.get("severity", "error")
    if severity not in ("error", "warn"):
        raise TextgateError(f"{where}: meta.severity is {severity!r}; it is error or warn")
    try:
        expectation = get_expectation_impl(own.type)(**_values(own.kwargs, escape))
    except Exception as error:  # the registry and pydantic v1 raise errors of their own
        raise TextgateError(f"{where} is refused by Great Expectations: {' '.join(str(error).split())}") from None
    shown = {key: value for key, value in own.kwargs.items() if key != "column"}
    on = f" of {own.kwargs['column']}" if "column" in own.kwargs else ""
    check = str(own.meta.get("check") or f"{own.type}{on}")
    expected = f"{own.type}{on} {shown or ''}".strip()
    if len(expected) > LONGEST_EXPECTED:
        expected = expected[:LONGEST_EXPECTED] + "…"
    return Rule(check, severity, expected, expectation)


def _values(kwargs: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """With the values that stand for ids or labels as the batches have them, whose markup is escaped, or back."""
    values = kwargs.get("value_set")
    if kwargs.get("column") not in ESCAPED or not isinstance(values, list):
        return kwargs
    return {**kwargs, "value_set": [change(value) if isinstance(value, str) else value for value in values]}


def _columns(own: SuiteExpectation) -> list[str]:
    named = [own.kwargs.get(key) for key in ("column", "column_A", "column_B")]
    listed = own.kwargs.get("column_list")
    return [str(name) for name in [*named, *(listed if isinstance(listed, list) else [])] if name is not None]


def _placed(batch: Batch, rule: Rule) -> Batch:
    """Where the rule says the same as a generated one, that one stays, with all that it can tell."""
    before = next((known for known in batch.rules if known.name == rule.name), None)
    if before is None:
        return replace(batch, rules=[*batch.rules, rule])
    if _said(before) == _said(rule):
        rule = replace(before, severity=rule.severity)
    return replace(batch, rules=[rule if known is before else known for known in batch.rules])


def _said(rule: Rule) -> tuple[str, dict[str, Any]]:
    configuration = rule.expectation.configuration
    return configuration.type, configuration.kwargs


def _private(
    batches: dict[str, Batch], batch: Batch, columns: list[str], tables: Path, settings: ValidateStep, where: str
) -> Batch:
    data, kept = settings.data, settings.data.columns.keep
    texts = [role for role in TEXTS if role in data.roles]
    for column in columns:
        if column not in batch.rows and (batch.name not in SPLITS or column not in (*texts, *kept)):
            known = [*batch.rows.columns, *((*texts, *kept) if batch.name in SPLITS else ())]
            raise TextgateError(f"{where}: {batch.name} has no column {column!r}; it has {', '.join(known)}")
    name = f"{batch.name} texts"
    private = batches.get(name) or Batch(name, batch.rows[["row"]], [], private=not settings.limits.show_texts)
    for column in columns:
        if column not in private.rows:
            values = batch.rows[column] if column in batch.rows else _read(tables, batch.name, column, settings)
            private = replace(private, rows=private.rows.assign(**{column: values}))
    return private


def _read(tables: Path, split: str, column: str, settings: ValidateStep) -> np.ndarray:
    data = settings.data
    reader = SplitReader(tables, split, data, also=(column,) if column in data.columns.keep else ())
    parts = [joined(batch, data) if column == "tokens" else batch[column] for batch in reader.batches()]
    return np.concatenate([np.zeros(0, object), *(part.to_numpy(zero_copy_only=False) for part in parts)])

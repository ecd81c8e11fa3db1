"""Expectations of a JSON suite in the repository: each replaces the generated one of its name, or is added.

`meta.check` is the name, `meta.batch` the batch (train, validation, test, "across splits"; without it every split),
`meta.severity` error or warn. `kwargs.column` names a measured column (see Split in measures.py), a role of the task
(text, text_pair; tokens joined by spaces), or one of data.columns.keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.registry import get_expectation_impl

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import SPLITS, SuiteExpectation, ValidateStep
from components.base.tables import SplitReader
from components.validate.rules import Batch, Rule
from components.validate.shared_rules import ACROSS
from components.validate.texts import joined

TEXTS = ("text", "text_pair", "tokens")
ROW_BY_ROW = "expect_column_values_"


def with_own(batches: Sequence[Batch], tables: Path, settings: ValidateStep) -> list[Batch]:
    """The batches with the suite's expectations; those on texts stand in batches of their own, of which no docs are
    made unless limits.show_texts.

    Raises TextgateError naming an expectation that Great Expectations does not know or whose arguments it refuses.
    """
    changed = {batch.name: batch for batch in batches}
    for place, own in enumerate(settings.suite):
        where = f"expectation {place + 1} ({own.type}) of {settings.limits.suite or 'the suite'}"
        wanted = own.meta.get("batch")
        if wanted is not None and wanted not in (*SPLITS, ACROSS, *changed):
            raise TextgateError(f"{where}: meta.batch is {wanted!r}; it is one of {', '.join((*SPLITS, ACROSS))}")
        for name in [wanted] if wanted else [name for name in SPLITS if name in changed]:
            batch = changed.get(name)
            if batch is None or not len(batch.rows):
                continue
            rule = _rule(own, where, settings)
            column = own.kwargs.get("column")
            if column in batch.rows or column is None:
                changed[name] = _placed(batch, rule)
            else:
                private = _private(changed, batch, str(column), tables, settings, where)
                changed[private.name] = _placed(private, rule)
    return list(changed.values())


def write_generated(batches: Sequence[Batch], path: Path) -> None:
    """The generated expectations as a JSON suite for editing, each with its check, batch and severity."""
    suite = gx.ExpectationSuite(name="textgate")
    for batch in batches:
        for rule in batch.rules:
            expectation = rule.expectation.model_copy() if hasattr(rule.expectation, "model_copy") else rule.expectation
            expectation.meta = {"check": rule.name, "batch": batch.name, "severity": rule.severity}
            suite.add_expectation(expectation)
    content = suite.to_json_dict()
    kept = [{key: item[key] for key in ("type", "kwargs", "meta")} for item in content["expectations"]]
    write_json(path, {"name": "textgate", "expectations": kept})


def _rule(own: SuiteExpectation, where: str, settings: ValidateStep) -> Rule:
    severity = own.meta.get("severity", "error")
    if severity not in ("error", "warn"):
        raise TextgateError(f"{where}: meta.severity is {severity!r}; it is error or warn")
    if own.kwargs.get("column") in TEXTS and not own.type.startswith(ROW_BY_ROW) and not settings.limits.show_texts:
        raise TextgateError(
            f"{where} would show texts; of a text column only {ROW_BY_ROW}... are run, unless validation.show_texts"
        )
    try:
        expectation = get_expectation_impl(own.type)(**own.kwargs)
    except Exception as error:  # the registry and pydantic v1 raise errors of their own
        raise TextgateError(f"{where} is refused by Great Expectations: {' '.join(str(error).split())}") from None
    shown = {key: value for key, value in own.kwargs.items() if key != "column"}
    on = f" of {own.kwargs['column']}" if "column" in own.kwargs else ""
    check = str(own.meta.get("check") or f"{own.type}{on}")
    return Rule(check, severity, f"{own.type}{on} {shown or ''}".strip(), expectation)


def _placed(batch: Batch, rule: Rule) -> Batch:
    """Where the rule says the same as a generated one, that one stays, with all that it can tell."""
    before = next((known for known in batch.rules if known.name == rule.name), None)
    if before is None:
        return replace(batch, rules=[*batch.rules, rule])
    if _said(before) == _said(rule):
        rule = replace(before, severity=rule.severity)
    return replace(batch, rules=[rule if known is before else known for known in batch.rules])


def _said(rule: Rule) -> tuple[str, Any]:
    configuration = rule.expectation.configuration
    return configuration.type, configuration.kwargs


def _private(
    batches: dict[str, Batch], batch: Batch, column: str, tables: Path, settings: ValidateStep, where: str
) -> Batch:
    kept = settings.data.columns.keep
    if batch.name not in SPLITS or (column not in kept and column not in settings.data.roles):
        known = [*batch.rows.columns, *(role for role in TEXTS if role in settings.data.roles), *kept]
        raise TextgateError(f"{where}: {batch.name} has no column {column!r}; it has {', '.join(known)}")
    name = f"{batch.name} texts"
    before = batches.get(name) or Batch(name, batch.rows[["row"]], [], private=not settings.limits.show_texts)
    if column in before.rows:
        return before
    reader = SplitReader(tables, batch.name, settings.data, also=(column,) if column in kept else ())
    values: list[Any] = []
    for part in reader.batches():
        values += (joined(part, settings.data) if column == "tokens" else part[column]).to_pylist()
    return replace(before, rows=before.rows.assign(**{column: pd.Series(values, dtype=object)}))

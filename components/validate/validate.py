"""Checks the tables against the config's limits and reports what is wrong in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.base.files import new_folder, write_json
from components.base.settings import SPLITS, ValidateStep
from components.validate.measures import measure_split, profile
from components.validate.rules import Batch, Rule, batches
from components.validate.suite import Passed, run_suites


def validate(tables: Path, settings: ValidateStep, report: Path) -> bool:
    """Writes validation.json and data_docs/ into `report`; True when every check passed.

    Bad data, an absent or unreadable file included, is a verdict with its reasons, never an exception. Neither the
    report nor the docs hold texts: rows are named by id, texts are measured.
    """
    splits = [measure_split(tables, split, settings) for split in SPLITS]
    with new_folder(report) as folder:
        checked = batches(splits, settings)
        passed = run_suites(checked, folder / "data_docs")
        failures = _failures(checked, passed)
        verdict = {
            "passed": not failures,
            "failures": failures,
            "checks": [_check(batch, rule, passed) for batch in checked for rule in batch.rules],
            "profile": {split.name: profile(split, settings.data.labels) for split in splits},
        }
        write_json(folder / "validation.json", verdict)
    return not failures


def _check(batch: Batch, rule: Rule, passed: Passed) -> dict[str, Any]:
    return {
        "check": f"{batch.name}: {rule.check}",
        "passed": passed[batch.name, rule.check],
        "observed": rule.observe(batch.rows),
        "expected": rule.expected,
    }


def _failures(checked: list[Batch], passed: Passed) -> list[str]:
    """One line for each failed check; a split that cannot be read fails several for one reason."""
    lines = [
        f"{batch.name}: {rule.explain(batch.rows)}"
        for batch in checked
        for rule in batch.rules
        if not passed[batch.name, rule.check]
    ]
    return list(dict.fromkeys(lines))

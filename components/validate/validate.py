"""Checks the tables against the config's limits and reports what is wrong in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.base.files import new_folder, read_json, write_json
from components.base.settings import SPLITS, ValidateStep
from components.validate.across import EVALUATION, across_splits, near_pairs, with_copies, with_near
from components.validate.drift import Drift, compare
from components.validate.languages import UNSURE, Languages, check_codes, find_languages
from components.validate.measures import Split, measure_split, profile
from components.validate.near import NearPair
from components.validate.own_suite import with_own, write_generated
from components.validate.profile import build_profile
from components.validate.report import failures, worst_rows
from components.validate.rules import Batch
from components.validate.shared_rules import across_batch, champion_batch
from components.validate.split_rules import split_batches
from components.validate.suite import Outcomes, run_suites


def validate(
    tables: Path,
    settings: ValidateStep,
    report: Path,
    base_model: Path | None = None,
    reference: Path | None = None,
) -> bool:
    """Writes validation.json, profile.json and data_docs/ into `report`; True when no rule of severity error broke.

    `base_model` has the tokenizer for the share of unknown tokens, `reference` is the profile.json of the champion's
    data. Bad data, an absent or unreadable file included, is a verdict with its reasons, never an exception. Neither
    the report nor the docs hold texts, unless limits.show_texts: rows are named by id, texts are measured. Raises
    TextgateError where the settings ask for what cannot be: an unknown language, an expectation that cannot be run.
    """
    check_codes(settings.limits.languages)
    splits = [measure_split(tables, split, settings) for split in SPLITS]
    readable = [split for split in splits if not split.problem and len(split.rows)]
    languages = _languages(tables, settings, readable)
    described = _profile(tables, settings, base_model, readable)
    drifts = _drift(described, reference, settings)
    pairs = near_pairs(tables, settings, splits)
    batches = with_own(batches_of(splits, languages, pairs, drifts, settings), tables, settings)
    with new_folder(report) as folder:
        outcomes = run_suites(batches, folder / "data_docs")
        errors, warnings = failures(batches, outcomes)
        content = {
            "passed": not errors,
            "failures": errors,
            "warnings": warnings,
            "checks": _checks(batches, outcomes),
            "worst": worst_rows(batches, outcomes, tables, settings),
            "profile": {split.name: profile(split, settings.data.labels) for split in splits},
            "languages": {name: found.report() for name, found in languages.items()},
            "drift": [drift._asdict() for drift in drifts],
        }
        write_json(folder / "validation.json", content)
        write_json(folder / "profile.json", described)
    return not errors


def write_suite(tables: Path, settings: ValidateStep, path: Path) -> None:
    """The generated suite of these tables and limits as JSON for editing; validation.suite takes it."""
    splits = [measure_split(tables, split, settings) for split in SPLITS]
    readable = [split for split in splits if not split.problem and len(split.rows)]
    languages = _languages(tables, settings, readable)
    write_generated(batches_of(splits, languages, [], [], settings), path)


def batches_of(
    splits: Sequence[Split],
    languages: dict[str, Languages],
    pairs: Sequence[NearPair],
    drifts: Sequence[Drift],
    settings: ValidateStep,
) -> list[Batch]:
    """What is measured, with the generated rules on it."""
    limits = settings.limits
    batches = []
    for split in splits:
        whole = split
        if not split.problem and len(split.rows):
            if limits.severity("duplicates") != "off":
                whole = with_copies(whole)
            if split.name in EVALUATION and limits.severity("near_leakage") != "off":
                whole = with_near(whole, pairs, splits)
            if split.name in languages and limits.languages:
                whole = whole.with_column("other_language", _other(languages[split.name], len(split.rows), settings))
        batches += split_batches(whole, settings)
    readable = [split for split in splits if len(split.keys)]
    if readable:
        batches.append(across_batch(across_splits(readable), settings))
    known = [drift for drift in drifts if drift.effect is not None and limits.severity(drift.rule) != "off"]
    return [*batches, champion_batch(known, settings)] if known else batches


def _languages(tables: Path, settings: ValidateStep, readable: Sequence[Split]) -> dict[str, Languages]:
    if settings.limits.severity("languages") == "off":
        return {}
    return {split.name: find_languages(tables, split.name, settings.data) for split in readable}


def _other(found: Languages, rows: int, settings: ValidateStep) -> np.ndarray:
    """1 where a sampled text is surely in another language than the config's, 0 where in one of them, else null."""
    column = np.full(rows, np.nan)
    known = np.array([np.nan if code == UNSURE else code not in settings.limits.languages for code in found.codes])
    column[found.places] = known.astype(float)
    return column


def _profile(
    tables: Path, settings: ValidateStep, base_model: Path | None, readable: Sequence[Split]
) -> dict[str, Any]:
    if not any(split.name == "train" for split in readable):
        return {}
    described: dict[str, Any] = build_profile(tables, settings.data, base_model)
    return described


def _drift(described: dict[str, Any], reference: Path | None, settings: ValidateStep) -> list[Drift]:
    if reference is None or not described:
        return []
    return compare(read_json(reference), described, settings.limits.drift)


def _checks(batches: Sequence[Batch], outcomes: Outcomes) -> list[dict[str, Any]]:
    checks = []
    for batch in batches:
        for rule in batch.rules:
            outcome = outcomes[batch.name, rule.name]
            observed = rule.observe(batch.rows) if rule.observe else outcome.unexpected
            checks.append(
                {
                    "check": f"{batch.name}: {rule.name}",
                    "severity": rule.severity,
                    "passed": outcome.passed,
                    "observed": outcome.observed if observed is None else observed,
                    "expected": rule.expected,
                }
            )
    return checks

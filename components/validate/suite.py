"""Great Expectations: runs the rules and renders Data Docs, without telemetry, progress bars or chatter."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from components.base.errors import TextgateError
from components.validate.rules import WORST, Batch, Rule

SITE = "data_docs"


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations found; `rows` names the first rows that are unexpected, where it goes row by row."""

    passed: bool
    unexpected: int | None
    observed: float | None
    rows: list[dict[str, str]]


Outcomes = dict[tuple[str, str], Outcome]


def run_suites(batches: list[Batch], site: Path) -> Outcomes:
    """Writes Data Docs into `site`; gives what became of each check, by batch and name.

    Raises TextgateError for an expectation of the JSON suite that cannot be run.
    """
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    shown = gx.get_context(mode="ephemeral", project_config=_project(site))
    unseen = gx.get_context(mode="ephemeral", project_config=_project(site))
    outcomes: Outcomes = {}
    for batch in batches:
        if not batch.rules:
            continue
        rules = {rule.name: rule for rule in batch.rules}
        for check in _results(unseen if batch.private else shown, batch):
            rule = rules[check.expectation_config.meta["check"]]
            outcomes[batch.name, rule.name] = _outcome(check, batch, rule)
    shown.build_data_docs(site_names=[SITE])
    _drop_unseen_images(site)
    return outcomes


def _drop_unseen_images(site: Path) -> None:
    """Those of Great Expectations' tutorial, which no page shows: most of the site's size."""
    for image in (site / "static" / "images").glob("*"):
        if image.name != "favicon.ico":
            image.unlink()


def _results(context: Any, batch: Batch) -> list[Any]:
    """Of each expectation; they stay in the context, which makes the docs of them."""
    suite = gx.ExpectationSuite(name=batch.name)
    for rule in batch.rules:
        rule.expectation.meta = {"check": rule.name}
        rule.expectation.description = rule.description(batch.rows)
        suite.add_expectation(rule.expectation)
    asset = context.data_sources.add_pandas(batch.name).add_dataframe_asset(batch.name)
    whole = asset.add_batch_definition_whole_dataframe("all rows")
    validation = gx.ValidationDefinition(name=batch.name, data=whole, suite=context.suites.add(suite))
    found = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": batch.shown},
        run_id=RunIdentifier(run_name=batch.name),
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": batch.row_names,
            "partial_unexpected_count": WORST,
        },
    )
    results: list[Any] = found.results
    return results


def _project(site: Path) -> DataContextConfig:
    docs = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {"expectations": "none", "profiling": "none"},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={SITE: docs},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _outcome(check: Any, batch: Batch, rule: Rule) -> Outcome:
    """Raises RuntimeError for a generated rule that could not be evaluated: a fault of the rules, not of the data."""
    if "'raised_exception': True" in str(check.exception_info):
        said = (
            _said(check.exception_info)
            if not batch.private
            else "what it says may show texts; see validation.show_texts"
        )
        if rule.explain is None:
            raise TextgateError(f"{rule.name} of validation.suite cannot be run on {batch.name}: {said}")
        raise RuntimeError(f"the check {rule.name!r} could not be run: {check.exception_info}")
    result = check.result or {}
    observed = result.get("observed_value")
    places = result.get("partial_unexpected_index_list") or []
    return Outcome(
        bool(check.success),
        result.get("unexpected_count"),
        float(observed) if isinstance(observed, int | float) else None,
        [{name: str(place[name]) for name in batch.row_names if name in place} for place in places],
    )


def _said(information: dict[str, Any]) -> str:
    """The message out of what Great Expectations wraps exceptions in."""
    levels = [information, *(value for value in information.values() if isinstance(value, dict))]
    messages = [level["exception_message"] for level in levels if level.get("exception_message")]
    return " ".join(str(messages[0] if messages else information).split())[:300]

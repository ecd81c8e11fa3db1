"""Great Expectations: runs the rules and renders Data Docs, without telemetry, progress bars or chatter."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.checkpoint import UpdateDataDocsAction
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from components.validate.rules import Batch

SITE = "data_docs"

Passed = dict[tuple[str, str], bool]


def run_suites(batches: list[Batch], site: Path) -> Passed:
    """Writes Data Docs into `site`; gives whether each check passed, by batch and check."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral", project_config=_project(site))
    source = context.data_sources.add_pandas("tables")
    passed: Passed = {}
    for batch in batches:
        result = _checkpoint(context, source, batch).run(
            batch_parameters={"dataframe": batch.shown}, run_id=RunIdentifier(run_name=batch.name)
        )
        (validation,) = result.run_results.values()
        for check in validation.results:
            passed[batch.name, _name(check)] = bool(check.success)
    return passed


def _checkpoint(context: Any, source: Any, batch: Batch) -> gx.Checkpoint:
    suite = gx.ExpectationSuite(name=batch.name)
    for rule in batch.rules:
        rule.expectation.meta = {"check": rule.check}
        rule.expectation.description = rule.description(batch.rows)
        suite.add_expectation(rule.expectation)
    whole = source.add_dataframe_asset(batch.name).add_batch_definition_whole_dataframe("all rows")
    validation = gx.ValidationDefinition(name=batch.name, data=whole, suite=context.suites.add(suite))
    checkpoint = gx.Checkpoint(
        name=batch.name,
        validation_definitions=[context.validation_definitions.add(validation)],
        actions=[UpdateDataDocsAction(name="docs", site_names=[SITE])],
        result_format={"result_format": "SUMMARY", "unexpected_index_column_names": batch.row_names},
    )
    return context.checkpoints.add(checkpoint)


def _project(site: Path) -> DataContextConfig:
    docs = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={SITE: docs},
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _name(check: Any) -> str:
    """Raises RuntimeError for a rule that could not be evaluated: a fault of the suite, not of the data."""
    name: str = check.expectation_config.meta["check"]
    if "'raised_exception': True" in str(check.exception_info):
        raise RuntimeError(f"the check {name!r} could not be run: {check.exception_info}")
    return name

"""The validate step on a folder of tables, outside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.base import base_models
from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings import Settings, ValidateStep, from_json, read_suite, step_sections
from components.validate.reference import champion_profile
from components.validate.validate import validate, write_suite


def check(
    settings: Settings, tables: Path, report: Path, drift: bool, suite: Path | None
) -> tuple[dict[str, Any], str]:
    """Gives what validation.json holds, and why nothing is compared where `drift` was asked for in vain; with `suite`,
    writes the generated suite there as well.

    With `drift` the reference is the data of the promotion log's champion. Raises TextgateError where the log or
    MLflow cannot be read, or MLflow does not have the champion.
    """
    step = from_json(ValidateStep, step_sections(settings, read_suite(settings), {})["validate"])
    if suite:
        write_suite(tables, step, suite)
    reference, remark = _champion(settings) if drift else (None, "")
    validate(tables, step, report, _base_model(settings), reference)
    return read_json(report / "validation.json"), remark


def _base_model(settings: Settings) -> Path | None:
    """None where it is not on this machine: the share of unknown tokens is not measured then."""
    try:
        return base_models.locate(settings.base_model.reference)
    except TextgateError:
        return None


def _champion(settings: Settings) -> tuple[Path | None, str]:
    from components.base.promotion_log import open_log
    from components.base.settings import RunStep

    head = open_log(from_json(RunStep, step_sections(settings, [], {})["run"])).head()
    if head is None:
        return None, f"{settings.name} has no champion yet whose data to compare with"
    profile = champion_profile(settings.name, head.version, head.bundle_digest)
    if profile is None:
        return None, f"champion version {head.version} of {settings.name} has no profile of its data"
    return profile, ""

"""Verdicts of runs, wherever these ran, and verdicts made of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings import load_rules, read_bench
from components.gate.evidence import read
from components.gate.rules import verdict
from pipelines.local.folder import find_run

TRACKED = "verdict/verdict.json"


def find_verdict(run: str) -> dict[str, Any]:
    """verdict.json of a run of this machine, or of an MLflow run by its id or its job's.

    Raises TextgateError where there is no such run, or it ended before the gate.
    """
    try:
        local = find_run(run)
    except TextgateError as error:
        return _tracked(run, str(error))
    found: dict[str, Any] | None = local.report("gate", "verdict", "verdict.json")
    if found is None:
        raise TextgateError(
            f"the run {run} ended before the gate ({local.outcome or local.state}), and has no verdict; see"
            f" {local.folder / 'log.txt'}"
        )
    return found


def check_files(
    evaluation: Path, rules: Path, timing: Path | None, validation: Path | None, bench: Path | None = None
) -> dict[str, Any]:
    """The verdict on an evaluation.json, or the folder that holds it, by the rules of a config or of a file of rules.

    timing.json and validation.json are looked for beside it where they are not named, `bench` goes before the one that
    the rules name. Raises TextgateError naming the file and what is wrong in it.
    """
    file = evaluation / "evaluation.json" if evaluation.is_dir() else evaluation
    content = read_json(file)
    task = read(content, None, None).evaluation.task
    timed, validated = _beside(file, timing, "timing"), _beside(file, validation, "validation")
    settings = load_rules(rules, task)
    if bench:
        settings = settings.model_copy(update={"bench": str(bench)})
    return verdict(content, timed, validated, settings, read_bench(settings))


def _tracked(run: str, unknown: str) -> dict[str, Any]:
    from components.base import tracking
    from components.base.mlflow_client import shown_uri

    run_id = tracking.find_anywhere(run)
    if run_id is None:
        raise TextgateError(f"{unknown}; nor does MLflow at {shown_uri()} know a run of this id or job")
    content = tracking.read_file(run_id, TRACKED)
    if content is None:
        raise TextgateError(f"the run {run} in MLflow at {shown_uri()} has no {TRACKED}: it ended before the gate")
    found: dict[str, Any] = json.loads(content)
    return found


def _beside(evaluation: Path, named: Path | None, name: str) -> Any:
    """The content of the file that is named, or that lies where a run or MLflow puts it; None where there is none."""
    if named is not None:
        return read_json(named / f"{name}.json" if named.is_dir() else named)
    folder = evaluation.resolve().parent
    step = folder.parent.parent / "validate" / "report"
    places = (folder / f"{name}.json", folder.parent / name / f"{name}.json", step / f"{name}.json")
    return next((read_json(place) for place in places if place.is_file()), None)

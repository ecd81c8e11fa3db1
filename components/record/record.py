"""The step: the MLflow run shows what the reports say. A step that was cached logs nothing, so all is logged here."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from components.base import tracking
from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings import RunStep
from components.record import reports
from components.record.digests import digest_tags
from components.record.reports import Contents

OUTCOMES = ("refused-by-validation", "refused-by-gate", "unchanged", "refused-by-canary", "registered", "reproduced")
READERS: dict[str, Callable[[Path], Contents]] = {
    "validation": reports.validation,
    "encoded": reports.encoded,
    "checkpoint": reports.training,
    "quantization": reports.quantization,
    "evaluation": reports.evaluation,
    "timing": reports.timing,
    "verdict": reports.verdict,
    "canary": reports.canary,
}
LIBRARIES = (
    "great-expectations", "keras", "keras-hub", "kfp", "mlflow", "numpy", "onnx", "onnxruntime", "scikit-learn",
    "scipy", "tensorflow", "tokenizers", "transformers",
)  # fmt: skip


def record(run: RunStep, job_id: str, outcome: str, folders: Mapping[str, Path | None]) -> str:
    """Fills the job's run from the report folders (keys as in READERS); those of steps that were not reached are None.

    Gives the outcome: where the gate let nothing pass because the champion is this very bundle, it is `unchanged`, and
    of a reproduction `reproduced`.

    Doing it again changes nothing. The outcome is written last: a run that has it is recorded whole. Raises
    TextgateError for an unknown outcome, a report that is not there, or a job without a run.
    """
    if outcome not in OUTCOMES:
        raise TextgateError(f"record knows no outcome {outcome!r}; it knows {', '.join(OUTCOMES)}")
    run_id = tracking.the_run(run.name, job_id)
    there = {name: folder for name, folder in folders.items() if folder is not None}
    if outcome == "refused-by-gate":
        unchanged = read_json(there["verdict"] / "verdict.json")["outcome"] == "unchanged"
        outcome = "reproduced" if run.like else "unchanged" if unchanged else outcome
    contents = [READERS[name](folder) for name, folder in there.items()]
    tags = {"textgate.outcome": outcome, "textgate.summary": _summary(outcome, there)}
    data_md5 = tracking.run_tags(run_id).get("textgate.data_md5", "")
    for part in [Contents(params=_versions(), tags=digest_tags(data_md5, there)), *contents]:
        tracking.log(run_id, params=part.params, metrics=part.metrics, tags=part.tags)
        tracking.log_files(run_id, part.files)
    if data_md5 and "validation" in there:
        profile = read_json(there["validation"] / "validation.json")["profile"]
        tracking.log_dataset(run_id, run.name, data_md5, profile)
    tracking.log(run_id, tags=tags)
    return outcome


def _summary(outcome: str, folders: Mapping[str, Path]) -> str:
    if outcome == "refused-by-validation":
        return "; ".join(read_json(folders["validation"] / "validation.json")["failures"])
    if outcome == "refused-by-canary":
        checks = read_json(folders["canary"] / "canary.json")["checks"]
        failed = [check for check in checks if not check["passed"]]
        return "; ".join(f"{check['check']}: {check['observed']}, expected {check['expected']}" for check in failed)
    return str(read_json(folders["verdict"] / "verdict.json")["summary"]) if "verdict" in folders else ""


def _versions() -> dict[str, str]:
    """Of Python, and of the libraries that are installed where this step runs."""
    versions = {"versions.python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[f"versions.{library}"] = version(library)
        except PackageNotFoundError:
            continue
    return versions

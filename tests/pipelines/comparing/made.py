"""Runs in MLflow as the pipeline leaves them, for `textgate diff`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base import tracking
from components.base.files import write_json
from pipelines.lineage.recorded import RecordedRun, find
from tests.evaluations import make_evaluation

LABELS = ["bad", "good", "plain"]
MD5 = "0123456789abcdef0123456789abcdef.dir"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "data": {"version": "data.dvc", "labels": LABELS},
    "base_model": {"reference": "base_model"},
    "training": {"seed": 1, "epochs": 2},
}
# Id, right answer, prediction.
Rows = list[tuple[str, Any, Any]]


def answers(rows: Rows, column: str = "label", probabilities: list[Any] | None = None) -> pa.Table:
    """predictions.parquet; without probabilities as a textgate wrote it that stored none."""
    ids, labels, predicted = zip(*rows, strict=True)
    columns: dict[str, Any] = {"id": list(ids), column: list(labels), "predicted": list(predicted)}
    if probabilities is not None:
        kind = pa.list_(pa.float32())
        columns["probabilities"] = pa.array(probabilities, pa.list_(kind) if column == "tags" else kind)
    return pa.table(columns)


def record(
    job: str,
    predictions: pa.Table | None = None,
    evaluation: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] = SETTINGS,
    diff: bytes = b"",
    params: Mapping[str, Any] | None = None,
    **tags: str,
) -> RecordedRun:
    """A run of this job; `evaluation` changes make_evaluation's, and is None where there was none."""
    known = {"data_md5": MD5, "git_commit": COMMIT, "run_name": f"tiny-{job}", "outcome": "registered", **tags}
    run_id = tracking.open_run("tiny", job, {f"textgate.{key}": value for key, value in known.items()})
    tracking.log(run_id, params=params or {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_json(folder / "lineage/settings.json", settings)
        if diff:
            (folder / "lineage/code.diff").write_bytes(diff)
        if evaluation is not None:
            write_json(folder / "evaluation/evaluation.json", make_evaluation(**{"labels": LABELS, **evaluation}))
        if predictions is not None:
            (folder / "evaluation").mkdir(exist_ok=True)
            pq.write_table(predictions, folder / "evaluation/predictions.parquet")
        tracking.log_files(run_id, {part.name: part for part in folder.iterdir()})
    return find(job)

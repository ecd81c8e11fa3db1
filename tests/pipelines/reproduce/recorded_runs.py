"""Runs as the steps record them in MLflow, without the steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base import tracking
from components.base.files import write_json
from components.base.settings import load
from pipelines.compile import pipeline_arguments
from pipelines.lineage.recorded import RecordedRun, find

DIGESTS = {stage: stage * 8 for stage in ("data", "encoded", "weights", "bundle", "predictions", "metrics", "verdict")}
PARAMS = {
    "training.threads": "2",
    "training.batch_size": "16",
    "timing.processor": "EPYC",
    "quantization.chosen": "int8",
}
PARAMS |= {"timing.cores": "2", "versions.keras": "3.15.1"}
SHARES = {"a": [0.75, 0.25], "b": [0.25, 0.75]}


def record_run(
    project: Path,
    name: str,
    *settings: str,
    digests: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    shares: dict[str, list[float]] | None = None,
    **tags: str,
) -> RecordedRun:
    """Of tiny.yaml in `project` with these `settings`; what is named differs from DIGESTS, PARAMS and SHARES."""
    config = load(project / "tiny.yaml", list(settings))
    (project / "pipeline.yaml").write_text("compiled")
    parameters = pipeline_arguments(config, name, project / "pipeline.yaml")
    arguments = {key: value for key, value in parameters.items() if not key.startswith("lineage")}
    pinned = {
        "data_md5": arguments["data_md5"],
        "base_model": config.base_model.reference,
        "base_model_digest": "b" * 64,
    }
    stages = {f"digest.{stage}": digest for stage, digest in (DIGESTS | (digests or {})).items() if digest}
    tagged = {"run_name": name, "git_commit": "c" * 40, "processor": "EPYC", **pinned, **stages, **tags}
    run_id = tracking.open_run("tiny", f"job-{name}", {f"textgate.{key}": value for key, value in tagged.items()})
    tracking.log(run_id, params=PARAMS | (params or {}))
    folder = project / "recorded" / name
    write_json(folder / "lineage" / "settings.json", config.model_dump())
    write_json(folder / "lineage" / "arguments.json", arguments)
    (folder / "lineage" / "data.dvc").write_text((project / "data.dvc").read_text())
    (folder / "lineage" / "pipeline.yaml").write_text("compiled")
    (folder / "evaluation").mkdir()
    pq.write_table(predictions(SHARES | (shares or {})), folder / "evaluation" / "predictions.parquet")
    tracking.log_files(run_id, {part.name: part for part in folder.iterdir()})
    return find(run_id)


def predictions(shares: dict[str, Any], labels: tuple[str, ...] = ("bad", "good")) -> pa.Table:
    predicted = [labels[row.index(max(row))] for row in shares.values()]
    columns = {"id": list(shares), "label": ["bad"] * len(shares), "predicted": predicted}
    probabilities = pa.array(list(shares.values()), pa.list_(pa.float32()))
    return pa.table({**columns, "probabilities": probabilities})

"""Runs of the real pipeline as their folders or MLflow keep them, without the steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.base import tracking
from components.base.files import write_json
from components.base.settings import load
from pipelines.caching.explain import explain
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.lineage.recorded import RecordedRun
from pipelines.local.folder import Run, Step, new_run, take_over
from tests.pipelines.reproduce.recorded_runs import record_run

ACTING = ("resolve", "gate", "register", "canary", "record", "promote", "deploy", "close")
CACHED = ("fetch", "validate", "tokenize", "finetune", "quantize", "evaluate")
REFUSED = ["resolve", *CACHED, "gate", "record", "close"]
PINS = {"data_md5": "0" * 32 + ".dir", "base_model": "base", "base_model_digest": "b" * 64}
PINS |= {"champion_version": "", "champion_digest": "", "champion_data": ""}
compiled: dict[str, str] = {}


def pipeline_of(project: Path) -> str:
    """Compiled once: it takes seconds."""
    if not compiled:
        compile_pipeline(load(project / "tiny.yaml"), project / "compiled.yaml")
        compiled["text"] = (project / "compiled.yaml").read_text()
    return compiled["text"]


def leave(
    project: Path,
    name: str,
    *settings: str,
    reuse: Run | None = None,
    first: str = "",
    reused: Sequence[str] = (),
    steps: Sequence[str] = REFUSED,
    failed: str = "",
    pipeline: str = "",
    **pins: str,
) -> Run:
    """A run's folder as `textgate run` leaves it: `reused` are taken from a cache, `failed` is the last."""
    config = load(project / "tiny.yaml", list(settings))
    run = new_run(config, name=name)
    if reuse:
        take_over(reuse, run, first)
    file = run.folder / "pipeline.yaml"
    file.write_text(pipeline or pipeline_of(project))
    write_json(run.folder / "arguments.json", pipeline_arguments(config, name, file))
    for step in steps:
        key = f"{step}-{name}"
        if step in reused:
            run.steps.append(Step(step, "reused", key=key))
            continue
        run.steps.append(Step(step, "failed" if step == failed else "done"))
        _made(run, step, key, {**PINS, **pins})
    run.started = f"2026-01-02T03:04:{len(list(run.folder.parent.iterdir())):02}+00:00"
    run.save()
    return run


def _made(run: Run, step: str, key: str, pins: dict[str, str]) -> None:
    """What kfp's runner writes of a task."""
    folder = run.folder / "tasks" / "x" / step
    (folder / "report").mkdir(parents=True)
    write_json(folder / "executor_output.json", {"parameterValues": pins if step == "resolve" else {}})
    if step in CACHED:
        artifact = {"__kfp_artifact__": True, "uri": str(folder / "report"), "name": "report"}
        (run.folder / "cache" / f"{key}.json").write_text(json.dumps({"report": artifact}))


def recorded(project: Path, name: str, *settings: str, pipeline: str = "", **tags: str) -> RecordedRun:
    found = record_run(project, name, *settings, **{"model": "tiny", "outcome": "refused-by-gate", **PINS, **tags})
    file = project / "pipeline.yaml"
    file.write_text(pipeline or pipeline_of(project))
    tracking.log_files(found.run_id, {"lineage/pipeline.yaml": file})
    return found


def explained(reference: str, states: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    return {step["step"]: step for step in explain(reference, states)["steps"]}


def changed(step: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    return [(one["kind"], one["what"], one["old"], one["new"]) for one in step["changes"]]

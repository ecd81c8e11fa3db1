"""What there is to tell of a run that ended: its outcome, the verdict, what failed, its scores, and where to look."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from components.base import tracking
from components.base.errors import TextgateError
from components.base.mlflow_client import is_server, shown_uri
from components.base.settings import NotifyStep

SCORES = ("accuracy", "macro_f1", "micro_f1")


def gather(step: NotifyStep, name: str, job_id: str, state: str, run_id: str | None) -> dict[str, Any]:
    """The facts as the webhook gets them as JSON; `run_id` is MLflow's, None where it has no run of the job.

    What MLflow does not tell is empty.
    """
    run = _read(run_id)
    tag = {key.removeprefix("textgate."): value for key, value in run.tags.items()}
    return {
        "model": name,
        "run": tag.get("run_name") or job_id,
        "job_id": job_id,
        "outcome": outcome(state, tag.get("outcome", "")),
        "verdict": tag.get("outcome", ""),
        "summary": tag.get("summary", ""),
        "version": tag.get("version", ""),
        "failed_step": tag.get("failed_step", ""),
        "failure": tag.get("failure", ""),
        "metrics": {key: run.metrics[f"test/{key}"] for key in SCORES if f"test/{key}" in run.metrics},
        "links": _links(step, run, run_id, job_id),
    }


def outcome(state: str, verdict: str) -> str:
    """Of the pipeline's final state, and of what the step record gave."""
    if state == "SUCCEEDED":
        return "refused" if verdict.startswith("refused") else "succeeded"
    return "canceled" if state in ("CANCELED", "CANCELLED") else "failed"


def _read(run_id: str | None) -> tracking.Tracked:
    try:
        if run_id:
            return tracking.read_run(run_id)
    except TextgateError as error:
        print(f"the notification says nothing of the verdict: {error}", flush=True)
    return tracking.Tracked("", "", {}, {}, {})


def _links(step: NotifyStep, run: tracking.Tracked, run_id: str | None, job_id: str) -> dict[str, str]:
    """Only pages that a browser can open: MLflow's where a server keeps the run, Kubeflow's of a run in a cluster."""
    links = {}
    mlflow = step.mlflow or (shown_uri() if is_server() else "")
    if mlflow and run_id and run.experiment_id:
        links["mlflow"] = f"{mlflow.rstrip('/')}/#/experiments/{run.experiment_id}/runs/{run_id}"
    if step.kubeflow and os.environ.get("KUBERNETES_SERVICE_HOST"):
        links["kubeflow"] = f"{step.kubeflow.rstrip('/')}/#/runs/details/{quote(job_id)}"
    return links

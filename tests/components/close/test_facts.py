"""What is told of a run, as MLflow has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.base import tracking
from components.base.settings import NotifyStep
from components.base.tracking import Point
from components.close.facts import gather, outcome

STEP = NotifyStep(kind="json", kubeflow="https://kf.example/pipeline/")


def facts(step: NotifyStep = STEP, state: str = "SUCCEEDED", **tags: str) -> dict[str, Any]:
    run_id = tracking.open_run("tiny", "job-1", {f"textgate.{key}": value for key, value in tags.items()})
    tracking.log(run_id, metrics=[Point("test/accuracy", 0.75), Point("test/macro_f1", 0.5), Point("test/rows", 9)])
    return gather(step, "tiny", "job-1", state, run_id)


@pytest.mark.parametrize(
    ("state", "verdict", "expected"),
    [
        ("SUCCEEDED", "registered", "succeeded"),
        ("SUCCEEDED", "unchanged", "succeeded"),
        ("SUCCEEDED", "refused-by-validation", "refused"),
        ("SUCCEEDED", "refused-by-gate", "refused"),
        ("SUCCEEDED", "refused-by-canary", "refused"),
        ("FAILED", "registered", "failed"),
        ("CANCELED", "", "canceled"),
        ("CANCELLED", "", "canceled"),
        ("ERROR", "", "failed"),
    ],
)
def test_the_outcome_is_of_state_and_verdict(state: str, verdict: str, expected: str) -> None:
    assert outcome(state, verdict) == expected


def test_what_was_recorded_is_told(workspace: Path) -> None:
    found = facts(outcome="registered", summary="all rules hold", version="7", run_name="tiny-folder")
    assert found == {
        "model": "tiny",
        "run": "tiny-folder",
        "job_id": "job-1",
        "outcome": "succeeded",
        "verdict": "registered",
        "summary": "all rules hold",
        "version": "7",
        "failed_step": "",
        "failure": "",
        "metrics": {"accuracy": 0.75, "macro_f1": 0.5},
        "links": {},
    }, "no page shows the SQLite file, and no Kubeflow a run of this machine"


def test_links_lead_to_pages(workspace: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    inside = facts()["links"]
    run_id = tracking.the_run("tiny", "job-1")
    page = f"/#/experiments/{tracking.read_run(run_id).experiment_id}/runs/{run_id}"
    assert inside == {
        "mlflow": f"{mlflow_server}{page}",
        "kubeflow": "https://kf.example/pipeline/#/runs/details/job-1",
    }
    assert facts(NotifyStep(mlflow="https://ml.example/"))["links"] == {"mlflow": f"https://ml.example{page}"}


def test_a_run_that_mlflow_cannot_tell_of(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = gather(STEP, "tiny", "job-1", "FAILED", "0" * 32)
    assert (found["outcome"], found["run"], found["verdict"], found["links"]) == ("failed", "job-1", "", {})
    assert "the notification says nothing of the verdict" in capsys.readouterr().out

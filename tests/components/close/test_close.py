from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.base import tracking
from components.base.failures import reported
from components.base.mlflow_client import connect
from components.base.settings import NotifyStep, RunStep
from components.close.close import close
from components.close.component import close as component
from tests.components.close.webhook import webhook

RUN = RunStep(name="tiny")


def closed(job_id: str = "job-1") -> Any:
    run = connect().get_run(tracking.the_run("tiny", job_id))
    tags = {key.removeprefix("textgate."): value for key, value in run.data.tags.items()}
    return run.info.status, tags.get("state"), tags.get("failed_step"), tags.get("failure")


def test_a_run_that_succeeded(workspace: Path) -> None:
    tracking.open_run("tiny", "job-1", {})
    close(RUN, "job-1", "SUCCEEDED", "")
    assert closed() == ("FINISHED", "succeeded", None, None)


def test_a_step_that_failed_says_so_itself(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking.open_run("tiny", "job-1", {})
    monkeypatch.setenv("TEXTGATE_FAILURES", str(tmp_path / "failures"))
    for step in ("finetune", "close"):
        with pytest.raises(SystemExit), reported(step):
            raise OSError("no space left")
    close(RUN, "job-1", "FAILED", "Task exit-handler-1 failed.")
    assert closed() == ("FAILED", "failed", "finetune", "OSError: no space left")


def test_without_a_report_the_pipeline_s_own_message_stands(workspace: Path) -> None:
    tracking.open_run("tiny", "job-1", {})
    close(RUN, "job-1", "FAILED", "Task exit-handler-1 failed.", "quantize")
    assert closed() == ("FAILED", "failed", "quantize", "Task exit-handler-1 failed.")


def test_a_cancelled_run_is_killed(workspace: Path) -> None:
    tracking.open_run("tiny", "job-1", {})
    close(RUN, "job-1", "CANCELLED", "by hand")
    assert closed()[:2] == ("KILLED", "cancelled")


def test_a_run_that_was_never_opened_is_made_and_failed(workspace: Path) -> None:
    close(RUN, "job-1", "FAILED", "boom")
    assert closed() == ("FAILED", "failed", "", "boom")


def test_a_server_that_is_down_costs_one_line(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    close(RUN, "job-1", "FAILED", "boom")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("the run of job job-1 stays open in MLflow: MLflow at http://127.0.0.1:9 failed to answer")


def test_the_component_takes_the_final_status(workspace: Path) -> None:
    status, nobody = SimpleNamespace(state="FAILED", error_message=None), NotifyStep().model_dump_json()
    component.python_func(status, RUN.model_dump_json(), "job-1", nobody)
    assert closed() == ("FAILED", "failed", "", "")


def test_the_webhook_hears_of_what_failed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        monkeypatch.setenv("TEXTGATE_WEBHOOK", hook.url)
        status, told = SimpleNamespace(state="FAILED", error_message="boom"), NotifyStep(kind="json")
        component.python_func(status, RUN.model_dump_json(), "job-1", told.model_dump_json())
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        close(RUN, "job-2", "FAILED", "no pod", "fetch", NotifyStep(kind="json"))
    first, second = hook.got
    assert (first["outcome"], first["failure"], first["job_id"]) == ("failed", "boom", "job-1")
    assert (second["failed_step"], second["failure"]) == ("fetch", "no pod"), "MLflow is not needed for that"


def test_a_webhook_that_is_down_changes_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_WEBHOOK", "http://127.0.0.1:9/secret")
    tracking.open_run("tiny", "job-1", {})
    close(RUN, "job-1", "SUCCEEDED", told=NotifyStep(kind="slack"))
    assert closed() == ("FINISHED", "succeeded", None, None)

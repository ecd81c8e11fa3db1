from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.base import tracking
from components.base.errors import TextgateError
from components.base.mlflow_client import connect, mlflow, shown_uri
from components.base.tracking import Point

ROOT = Path(__file__).resolve().parents[3]
OPENS_A_RUN = """
import sys
from components.base import tracking
from mlflow.telemetry import get_telemetry_client
print(get_telemetry_client(), tracking.open_run("tiny", sys.argv[1], {"a": "b"}))
"""
TURN_TELEMETRY_OFF = {"CI", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST"}


def test_a_job_has_one_run(workspace: Path) -> None:
    first = tracking.open_run("tiny", "job-1", {"textgate.seed": "1"})
    assert tracking.open_run("tiny", "job-1", {"textgate.seed": "2"}) == first
    assert tracking.open_run("tiny", "job-2", {}) != first
    assert tracking.find_run("tiny", "job-1") == first
    assert tracking.run_tags(first)["textgate.seed"] == "2"


def test_finding_makes_nothing(workspace: Path) -> None:
    assert tracking.find_run("tiny", "job-1") is None
    assert connect().get_experiment_by_name("tiny") is None
    with pytest.raises(TextgateError, match="no run of job job-1"):
        tracking.the_run("tiny", "job-1")


def test_the_run_that_kubeflow_opened_is_taken_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = connect().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    assert tracking.find_run("tiny", "job-1") is None
    assert tracking.open_run("tiny", "job-1", {}) == given
    assert tracking.find_run("tiny", "job-1") == given
    assert tracking.open_run("tiny", "job-2", {}) != given


def test_a_task_of_kubeflow_writes_to_the_run_of_the_whole(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its MLflow plugin gives each task a run below that of the whole, and those of nested pipelines below these."""
    experiment = connect().create_experiment("of kubeflow")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    whole = above = connect().create_run(experiment).info.run_id
    for open_it in (tracking.open_run, tracking.the_run):
        for _ in range(2):
            above = connect().create_run(experiment, tags={"mlflow.parentRunId": above}).info.run_id
        monkeypatch.setenv("MLFLOW_RUN_ID", above)
        assert open_it("tiny", "job-1", *([{}] if open_it is tracking.open_run else [])) == whole
    assert connect().get_experiment_by_name("tiny") is None


def test_runs_go_into_the_experiment_that_is_given(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tracking.open_run("tiny", "job-1", {})
    experiment = connect().create_experiment("shared")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    run_id = tracking.open_run("tiny", "job-2", {})
    assert tracking.read_run(run_id).experiment == "shared"
    assert (tracking.find_run("tiny", "job-2"), tracking.find_run("tiny", "job-1")) == (run_id, before)


def test_writing_again_changes_nothing(workspace: Path) -> None:
    run_id = tracking.open_run("tiny", "job-1", {})
    for learning_rate in (0.1, 0.2):
        metrics = [Point("loss", 1.0, 1), Point("loss", 0.5, 2)]
        tracking.log(run_id, params={"learning_rate": learning_rate}, metrics=metrics, tags={"a": "b"})
        tracking.log_dataset(run_id, "tiny", "0" * 32 + ".dir", {"train": {"rows": 3}})
    run = connect().get_run(run_id)
    assert run.data.params == {"learning_rate": "0.1"}
    assert [(point.step, point.value) for point in connect().get_metric_history(run_id, "loss")] == [(1, 1.0), (2, 0.5)]
    assert [one.dataset.digest for one in run.inputs.dataset_inputs] == ["0" * 32 + ".dir"]


def test_more_than_one_request_holds(workspace: Path) -> None:
    run_id = tracking.open_run("tiny", "job-1", {})
    params = {f"p{index}": index for index in range(130)}
    tracking.log(run_id, params=params, metrics=[Point(f"m{index}", index) for index in range(1100)])
    run = connect().get_run(run_id)
    assert (len(run.data.params), len(run.data.metrics)) == (130, 1100)


def test_files_come_back_as_they_went(workspace: Path, tmp_path: Path) -> None:
    run_id = tracking.open_run("tiny", "job-1", {})
    (tmp_path / "docs").mkdir()
    for name in ("docs/index.html", "verdict.json"):
        (tmp_path / name).write_text(name)
    tracking.log_files(
        run_id, {"verdict/verdict.json": tmp_path / "verdict.json", "validation/docs": tmp_path / "docs"}
    )
    assert tracking.read_file(run_id, "verdict/verdict.json") == b"verdict.json"
    assert tracking.read_file(run_id, "validation/docs/index.html") == b"docs/index.html"
    assert tracking.read_file(run_id, "verdict/other.json") is None
    assert list((workspace / "mlartifacts" / run_id).rglob("index.html"))


def test_closing_sets_state_and_tags(workspace: Path) -> None:
    run_id = tracking.open_run("tiny", "job-1", {})
    tracking.close_run(run_id, "FAILED", {"textgate.state": "failed"})
    run = connect().get_run(run_id)
    assert (run.info.status, run.data.tags["textgate.state"]) == ("FAILED", "failed")
    assert run.info.end_time


def test_a_deleted_experiment_says_how_to_restore_it(workspace: Path) -> None:
    tracking.open_run("tiny", "job-1", {})
    experiment = connect().get_experiment_by_name("tiny")
    assert experiment
    connect().delete_experiment(experiment.experiment_id)
    with pytest.raises(TextgateError, match=f"mlflow experiments restore --experiment-id {experiment.experiment_id}"):
        tracking.open_run("tiny", "job-2", {})


@pytest.mark.slow
def test_processes_open_a_fresh_home_at_once_quietly_and_without_telemetry(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGATE_HOME", str(tmp_path / "fresh"))
    environment = {name: value for name, value in os.environ.items() if name not in TURN_TELEMETRY_OFF}
    jobs = [f"job-{index}" for index in range(3)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen([sys.executable, "-c", OPENS_A_RUN, job], cwd=ROOT, env=environment, **pipes) for job in jobs
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [error for _, error in answers] == [""] * len(jobs)
    assert [output.split() for output, _ in answers] == [["None", tracking.find_run("tiny", job)] for job in jobs]
    assert [model.name for model in connect().search_registered_models()] == ["tiny"]


def test_a_server_that_is_down_is_named_without_its_password(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:hunter2@127.0.0.1:9")
    with pytest.raises(TextgateError, match=r"http://127\.0\.0\.1:9 .*refused.*check MLFLOW_TRACKING_URI") as caught:
        tracking.open_run("tiny", "job-1", {})
    assert "hunter2" not in str(caught.value)
    assert shown_uri() == "http://127.0.0.1:9"


class Page(BaseHTTPRequestHandler):
    status, body = 200, b"<html>hello</html>"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def other_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_not_mlflow_is_refused(
    workspace: Path, other_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_server)
    with pytest.raises(TextgateError, match="not as MLflow does"):
        tracking.find_run("tiny", "job-1")


def test_refused_credentials_say_which_variables_to_set(
    workspace: Path, other_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "status", 401)
    monkeypatch.setattr(Page, "body", b"You are not authenticated")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_server)
    with pytest.raises(TextgateError, match="refused access.*You are not authenticated.*MLFLOW_TRACKING_USERNAME"):
        tracking.find_run("tiny", "job-1")


@pytest.mark.parametrize(
    "uri", ["file:/tmp/mlruns", "sqlite:////proc/nowhere/mlflow.db", "postgresql://u:hunter2@127.0.0.1:9/x"]
)
def test_a_store_that_cannot_be_opened_is_one_message(
    workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TextgateError, match="failed to open the .*check MLFLOW_TRACKING_URI") as caught:
        tracking.find_run("tiny", "job-1")
    assert "hunter2" not in str(caught.value)


def test_a_damaged_database_is_one_message(workspace: Path) -> None:
    (workspace / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(TextgateError, match=r"mlflow\.db failed to open the database: .*not a database"):
        tracking.find_run("tiny", "job-1")


def test_what_the_user_set_stands(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    connect()
    assert mlflow.environment_variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.get() == 1

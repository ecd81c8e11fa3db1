"""The whole of a preflight against services of this machine, and that no check hides another."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.settings import ClusterSettings, Settings, load
from pipelines.cli import main
from pipelines.cluster import Cluster
from pipelines.preflight import Line, preflight, refuse
from pipelines.preflight.line import failed
from tests.loopback import by_name, listening
from tests.pipelines.loopback_kfp import State, loopback
from tests.pipelines.preflight.made import named, states
from tests.tiny_project import make_rows, split_rows, write_base_model, write_version

ALWAYS = {
    "settings", "Kubeflow API", "credentials", "namespace", "experiment", "MLflow", "promote.log", "image",
    "Kubernetes",
}  # fmt: skip


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, State]]:
    monkeypatch.delenv("TEXTGATE_KFP_TOKEN", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("TEXTGATE_IMAGE", f"127.0.0.1:9/textgate@sha256:{'5' * 64}")
    state = State()
    with loopback(state) as host:
        yield host, state


@pytest.fixture
def config(seaweed: str, mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that it names is there."""
    tracking = by_name(monkeypatch, mlflow_server, "mlflow.textgate-mlflow.svc")
    write_version(tmp_path, split_rows(make_rows(30)))
    write_base_model(tmp_path / "base")
    for name in ("remote", "base"):
        for path in (tmp_path / name).rglob("*"):
            if path.is_file():
                open_store(f"{seaweed}/{name}").replace(path.relative_to(tmp_path / name).as_posix(), path)
    raw = {
        "name": "tiny",
        "data": {"version": "data.dvc", "remotes": [f"{seaweed}/remote"], "labels": ["bad", "good", "plain"]},
        "base_model": {"reference": f"{seaweed}/base"},
        "promote": {"mode": "auto", "log": f"{seaweed}/promotions"},
        "cluster": {"env": {"MLFLOW_TRACKING_URI": tracking}},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(raw))
    return tmp_path / "tiny.yaml"


def lines(config: Path, host: str, overrides: tuple[str, ...] = (), **options: Any) -> list[Line]:
    return preflight(load(config, list(overrides)), lambda: Cluster(ClusterSettings(host=host)), **options)


def test_where_all_is_there_nothing_is_refused_and_nothing_made(config: Path, kubeflow: tuple[str, State]) -> None:
    found = lines(config, kubeflow[0])
    assert states(found) == {
        **dict.fromkeys(ALWAYS | {"data", "base model"}, "ok"),
        "image": "unknown",
    }
    refuse(found)
    assert not any(request.startswith("POST") for request in kubeflow[1].requests)
    promotions = load(config).promote.log
    assert open_store(promotions).keys() == []


def test_a_promotion_needs_neither_data_nor_base_model(config: Path, kubeflow: tuple[str, State]) -> None:
    assert set(states(lines(config, kubeflow[0], trains=False))) == ALWAYS


def test_what_leads_pods_to_themselves_is_no_setting_for_a_cluster(
    config: Path, kubeflow: tuple[str, State], mlflow_server: str
) -> None:
    found = lines(config, kubeflow[0], (f"cluster.env.MLFLOW_TRACKING_URI={mlflow_server}",))
    assert (named(found, "settings").state, named(found, "MLflow").state) == ("failed", "ok")


def test_every_fault_is_found_at_once_and_each_says_what_to_do(config: Path, kubeflow: tuple[str, State]) -> None:
    kubeflow[1].needs = ("Authorization", "Bearer another")
    broken = (
        "data.remotes=[s3://nowhere/dvc]", "base_model.reference=s3://textgate/nothing", "promote.log=s3://nowhere/x",
        "cluster.env.MLFLOW_TRACKING_URI=http://127.0.0.1:10", "deploy.mode=auto",
    )  # fmt: skip
    found = lines(config, kubeflow[0], broken)
    failed = {line.check for line in found if line.state == "failed"}
    assert failed == {"settings", "credentials", "data", "base model", "promote.log", "MLflow"}
    with pytest.raises(TextgateError) as refused:
        refuse(found)
    assert all(f"\n  {check}: " in str(refused.value) for check in failed)


def test_what_a_refusal_says_in_several_lines_stands_below_its_check() -> None:
    with pytest.raises(TextgateError, match="\n  data: no remote\n    s3://bucket: away$"):
        refuse([failed("data", "no remote\n  s3://bucket: away")])


def test_the_other_lines_stand_where_no_kubeflow_answers(config: Path, kubeflow: tuple[str, State]) -> None:
    found = states(lines(config, "http://127.0.0.1:9"))
    assert {check for check, state in found.items() if state == "failed"} == {"Kubeflow API"}
    assert found["data"] == found["MLflow"] == "ok"


@pytest.fixture
def stuck() -> Iterator[Callable[[], Cluster]]:
    """A connection that comes to no end while the test runs."""
    end = Event()

    def connect() -> Cluster:
        end.wait(60)
        raise TextgateError("the test is over")

    yield connect
    end.set()


def test_what_does_not_end_is_given_up(
    config: Path, kubeflow: tuple[str, State], stuck: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["pipelines.preflight.preflight"], "LIMIT_S", 4.0)
    found = preflight(load(config), stuck)
    assert named(found, "Kubeflow API").said == "no end of it after 4 s"
    assert named(found, "Kubeflow API").state == "failed"
    assert named(found, "promote.log").state == "ok"


@pytest.fixture
def busy() -> Iterator[str]:
    """A server that sends all away for a minute."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(503)
            self.send_header("Retry-After", "60")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as url:
        yield url


def test_the_last_answer_is_told_of_what_does_not_end(
    config: Path, busy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys.modules["pipelines.preflight.preflight"], "LIMIT_S", 5.0)
    logger = logging.getLogger("urllib3.connectionpool")
    before = (logger.level, [*logger.filters])
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 20.0)
    found = lines(config, busy, (f"s3.endpoint={busy}",))
    for check in ("Kubeflow API", "promote.log", "data", "base model"):
        line = named(found, check)
        assert line.said == f"no end of it after 5 s; the last answer was HTTP 503 of {busy}", line
        assert "server" in line.advice and "network" not in line.advice
    assert named(found, "MLflow").state == "ok"
    assert not [record for record in caplog.records if record.levelname == "DEBUG" and "urllib3" in record.name]
    assert (logger.level, logger.filters) == before


def test_a_fault_of_ours_is_one_line(
    config: Path, kubeflow: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: Settings) -> Line:
        raise KeyError("x")

    monkeypatch.setattr("pipelines.preflight.tracking.ask", broken)
    found = lines(config, kubeflow[0])
    assert named(found, "MLflow").state == "unknown" and "fault of textgate" in named(found, "MLflow").said
    assert named(found, "data").state == "ok"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["textgate", "preflight", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_the_command(
    config: Path, kubeflow: tuple[str, State], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status, out, err = run(monkeypatch, capsys, "--config", str(config), "--host", kubeflow[0])
    assert (status, err) == (0, "")
    assert "10 of 11 are as a run needs them, 1 cannot be known from here" in out
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in out
    wrong = ("--set", "promote.log=s3://nowhere/x", "--set", f"cluster.host={kubeflow[0]}", "--json")
    status, out, err = run(monkeypatch, capsys, "--config", str(config), *wrong)
    assert status == 1
    failed = [line for line in json.loads(out) if line["state"] == "failed"]
    assert [line["check"] for line in failed] == ["promote.log"] and "create it" in failed[0]["said"]
    status, out, err = run(monkeypatch, capsys, "--config", str(config))
    assert status == 1 and "set cluster.host" in out

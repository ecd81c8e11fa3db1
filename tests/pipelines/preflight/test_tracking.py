"""MLflow by the pods' address: a real server, one that wants users, and none."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from mlflow import MlflowClient

from components.base.errors import TextgateError
from pipelines.preflight.line import Line
from pipelines.preflight.tracking import ask
from tests.loopback import listening
from tests.pipelines.preflight.made import make_settings

USER = {"name": "mlflow-user", "env": {"MLFLOW_TRACKING_USERNAME": "user", "MLFLOW_TRACKING_PASSWORD": "password"}}


def line(address: str, **cluster: Any) -> Line:
    env = {"MLFLOW_TRACKING_URI": address} if address else {}
    return ask(make_settings(cluster={"env": env, **cluster}))


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own MLflow is another one, and is not asked."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed() -> Iterator[str]:
    """As MLflow with basic auth refuses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as address:
        yield address


def test_a_server_that_answers(mlflow_server: str) -> None:
    assert line(mlflow_server).state == "ok"


def test_a_version_that_is_not_there_is_named(mlflow_server: str) -> None:
    settings = make_settings(name="asked-for", cluster={"env": {"MLFLOW_TRACKING_URI": mlflow_server}})
    found = ask(settings, "3")
    assert (found.state, found.said) == ("failed", f"{mlflow_server} has no version 3 of {settings.name}")
    client = MlflowClient(mlflow_server, mlflow_server)
    client.create_registered_model(settings.name)
    client.create_model_version(settings.name, "s3://bucket/bundle")
    assert ask(settings, "2").state == "failed" and ask(settings, "1").state == "ok"
    client.delete_registered_model(settings.name)


def test_one_that_does_not_is_named_and_not_this_machine_s() -> None:
    with pytest.raises(TextgateError, match="MLflow at http://127.0.0.1:10 failed to answer"):
        line("http://127.0.0.1:10")


def test_what_is_no_server_is_refused() -> None:
    for address in ("sqlite:////data/mlflow.db", "/data/mlruns", "file:///data"):
        assert line(address).state == "failed"


def test_a_name_of_the_cluster_is_not_known_here() -> None:
    for address in ("http://mlflow.textgate.svc.cluster.local:5000", "http://mlflow:5000"):
        assert line(address).state == "unknown"
    with pytest.raises(TextgateError):
        line("http://mlflow.invalid:5000")


def test_an_address_from_elsewhere_is_not_known_here() -> None:
    mounted = {"name": "mlflow", "env": {"MLFLOW_TRACKING_URI": "uri"}}
    assert line("", secrets=[mounted]).said == "its address is in mlflow of the cluster"
    nowhere = line("")
    assert nowhere.state == "unknown" and "cluster.env.MLFLOW_TRACKING_URI" in nowhere.advice


def test_one_that_wants_users(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = line(closed)
    assert nobody.state == "failed" and "cluster.secrets" in nobody.advice
    assert line(closed, secrets=[USER]).state == "unknown", "the pods' may be others than those that are missing here"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a-password-of-mine")
    refused = line(closed, secrets=[USER])
    assert refused.state == "failed" and "a-password-of-mine" not in str(refused)

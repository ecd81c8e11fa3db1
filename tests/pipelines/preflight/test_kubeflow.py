"""The Kubeflow lines, from an API on this machine that says its version and whom it lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.base.settings import ClusterSettings
from pipelines.cluster import Cluster
from pipelines.preflight.kubeflow import CHECKS, ask
from tests.loopback import listening
from tests.pipelines.preflight.made import named, states


@dataclass
class Api:
    """`refusal` is what a list of experiments is answered with in place of `experiments`."""

    version: dict[str, str] = field(default_factory=dict)
    multi_user: bool = False
    token: str = ""
    refusal: int = 0
    experiments: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0


@contextmanager
def serving(api: Api) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
                self._send(401, {"message": "no user identity"})
            elif url.path == "/apis/v2beta1/healthz":
                self._send(200, {"multi_user": api.multi_user})
            elif url.path == "/apis/v1beta1/healthz":
                self._send(200, {"multi_user": api.multi_user, **api.version})
            elif api.refusal:
                self._send(api.refusal, {"message": "User is not authorized"})
            else:
                assert url.path == "/apis/v2beta1/experiments"
                (asked,) = json.loads(parse_qs(url.query)["filter"][0])["predicates"]
                found = [one for one in api.experiments if one["display_name"] == asked["stringValue"]]
                self._send(200, {"experiments": found})

        def do_POST(self) -> None:
            api.posts += 1
            self._send(500, {})

        def _send(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as host:
        yield host
    assert api.posts == 0, "nothing is made"


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTGATE_KFP_TOKEN", raising=False)


def found(api: Api, namespace: str = "", experiment: str = "tiny", **settings: Any) -> Any:
    with serving(api) as host:
        return ask(lambda: Cluster(ClusterSettings(host=host, namespace=namespace, **settings)), experiment)


def test_one_that_lets_us_in() -> None:
    lines = found(Api(version={"tag_name": "2.15.0", "commit_sha": "abcdef0123456789"}))
    assert states(lines) == dict.fromkeys(CHECKS, "ok")
    assert "version 2.15.0 (commit abcdef012345)" in named(lines, "Kubeflow API").said
    assert named(lines, "experiment").said == "tiny is made with the first run"


def test_what_is_not_told_is_said_to_be_so() -> None:
    unnamed = found(Api(version={"tag_name": "unknown", "commit_sha": "unknown"}))
    assert "version not told" in named(unnamed, "Kubeflow API").said
    by_commit = found(Api(version={"tag_name": "unknown", "commit_sha": "abcdef0123456789"}))
    assert "version (commit abcdef012345)" in named(by_commit, "Kubeflow API").said


def test_a_version_that_is_too_old() -> None:
    line = named(found(Api(version={"tag_name": "1.8.22"})), "Kubeflow API")
    assert line.state == "failed" and "2.0 or later: upgrade it" in line.advice


@pytest.mark.parametrize(("tag", "state"), [("2.9.1", "failed"), ("v2.15.2", "failed"), ("2.16.0", "ok"), ("", "ok")])
def test_a_version_that_does_not_know_users(tag: str, state: str) -> None:
    line = named(found(Api(version={"tag_name": tag}), run_as_user=10001), "Kubeflow API")
    assert line.state == state and ("cluster.run_as_user needs 2.16" in line.advice) == (state == "failed")
    assert named(found(Api(version={"tag_name": tag})), "Kubeflow API").state == "ok"


def test_credentials_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_KFP_TOKEN", "not the one")
    lines = found(Api(token="the one"))
    expected = {"Kubeflow API": "ok", "credentials": "failed", "namespace": "unknown", "experiment": "unknown"}
    assert states(lines) == expected
    assert "not the one" not in str(lines)


@pytest.mark.parametrize(("status", "check"), [(401, "credentials"), (403, "namespace"), (400, "namespace")])
def test_a_namespace_that_is_not_ours(status: int, check: str) -> None:
    lines = found(Api(multi_user=True, refusal=status), namespace="theirs")
    assert [line.check for line in lines if line.state == "failed"] == [check]
    assert "User is not authorized" in named(lines, check).said and named(lines, check).advice


def test_a_server_that_is_busy_is_no_refusal() -> None:
    lines = found(Api(refusal=503))
    assert {line.state for line in lines} == {"ok", "unknown"}


def test_no_namespace_where_there_are_several_users() -> None:
    lines = found(Api(multi_user=True))
    assert named(lines, "namespace").state == "failed" and "--namespace" in named(lines, "namespace").said


def test_an_archived_experiment_takes_no_run() -> None:
    there = {"display_name": "tiny", "experiment_id": "1", "storage_state": "AVAILABLE"}
    assert named(found(Api(experiments=[there])), "experiment").said == "tiny is there"
    line = named(found(Api(experiments=[{**there, "storage_state": "ARCHIVED"}])), "experiment")
    assert line.state == "failed" and "--experiment" in line.advice


def test_no_api_at_all() -> None:
    lines = ask(lambda: Cluster(ClusterSettings(host="http://127.0.0.1:9")), "tiny")
    assert states(lines) == {**dict.fromkeys(CHECKS, "unknown"), "Kubeflow API": "failed"}

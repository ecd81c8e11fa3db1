"""`textgate logs`: from the API server, or from the pod; a failure shows their end and the likely cause."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.promote.checks import compare_again
from tests.loopback import listening
from tests.pipelines.loopback_kfp import Fault, State
from tests.pipelines.loopback_kfp.details import node_of

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_id(submit: Typed, kubeflow: State) -> str:
    kubeflow.frames = [("RUNNING", {"resolve": "SUCCEEDED", "fetch": "RUNNING"})]
    assert submit()[0] == 0
    return next(iter(kubeflow.runs))


@pytest.mark.parametrize("version", ["v1alpha1", "v2beta1"])
def test_a_step_s_log_comes_from_the_api(at_host: Typed, kubeflow: State, run_id: str, version: str) -> None:
    kubeflow.logs, kubeflow.log_version = {"fetch": "one\ntwo\n[3]\n", "resolve": "pins"}, version
    status, out, err = at_host("logs", run_id, "fetch")
    assert (status, out, err) == (0, "one\ntwo\n[3]\n", "")
    assert at_host("logs", run_id, "fetch", "-n", "1")[1] == "[3]\n"
    assert at_host("logs", run_id)[1] == "==> resolve <==\npins\n==> fetch <==\none\ntwo\n[3]\n"


def test_a_step_that_is_not_there_is_named(at_host: Typed, run_id: str) -> None:
    status, _, err = at_host("logs", run_id, "finetune")
    assert status == 1 and "the run has no step finetune; its steps are resolve, fetch" in err


def test_a_log_that_nobody_has_is_explained(at_host: Typed, run_id: str) -> None:
    status, _, err = at_host("logs", run_id, "fetch")
    assert status == 1 and "Kubeflow's API gives none (HTTP 500" in err and "no cluster is configured" in err
    status, _, err = at_host("logs", run_id)
    assert status == 1 and "has no log" in err


def test_a_log_that_is_forbidden_is_told_apart(at_host: Typed, kubeflow: State, run_id: str) -> None:
    kubeflow.faults = [Fault("GET /log/", 403)]
    assert "refused access" in at_host("logs", run_id, "fetch")[2]


def test_a_failure_shows_the_last_lines_and_the_likely_cause(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"resolve": "SUCCEEDED", "finetune": "FAILED"})]
    kubeflow.messages = {"executor": "OOMKilled (exit code 137)"}
    kubeflow.logs = {"finetune": "".join(f"line {number}\n" for number in range(30))}
    status, _, err = submit("--watch")
    lines = err.splitlines()
    assert status == 1 and "step finetune: OOMKilled (exit code 137)" in lines[0]
    assert [line for line in lines if line.startswith("  | ")] == [f"  | line {number}" for number in range(10, 30)]
    assert "likely cause: it ran out of memory: raise cluster.resources.steps.finetune.memory_limit" in err
    (run,) = kubeflow.runs
    assert f"textgate logs {run} finetune" in err and f"textgate retry {run}" in err


def test_textgate_s_own_message_is_the_cause(submit: Typed, kubeflow: State) -> None:
    kubeflow.frames = [("FAILED", {"fetch": "FAILED"})]
    kubeflow.messages = {"executor": "Error (exit code 1)"}
    kubeflow.logs = {
        "fetch": "starting\ntextgate: no object 12/345 on s3://textgate/data; push it\nfailed: exit status 1\n"
    }
    assert "likely cause: no object 12/345 on s3://textgate/data; push it" in submit("--watch")[2]


def test_a_promotion_that_came_too_late_is_submitted_rather_than_tried_again(submit: Typed, kubeflow: State) -> None:
    again = compare_again({"textgate.run_name": "tiny-1"})
    kubeflow.frames = [("FAILED", {"promote": "FAILED"})]
    kubeflow.messages = {"executor": "Error (exit code 1)"}
    kubeflow.logs = {"promote": f"textgate: promote: eve promoted version 2 first; {again}\n"}
    err = submit("--watch")[2]
    assert "or `textgate submit` for one on a cluster) has the gate decide again" in err and "textgate retry" not in err


@contextmanager
def kubernetes(folder: Path, pods: list[dict[str, Any]], logs: dict[str, str]) -> Iterator[Path]:
    """The two calls of the core API that read pods; gives the kube config."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            name = path.removesuffix("/log").rpartition("/")[2]
            if path.endswith("/log"):
                body = logs[name].encode()
            elif path == "/api/v1/namespaces/kubeflow/pods":
                assert "labelSelector=pipeline%2Frunid%3D" in self.path
                body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain" if path.endswith("/log") else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as url:
        named = {"clusters": [{"name": "here", "cluster": {"server": url}}]}
        named |= {"contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}]}
        named |= {
            "users": [{"name": "me", "user": {}}],
            "current-context": "here",
            "apiVersion": "v1",
            "kind": "Config",
        }
        path = folder / "kube-config"
        path.write_text(yaml.safe_dump(named))
        yield path


def pod_of(step: str, **status: Any) -> dict[str, Any]:
    about = {"name": f"{step}-pod", "annotations": {"workflows.argoproj.io/node-id": node_of(step)}}
    return {"metadata": about, "spec": {"containers": []}, "status": {"phase": "Running", **status}}


def test_a_log_that_the_api_has_not_comes_from_the_pod(
    at_host: Typed, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kubernetes(tmp_path, [pod_of("resolve"), pod_of("fetch")], {"fetch-pod": "from the pod\n"}) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        status, out, err = at_host("logs", run_id, "fetch")
    assert (status, out, err) == (0, "from the pod\n", "")


def test_a_pod_that_is_gone_is_said(
    at_host: Typed, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kubernetes(tmp_path, [pod_of("resolve")], {}) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        status, _, err = at_host("logs", run_id, "fetch")
    assert status == 1 and "no pod of it is left in the namespace kubeflow" in err


def test_watch_says_why_a_pod_does_not_begin(
    submit: Typed, kubeflow: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.cluster import watching

    monkeypatch.setattr(watching, "WAITS_S", 1.0)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "back-off pulling image"}}
    container = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": waiting}
    kubeflow.frames = [*[("RUNNING", {"fetch": "PENDING"})] * 2, ("SUCCEEDED", {"fetch": "SUCCEEDED"})]
    with kubernetes(tmp_path, [pod_of("fetch", containerStatuses=[container])], {}) as config:
        monkeypatch.setenv("KUBECONFIG", str(config))
        status, out, err = submit("--watch")
    assert (status, err) == (0, "")
    assert out.count("fetch waits for its pod: ImagePullBackOff; back-off pulling image") == 1
    assert "likely cause: the image cannot be pulled" in out

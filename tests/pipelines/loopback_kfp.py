"""The part of the v2beta1 API that a submission and its watching use, on a free port of this machine.

Uploads are parsed with the protos, and a run's parameters are held against the inputs that its pipeline declares.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.loopback import listening

Frame = tuple[str, dict[str, str]]
API = "/apis/v2beta1"


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class State:
    """`frames` are what one GET of a run after the other finds: its state, and each step's; the last one stays.

    `messages` holds what a step says when it fails. `troubles` are statuses that GETs of a run answer with first.
    """

    frames: list[Frame] = field(default_factory=lambda: [("SUCCEEDED", {})])
    messages: dict[str, str] = field(default_factory=dict)
    troubles: list[int] = field(default_factory=list)
    token: str = ""
    multi_user: bool = False
    login_page: bool = False
    hide_once: set[str] = field(default_factory=set)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    specs: dict[str, Any] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


@contextmanager
def loopback(state: State) -> Iterator[str]:
    """Yields the host to submit to."""

    class Handler(_Handler):
        kubeflow = _Kubeflow(state)

    with listening(Handler) as host:
        yield host


class _Kubeflow:
    def __init__(self, state: State) -> None:
        self.state = state

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, kind: str) -> dict[str, Any]:
        parts = path.removeprefix(f"{API}/").split("/")
        match method, parts:
            case "GET", ["healthz"]:
                return {"multi_user": True} if self.state.multi_user else {}
            case "GET", ["pipelines"]:
                self._check_namespace(query.get("namespace"), lenient=True)
                return self._list("pipelines", self.state.pipelines, query)
            case "POST", ["pipelines"]:
                return self._create_pipeline(json.loads(body))
            case "GET", ["pipelines", pipeline, "versions"]:
                mine = {key: one for key, one in self.state.versions.items() if one["pipeline_id"] == pipeline}
                return self._list("pipeline_versions", mine, query)
            case "POST", ["pipelines", "upload_version"]:
                return self._upload_version(query, _upload(body, kind))
            case "GET", ["experiments"]:
                self._check_namespace(query.get("namespace"))
                return self._list("experiments", self.state.experiments, query)
            case "POST", ["experiments"]:
                return self._create_experiment(json.loads(body))
            case "POST", ["runs"]:
                return self._create_run(json.loads(body))
            case "GET", ["runs", run]:
                return self._run(run)
        raise Refused(404, "Not Found")

    def _check_namespace(self, namespace: str | None, lenient: bool = False) -> None:
        if self.state.multi_user and not namespace and not lenient:
            raise Refused(400, "Namespace cannot be empty in multi-user mode")
        if not self.state.multi_user and namespace and not lenient:
            raise Refused(400, "In single-user mode, namespace should not be set")

    def _list(self, key: str, all_of: dict[str, dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """An empty list is left out, as protobuf's JSON does."""
        (predicate,) = json.loads(query["filter"])["predicates"]
        assert predicate["operation"] in {"EQUALS", 1} and predicate["key"] == "display_name"
        found = [one for one in all_of.values() if one["display_name"] == predicate["stringValue"]]
        if key in self.state.hide_once:
            self.state.hide_once.remove(key)
            found = []
        return {key: found, "total_size": len(found)} if found else {}

    def _create_pipeline(self, asked: dict[str, Any]) -> dict[str, Any]:
        if any(one["name"] == asked["name"] for one in self.state.pipelines.values()):
            raise Refused(409, f"Failed to create a pipeline: the name {asked['name']} already exists")
        made = {**asked, "pipeline_id": str(uuid.uuid4()), "created_at": "2026-01-02T03:04:05Z"}
        self.state.pipelines[made["pipeline_id"]] = made
        return made

    def _upload_version(self, query: dict[str, str], file: bytes) -> dict[str, Any]:
        pipeline, name = query["pipelineid"], query["name"]
        if pipeline not in self.state.pipelines:
            raise Refused(400, f"Pipeline {pipeline} not found")
        if any((one["pipeline_id"], one["name"]) == (pipeline, name) for one in self.state.versions.values()):
            raise Refused(409, f"Failed to create a pipeline version: the name {name} already exists")
        spec, *platform = yaml.load_all(file, yaml.CSafeLoader)
        try:
            parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
            for document in platform:
                json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
        except json_format.ParseError as error:
            raise Refused(400, f"Failed to parse the pipeline: {error}") from None
        made = {"pipeline_id": pipeline, "pipeline_version_id": str(uuid.uuid4()), "name": name, "display_name": name}
        self.state.specs[made["pipeline_version_id"]] = parsed
        self.state.versions[made["pipeline_version_id"]] = made
        return made

    def _create_experiment(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._check_namespace(asked.get("namespace"))
        made = {**asked, "experiment_id": str(uuid.uuid4()), "storage_state": "AVAILABLE"}
        self.state.experiments[made["experiment_id"]] = made
        return made

    def _create_run(self, asked: dict[str, Any]) -> dict[str, Any]:
        reference = asked["pipeline_version_reference"]
        spec = self.state.specs.get(reference["pipeline_version_id"])
        if spec is None or asked["experiment_id"] not in self.state.experiments:
            raise Refused(404, "Failed to create a run: no such pipeline version or experiment")
        declared, given = spec.root.input_definitions.parameters, asked["runtime_config"]["parameters"]
        required = {name for name, one in declared.items() if not one.is_optional and not one.HasField("default_value")}
        if missing := sorted(required - given.keys()):
            raise Refused(400, f"Failed to create a run: missing parameters {missing}")
        if unknown := sorted(given.keys() - declared.keys()):
            raise Refused(400, f"Failed to create a run: unknown parameters {unknown}")
        string = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.STRING
        strings = {name for name, value in given.items() if isinstance(value, str)}
        if wrong := sorted(strings ^ {name for name in given if declared[name].parameter_type == string}):
            raise Refused(400, f"Failed to create a run: wrong type of {wrong}")
        made = {**asked, "run_id": str(uuid.uuid4()), "state": "PENDING"}
        self.state.runs[made["run_id"]] = made
        return made

    def _run(self, run_id: str) -> dict[str, Any]:
        if run_id not in self.state.runs:
            raise Refused(404, f"Run {run_id} not found")
        if self.state.troubles:
            raise Refused(self.state.troubles.pop(0), "upstream is busy")
        frames = self.state.frames
        state, steps = frames.pop(0) if len(frames) > 1 else frames[0]
        run = {**self.state.runs[run_id], "state": state}
        return {**run, "run_details": {"task_details": self._task_details(run_id, state, steps)}}

    def _task_details(self, run_id: str, state: str, steps: dict[str, str]) -> list[dict[str, Any]]:
        """A detail for each node of the workflow, by node name: drivers, pods and graphs stand among the steps.

        A step of which only its driver is named has no pod yet.
        """
        nodes = [("textgate-finetune-x7k2p", state, 0), ("root", state, 0), ("root-driver", "SUCCEEDED", 0)]
        for number, (step, its) in enumerate(steps.items(), start=1):
            if step.endswith("-driver"):
                nodes.append((step, its, number))
            else:
                nodes += [(f"{step}-driver", "SUCCEEDED", number), (step, its, number), ("executor", its, number)]
        details = []
        for name, its, started in sorted(nodes):
            start = f"2026-01-02T03:{started:02}:00Z"
            detail = {"run_id": run_id, "task_id": str(uuid.uuid4()), "display_name": name, "state": its}
            detail |= {"start_time": start, "end_time": "1970-01-01T00:00:00Z"}
            if its == "FAILED" and name in self.state.messages:
                detail["error"] = {"code": 13, "message": self.state.messages[name]}
            details.append(detail)
        return details


def _upload(body: bytes, kind: str) -> bytes:
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    (part,) = message.get_payload()
    assert part.get_param("name", header="content-disposition") == "uploadfile"
    return part.get_payload(decode=True)


class _Handler(BaseHTTPRequestHandler):
    kubeflow: _Kubeflow
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        state, url = self.kubeflow.state, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        state.requests.append(f"{method} {url.path.removeprefix(API)}")
        if state.login_page:
            self._send(200, b"<html>Log in</html>", "text/html")
            return
        try:
            if state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
                raise Refused(401, "Request header error: there is no user identity header")
            found = self.kubeflow.answer(method, url.path, query, body, self.headers.get("Content-Type", ""))
            self._send(200, json.dumps(found).encode())
        except Refused as refused:
            self._send(refused.status, json.dumps({"code": 3, "message": str(refused)}).encode())

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

"""The answers: each call of the API, on the state."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp_server_api as api
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.pipelines.loopback_kfp.details import node_of, task_details
from tests.pipelines.loopback_kfp.models import from_json
from tests.pipelines.loopback_kfp.state import Refused, State

STRING = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.STRING
Query = dict[str, str]
Call = Callable[..., Any]


class Kubeflow:
    def __init__(self, state: State) -> None:
        self.state = state
        one = r"([^/:]+)"
        self.calls: list[tuple[str, Call]] = [
            (r"GET /healthz", lambda q, b: api.V2beta1GetHealthzResponse(multi_user=state.multi_user)),
            (r"GET /pipelines", self.list_pipelines),
            (r"POST /pipelines", self.create_pipeline),
            (r"POST /pipelines/upload_version", self.upload_version),
            (rf"GET /pipelines/{one}/versions", self.list_versions),
            (r"GET /experiments", self.list_experiments),
            (r"POST /experiments", self.create_experiment),
            (rf"GET /experiments/{one}", lambda q, b, key: _get(state.experiments, key, "Experiment")),
            (r"GET /runs", self.list_runs),
            (r"POST /runs", self.create_run),
            (rf"GET /runs/{one}", self.get_run),
            (rf"POST /runs/{one}:terminate", self.terminate),
            (rf"POST /runs/{one}:retry", self.retry),
            (r"GET /recurringruns", self.list_schedules),
            (r"POST /recurringruns", self.create_schedule),
            (rf"GET /recurringruns/{one}", lambda q, b, key: _get(state.schedules, key, "Recurring run")),
            (rf"DELETE /recurringruns/{one}", self.delete_schedule),
            (rf"POST /recurringruns/{one}:(enable|disable)", self.switch_schedule),
            (rf"GET /log/{one}/nodes/{one}", self.log),
        ]

    def answer(self, request: str, query: Query, body: bytes) -> Any:
        for pattern, call in self.calls:
            if found := re.fullmatch(pattern, request):
                return call(query, body, *found.groups())
        raise Refused(404, "Not Found")

    def check_namespace(self, namespace: str | None) -> None:
        if self.state.multi_user and not namespace:
            raise Refused(400, "Namespace cannot be empty in multi-user mode")
        if not self.state.multi_user and namespace:
            raise Refused(400, "In single-user mode, namespace should not be set")

    def list_pipelines(self, query: Query, body: bytes) -> Any:
        return self._list("pipelines", api.V2beta1ListPipelinesResponse, self.state.pipelines, query)

    def create_pipeline(self, query: Query, body: bytes) -> Any:
        made = from_json(body, "V2beta1Pipeline")
        if any(one.name == made.name for one in self.state.pipelines.values()):
            raise Refused(409, f"Failed to create a pipeline: the name {made.name} already exists")
        made.pipeline_id, made.created_at = str(uuid.uuid4()), datetime.now(UTC)
        self.state.pipelines[made.pipeline_id] = made
        return made

    def list_versions(self, query: Query, body: bytes, pipeline: str) -> Any:
        mine = {key: one for key, one in self.state.versions.items() if one.pipeline_id == pipeline}
        return self._list("pipeline_versions", api.V2beta1ListPipelineVersionsResponse, mine, query)

    def upload_version(self, query: Query, body: bytes) -> Any:
        pipeline, name = query["pipelineid"], query["name"]
        if pipeline not in self.state.pipelines:
            raise Refused(400, f"Pipeline {pipeline} not found")
        if any((one.pipeline_id, one.display_name) == (pipeline, name) for one in self.state.versions.values()):
            raise Refused(409, f"Failed to create a pipeline version: the name {name} already exists")
        spec, *platforms = yaml.load_all(body, yaml.CSafeLoader)
        try:
            parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
            platform = [json_format.ParseDict(one, pipeline_spec_pb2.PlatformSpec()) for one in platforms]
        except json_format.ParseError as error:
            raise Refused(400, f"Failed to parse the pipeline: {error}") from None
        made = api.V2beta1PipelineVersion(
            pipeline_id=pipeline,
            pipeline_version_id=str(uuid.uuid4()),
            name=name,
            display_name=name,
            created_at=datetime.now(UTC),
        )
        key = made.pipeline_version_id
        self.state.specs[key], self.state.platforms[key], self.state.versions[key] = parsed, platform, made
        return made

    def list_experiments(self, query: Query, body: bytes) -> Any:
        self.check_namespace(query.get("namespace"))
        return self._list("experiments", api.V2beta1ListExperimentsResponse, self.state.experiments, query)

    def create_experiment(self, query: Query, body: bytes) -> Any:
        made = from_json(body, "V2beta1Experiment")
        self.check_namespace(made.namespace)
        made.experiment_id, made.storage_state = str(uuid.uuid4()), "AVAILABLE"
        self.state.experiments[made.experiment_id] = made
        return made

    def list_runs(self, query: Query, body: bytes) -> Any:
        if "experiment_id" in query:
            _get(self.state.experiments, query["experiment_id"], "Experiment")
        else:
            self.check_namespace(query.get("namespace"))
        wanted = query.get("experiment_id")
        mine = {key: one for key, one in self.state.runs.items() if wanted in {None, one.experiment_id}}
        if query.get("sort_by") == "created_at desc":
            mine = dict(sorted(mine.items(), key=lambda pair: pair[1].created_at, reverse=True))
        return self._list("runs", api.V2beta1ListRunsResponse, mine, query)

    def create_run(self, query: Query, body: bytes) -> Any:
        made = from_json(body, "V2beta1Run")
        self._check_work(made)
        made.run_id, made.state = str(uuid.uuid4()), "PENDING"
        made.created_at = datetime.now(UTC) + timedelta(milliseconds=len(self.state.runs))
        self.state.runs[made.run_id] = made
        return made

    def get_run(self, query: Query, body: bytes, run_id: str) -> Any:
        run, frames = _get(self.state.runs, run_id, "Run"), self.state.frames
        run.state, steps = frames.pop(0) if len(frames) > 1 else frames[0]
        run.run_details = api.V2beta1RunDetails(task_details=task_details(self.state, run_id, run.state, steps))
        return run

    def terminate(self, query: Query, body: bytes, run_id: str) -> Any:
        run = _get(self.state.runs, run_id, "Run")
        if run.state not in {"PAUSED", "PENDING", "RUNNING", "RUNTIME_STATE_UNSPECIFIED"}:
            raise Refused(400, f"Failed to terminate a run {run_id}. Row not found")
        run.state, self.state.frames = "CANCELING", [("CANCELING", {}), ("CANCELED", {})]
        return api.V2beta1Run()

    def retry(self, query: Query, body: bytes, run_id: str) -> Any:
        run = _get(self.state.runs, run_id, "Run")
        if self.state.refuse_retry or run.state not in {"FAILED", "CANCELED"}:
            raise Refused(self.state.refuse_retry or 400, "Workflow cannot be retried")
        going, ended = {"fetch": "RUNNING"}, {"fetch": "SUCCEEDED"}
        run.state, self.state.frames = "RUNNING", [("RUNNING", going), ("SUCCEEDED", ended)]
        return api.V2beta1Run()

    def list_schedules(self, query: Query, body: bytes) -> Any:
        if "experiment_id" not in query:
            self.check_namespace(query.get("namespace"))
        return self._list("recurringRuns", api.V2beta1ListRecurringRunsResponse, self.state.schedules, query)

    def create_schedule(self, query: Query, body: bytes) -> Any:
        made = from_json(body, "V2beta1RecurringRun")
        self._check_work(made)
        if not re.fullmatch(r"\S+( \S+){5}", made.trigger.cron_schedule.cron):
            raise Refused(400, "Schedule cron is not supported")
        if not 1 <= int(made.max_concurrency) <= 10:
            raise Refused(400, "The max concurrency of the recurring run must be between 1 and 10")
        made.recurring_run_id, made.created_at = str(uuid.uuid4()), datetime.now(UTC)
        made.status = f"{made.mode}D"
        self.state.schedules[made.recurring_run_id] = made
        return made

    def delete_schedule(self, query: Query, body: bytes, key: str) -> Any:
        _get(self.state.schedules, key, "Recurring run")
        del self.state.schedules[key]
        return api.V2beta1RecurringRun()

    def switch_schedule(self, query: Query, body: bytes, key: str, mode: str) -> Any:
        made = _get(self.state.schedules, key, "Recurring run")
        made.mode, made.status = mode.upper(), f"{mode.upper()}D"
        return api.V2beta1RecurringRun()

    def log(self, query: Query, body: bytes, run_id: str, node: str) -> bytes:
        _get(self.state.runs, run_id, "Run")
        for step, text in self.state.logs.items():
            if node in {node_of(step), node_of(step, "driver")}:
                return text.encode()
        raise Refused(500, f"Failed to read logs for run {run_id}")

    def _check_work(self, made: Any) -> None:
        """Of a run, or a recurring one."""
        reference = made.pipeline_version_reference
        spec = self.state.specs.get(reference.pipeline_version_id)
        if spec is None or made.experiment_id not in self.state.experiments:
            raise Refused(404, "Failed to create a run: no such pipeline version or experiment")
        if self.state.old and "securityContext" in str(self.state.platforms[reference.pipeline_version_id]):
            raise Refused(
                400, 'failed to unmarshal kubernetes config: proto: (line 1:2): unknown field "securityContext"'
            )
        declared, given = spec.root.input_definitions.parameters, made.runtime_config.parameters
        required = {name for name, one in declared.items() if not one.is_optional and not one.HasField("default_value")}
        if missing := sorted(required - given.keys()):
            raise Refused(400, f"Failed to create a run: missing parameters {missing}")
        if unknown := sorted(given.keys() - declared.keys()):
            raise Refused(400, f"Failed to create a run: unknown parameters {unknown}")
        strings = {name for name, value in given.items() if isinstance(value, str)}
        if wrong := sorted(strings ^ {name for name in given if declared[name].parameter_type == STRING}):
            raise Refused(400, f"Failed to create a run: wrong type of {wrong}")

    def _list(self, key: str, response: Any, of: dict[str, Any], query: Query) -> Any:
        found = list(of.values())
        if "filter" in query:
            (predicate,) = json.loads(query["filter"])["predicates"]
            assert predicate["operation"] in {"EQUALS", 1} and predicate["key"] == "display_name"
            found = [one for one in found if one.display_name == predicate["stringValue"]]
        if key in self.state.hide_once:
            self.state.hide_once.remove(key)
            found = []
        start, size = int(query.get("page_token") or 0), int(query.get("page_size") or 10)
        more = str(start + size) if start + size < len(found) else None
        field = next(name for name, written in response.attribute_map.items() if written == key)
        return response(**{field: found[start : start + size]}, total_size=len(found), next_page_token=more)


def _get(of: dict[str, Any], key: str, kind: str) -> Any:
    if key not in of:
        raise Refused(404, f"{kind} {key} not found")
    return of[key]

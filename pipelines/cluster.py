"""Runs the pipeline on a Kubeflow cluster: refuses what cannot work there, uploads, starts a run and watches it."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kfp
import kfp_server_api as api
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from components.base.files import sha256_file
from components.base.settings import Override, PromotionRequest, Settings
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.lint import check, step_names
from pipelines.local.folder import new_name
from pipelines.promotion.compiling import compile_promotion, promotion_arguments

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like

BEARER = "TEXTGATE_KFP_TOKEN"
# Seconds. urllib3 makes four tries of a request that finds no connection.
FIRST_ANSWER_S = 3
ANSWER_S = (5, 60)
POLL_S = 5.0
PATIENCE_S = 300.0
CONFLICT = 409
PASSING = {408, 429, 500, 502, 503, 504}
ENDED = {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}

# An error page that is not UTF-8 breaks the client's own handling of errors.
TROUBLE = (api.ApiException, HTTPError, UnicodeDecodeError)

Show = Callable[[str, str], None]


@dataclass(frozen=True)
class Submitted:
    """A run that Kubeflow has accepted; `steps` are the names of its tasks that run a container."""

    run_id: str
    name: str
    link: str
    version: str
    uploaded: bool
    steps: frozenset[str]


def check_settings(settings: Settings, trains: bool = True, acts: bool = True) -> None:
    """Raises TextgateError naming each key whose value a step in a pod could not use, and what is allowed; `trains`
    where the run needs data and base model, `acts` where it may promote and deploy."""
    store = "s3://bucket/prefix"
    models = ["package://module/path", "hf://org/name@revision", "mlflow://NAME/VERSION", store]
    places = [("promote.log", settings.promote.log, [store])] if acts else []
    if trains:
        places += [("data.remotes", remote, [store]) for remote in settings.data.remotes]
        places.append(("base_model.reference", settings.base_model.reference, models))
    faults = []
    for key, place, allowed in places:
        if not place.startswith(tuple(kind.partition("://")[0] + "://" for kind in allowed)):
            kind = place if "://" in place else f"a folder of this machine ({place or 'promotions in the workspace'})"
            example = f"[{allowed[0]}]" if key == "data.remotes" else allowed[0]
            faults.append(f"{key} is {kind}; a cluster needs {' or '.join(allowed)}, as --set '{key}={example}'")
    if acts and settings.deploy.mode == "auto" and settings.deploy.target == "local":
        faults.append(
            "deploy.mode auto reaches only a server of this machine; use --set deploy.mode=manual, or --set"
            " deploy.target=kserve with deploy.kserve.namespace and deploy.kserve.image"
        )
    if faults:
        raise TextgateError("this config cannot run on a cluster:\n  " + "\n  ".join(faults))


def submit(
    settings: Settings,
    cluster: Cluster,
    experiment: str = "",
    override: Override | None = None,
    like: Like | None = None,
) -> Submitted:
    """Compiles, uploads what is not there yet, and starts a run in `experiment`, which is made where it is missing;
    `like` makes it a reproduction.

    Raises TextgateError where the settings cannot work on a cluster or Kubeflow does not accept them.
    """
    check_settings(settings, acts=not like)
    name = like.name if like else new_name(settings.name)
    with tempfile.TemporaryDirectory() as folder:
        file, about = Path(folder) / "pipeline.yaml", {"cluster": _shown(cluster.host)}
        compile_pipeline(settings, file, to=like.to if like else "")
        arguments = pipeline_arguments(settings, name, file, override, about, like)
        return _start(cluster, name, experiment or settings.name, file, arguments)


def submit_promotion(
    settings: Settings, cluster: Cluster, version: str, request: PromotionRequest, experiment: str = ""
) -> Submitted:
    """As submit, the small pipeline that makes one registered version the champion."""
    check_settings(settings, trains=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compile_promotion(settings, file)
        arguments = promotion_arguments(settings, version, request)
        return _start(cluster, new_name(settings.name), experiment or settings.name, file, arguments)


def _start(cluster: Cluster, name: str, experiment: str, file: Path, arguments: dict[str, str]) -> Submitted:
    spec = check(file)
    version, uploaded = cluster.upload(file, spec.pipeline_info.name)
    run_id = cluster.start(name, experiment, version, arguments)
    steps = frozenset(step_names(spec))
    return Submitted(run_id, name, cluster.link(run_id), version.display_name, uploaded, steps)


class _Client(kfp.Client):  # type: ignore[misc]
    """kfp's constructor asks for the API's health, for minutes and without a time limit: this asks once, briefly."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
        ask = self._healthz_api.healthz_service_get_healthz_with_http_info
        health, status, headers = ask(_request_timeout=FIRST_ANSWER_S)
        kind = headers.get("Content-Type", "nothing")
        if "json" not in kind:
            raise api.ApiException(status, f"{kind} in place of JSON; a login page needs a token in {BEARER}")
        return health


class Cluster:
    """One Kubeflow Pipelines API. A bearer token comes from TEXTGATE_KFP_TOKEN."""

    def __init__(self, host: str, namespace: str = "") -> None:
        """Raises TextgateError, after 15 seconds at most, where no Kubeflow Pipelines API answers and lets us in."""
        self.host = host.strip().rstrip("/")
        if not self.host.startswith(("http://", "https://")):
            raise TextgateError(f"--host takes a URL that starts with http:// or https://, got {host!r}")
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        token = os.environ.get(BEARER) or None
        with self._explained("tell its health"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.client = _Client(self.host, namespace=namespace or "kubeflow", existing_token=token)
            multi_user = self.client.get_kfp_healthz().multi_user
        self.namespace = namespace or (self.client.get_user_namespace() if multi_user else "") or None
        if multi_user and not self.namespace:
            raise TextgateError(f"Kubeflow at {self.host} serves several users: name your namespace with --namespace")

    def upload(self, file: Path, pipeline: str) -> tuple[Any, bool]:
        """The version of the pipeline that holds this very file, and whether it had to be uploaded; its name is the
        file's digest."""
        pipelines, name = self.client.pipelines, sha256_file(file)[:16]
        with self._explained("take the pipeline"):
            found, _ = _find_or_create(
                lambda: (
                    pipelines.pipeline_service_list_pipelines(namespace=self.namespace, **_named(pipeline)).pipelines
                ),
                lambda: pipelines.pipeline_service_create_pipeline(
                    api.V2beta1Pipeline(name=pipeline, display_name=pipeline, namespace=self.namespace),
                    _request_timeout=ANSWER_S,
                ),
            )
            of = found.pipeline_id
            return _find_or_create(
                lambda: pipelines.pipeline_service_list_pipeline_versions(of, **_named(name)).pipeline_versions,
                lambda: self.client.pipeline_uploads.upload_pipeline_version(
                    str(file), name=name, pipelineid=of, _request_timeout=ANSWER_S
                ),
            )

    def start(self, name: str, experiment: str, version: Any, arguments: dict[str, str]) -> str:
        """The id of the new run."""
        experiments, where = self.client.experiments, self.namespace
        with self._explained(f"give the experiment {experiment}"):
            found, _ = _find_or_create(
                lambda: (
                    experiments.experiment_service_list_experiments(namespace=where, **_named(experiment)).experiments
                ),
                lambda: experiments.experiment_service_create_experiment(
                    api.V2beta1Experiment(display_name=experiment, namespace=where), _request_timeout=ANSWER_S
                ),
            )
        reference = api.V2beta1PipelineVersionReference(version.pipeline_id, version.pipeline_version_id)
        run = api.V2beta1Run(
            experiment_id=found.experiment_id,
            display_name=name,
            pipeline_version_reference=reference,
            runtime_config=api.V2beta1RuntimeConfig(parameters=arguments),
        )
        with self._explained("start the run"):
            run_id: str = self.client.runs.run_service_create_run(run, _request_timeout=ANSWER_S).run_id
        return run_id

    def watch(self, run_id: str, steps: frozenset[str], show: Show) -> None:
        """Shows each new state of each step until the run ends. Raises TextgateError unless it SUCCEEDED."""
        states: dict[str, str] = {}
        while True:
            run = self._poll(run_id, show)
            for task in _tasks(run):
                if task.display_name in steps and task.state and states.get(task.display_name) != task.state:
                    states[task.display_name] = task.state
                    show(task.display_name, task.state.lower())
            if run.state in ENDED:
                break
            time.sleep(POLL_S)
        if run.state != "SUCCEEDED":
            raise TextgateError(
                f"the run ended {run.state}: {_cause(run, steps)}\nits page has the logs: {self.link(run_id)}"
            )

    def link(self, run_id: str) -> str:
        return f"{self.host}/#/runs/details/{run_id}"

    def cancelling(self, run_id: str) -> str:
        """The command that ends a run."""
        token = f' -H "Authorization: Bearer ${BEARER}"' if os.environ.get(BEARER) else ""
        return f"curl -X POST{token} {self.host}/apis/v2beta1/runs/{run_id}:terminate"

    def _poll(self, run_id: str, show: Show) -> Any:
        """The run as it is now; an API that stays away is asked again for PATIENCE_S."""
        lost = 0.0
        while True:
            try:
                run = self.client.runs.run_service_get_run(run_id, _request_timeout=ANSWER_S)
                if run.run_id != run_id:
                    raise api.ApiException(200, "no run in it; a login page needs a fresh token")
                return run
            except TROUBLE as error:
                now = time.monotonic()
                if not _may_pass(error) or (lost and now - lost > PATIENCE_S):
                    where = f"the run goes on: {self.link(run_id)}"
                    raise TextgateError(f"{self._message('tell of the run', error)}\n{where}") from error
                if not lost:
                    show("Kubeflow", f"does not answer, asking again ({_reason(error)})")
                lost = lost or now
            time.sleep(POLL_S)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except TROUBLE as error:
            raise TextgateError(self._message(doing, error)) from error

    def _message(self, doing: str, error: Exception) -> str:
        status, reason = getattr(error, "status", 0), _reason(error)
        if isinstance(error, HTTPError):
            return f"Kubeflow at {self.host} does not answer ({reason}); check --host and the network"
        if status in {401, 403}:
            return f"Kubeflow at {self.host} refused access ({reason}); set {BEARER} to a token that may run pipelines"
        advice = "" if status in {400, CONFLICT} else "; check that --host is that of a Kubeflow Pipelines API"
        return f"Kubeflow at {self.host} did not {doing} ({reason}){advice}"


def _shown(host: str) -> str:
    """Without credentials."""
    return re.sub(r"//[^/@]*@", "//", host)


def _named(name: str) -> dict[str, Any]:
    """What asks a list for the one of this name."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return {"filter": json.dumps({"predicates": [predicate]}), "_request_timeout": ANSWER_S}


def _find_or_create(find: Callable[[], Any], create: Callable[[], Any]) -> tuple[Any, bool]:
    """The one that exists, or a new one, and whether it is new; somebody else may make it at the same moment."""
    if found := find():
        return found[0], False
    try:
        return create(), True
    except api.ApiException as error:
        if error.status != CONFLICT or not (found := find()):
            raise
        return found[0], False


def _tasks(run: Any) -> list[Any]:
    """In the order in which they started."""
    tasks = (run.run_details.task_details if run.run_details else None) or []
    return sorted(tasks, key=lambda task: (str(task.start_time), task.display_name or ""))


def _cause(run: Any, steps: frozenset[str]) -> str:
    """The step that failed, with the best message that the API has: its own, its pod's, or the run's."""
    failed = [task for task in _tasks(run) if task.state in {"FAILED", "CANCELED"}]
    named = {(task.display_name or "").removesuffix("-driver"): task for task in failed}
    step = next((name for name in named if name in steps), "")
    pods = [task for task in failed if (task.display_name or "").startswith("executor")]
    messages = [task.error.message for task in [*([named[step]] if step else []), *pods, run] if task.error]
    said = next((message for message in messages if message), "Kubeflow gives no message")
    return f"step {step}: {said}" if step else said


def _may_pass(error: Exception) -> bool:
    return getattr(error, "status", None) in {None, *PASSING}


def _reason(error: Exception) -> str:
    """The server's own words in one line, where it has some."""
    if isinstance(error, HTTPError):
        return re.sub(r"^HTTPS?Connection\w*\(.*?\): ", "", str(getattr(error, "reason", None) or error))
    if isinstance(error, UnicodeDecodeError):
        return "an error page that is not UTF-8"
    status, body = getattr(error, "status", 0), getattr(error, "body", None) or ""
    try:
        answer = json.loads(body)
        said = next(str(answer[key]) for key in ("message", "error_message", "error") if answer.get(key))
    except (ValueError, AttributeError, StopIteration):
        said = str(getattr(error, "reason", ""))
    return f"HTTP {status}: {' '.join(said.split())[:400]}"

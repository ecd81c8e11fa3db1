"""The one place that talks to MLflow about runs; registry.py is the one for models."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from components.base.errors import TextgateError
from components.base.mlflow_client import alone, connect, explained, is_server, is_there, mlflow, shown_uri, uri
from components.base.workspace import home

JOB_ID = "textgate.job_id"
RUN_NAME = "textgate.run_name"
MODEL = "textgate.model"
# The server's limits for one request.
METRICS_AT_ONCE = 1000
PARAMS_OR_TAGS_AT_ONCE = 100

T = TypeVar("T")


class Point(NamedTuple):
    """One value of a metric; `step` is the epoch, and 0 where there is only one value."""

    key: str
    value: float
    step: int = 0


class Tracked(NamedTuple):
    """A run as it stands; `experiment` is the name, `metrics` are the last values."""

    experiment: str
    experiment_id: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]


def prepare(name: str) -> str:
    """Makes experiment and registered model where they are missing; gives the experiment's id, which is the one in
    MLFLOW_EXPERIMENT_ID where that is set."""
    client = connect()
    with alone(), explained(f"prepare experiment and model {name}"):
        experiment_id = os.environ.get("MLFLOW_EXPERIMENT_ID") or _experiment(client, name)
        try:
            client.create_registered_model(name)
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    return experiment_id


def open_run(name: str, job_id: str, tags: Mapping[str, str]) -> str:
    """The id of the job's run, made where there is none yet; the one that MLFLOW_RUN_ID leads to, if it is free.

    `tags` are set in either case.
    """
    experiment_id, client = prepare(name), connect()
    with alone(), explained(f"open the run of job {job_id}"):
        run = _given_run(client, job_id) or _search(client, [experiment_id], job_id)
        if run is None:
            run = client.create_run(experiment_id, tags={JOB_ID: job_id}, run_name=job_id)
    run_id: str = run.info.run_id
    log(run_id, tags={**tags, JOB_ID: job_id})
    return run_id


def find_run(name: str, job_id: str) -> str | None:
    """The id of the job's run. Makes nothing."""
    client = connect()
    with explained(f"find the run of job {job_id}"):
        run = _given_run(client, job_id)
        if run is None or run.data.tags.get(JOB_ID) != job_id:
            named, given = client.get_experiment_by_name(name), os.environ.get("MLFLOW_EXPERIMENT_ID")
            places = [*([named.experiment_id] if named else []), *([given] if given else [])]
            run = _search(client, places, job_id) if places else None
    return run.info.run_id if run else None


def the_run(name: str, job_id: str) -> str:
    """As find_run. Raises TextgateError when the job has no run."""
    if run_id := find_run(name, job_id):
        return run_id
    raise TextgateError(f"MLflow at {shown_uri()} has no run of job {job_id}; the step resolve opens it")


def find_anywhere(run: str) -> str | None:
    """The id of the run that has this id or this name, or is of this job, in whichever experiment. Makes nothing."""
    if not is_there():
        return None
    client = connect()
    with explained(f"find the run {run}"):
        if re.fullmatch("[0-9a-f]{32}", run):
            with suppress(mlflow.MlflowException):
                return str(client.get_run(run).info.run_id)
        if "'" in run:
            return None
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        found = _search(client, experiments, run) or _search(client, experiments, run, RUN_NAME)
    return found.info.run_id if found else None


def close_run(run_id: str, status: str, tags: Mapping[str, str]) -> None:
    """`status` is MLflow's: FINISHED, FAILED or KILLED."""
    log(run_id, tags=tags)
    client = connect()
    with explained(f"close the run {run_id}"):
        client.set_terminated(run_id, status)


def run_tags(run_id: str) -> dict[str, str]:
    client = connect()
    with explained(f"read the run {run_id}"):
        return dict(client.get_run(run_id).data.tags)


def read_run(run_id: str) -> Tracked:
    """Raises TextgateError where there is none."""
    client = connect()
    with explained(f"read the run {run_id}"):
        run = client.get_run(run_id)
        experiment = client.get_experiment(run.info.experiment_id)
        data = run.data
        return Tracked(
            experiment.name, experiment.experiment_id, dict(data.tags), dict(data.params), dict(data.metrics)
        )


def search(tag: str, value: str) -> dict[str, Tracked]:
    """By id, the runs with this value of a tag, in whichever experiment, the oldest first. Makes nothing."""
    if not is_there():
        return {}
    client, found = connect(), dict[str, Tracked]()
    with explained(f"search the runs with {tag} {value}"):
        names = {one.experiment_id: one.name for one in client.search_experiments()}
        token: str | None = None
        while token != "":
            page = client.search_runs(
                list(names), f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time ASC"], page_token=token
            )
            for run in page:
                data = run.data
                place = run.info.experiment_id
                found[str(run.info.run_id)] = Tracked(
                    names[place], place, dict(data.tags), dict(data.params), dict(data.metrics)
                )
            token = page.token or ""
    return found


def log(
    run_id: str,
    *,
    params: Mapping[str, Any] | None = None,
    metrics: Sequence[Point] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Writes what is new; the same values a second time change nothing, and a parameter keeps its first value."""
    client, entities = connect(), mlflow.entities
    with explained(f"write to the run {run_id}"):
        run = client.get_run(run_id)
        known, begun = run.data.params, run.info.start_time
        points = [entities.Metric(key, value, begun, step) for key, value, step in metrics]
        new = [entities.Param(key, str(value)) for key, value in (params or {}).items() if key not in known]
        for some_points in _batched(points, METRICS_AT_ONCE):
            client.log_batch(run_id, metrics=some_points)
        for some_params in _batched(new, PARAMS_OR_TAGS_AT_ONCE):
            client.log_batch(run_id, params=some_params)
        for some_tags in _batched([entities.RunTag(*tag) for tag in (tags or {}).items()], PARAMS_OR_TAGS_AT_ONCE):
            client.log_batch(run_id, tags=some_tags)


def log_files(run_id: str, files: Mapping[str, Path]) -> None:
    """Uploads each file or folder; its key is its path within the run's artifacts, a file's ending in its own name."""
    client = connect()
    for target, path in files.items():
        with explained(f"store {target} with the run {run_id}"):
            if path.is_dir():
                client.log_artifacts(run_id, str(path), target)
            else:
                client.log_artifact(run_id, str(path), str(Path(target).parent))


def log_dataset(run_id: str, name: str, digest: str, profile: Mapping[str, Any]) -> None:
    """Names the data as the run's input, once."""
    client, entities = connect(), mlflow.entities
    with explained(f"write the dataset of the run {run_id}"):
        inputs = client.get_run(run_id).inputs
        known = [one.dataset for one in inputs.dataset_inputs] if inputs else []
        if any((dataset.name, dataset.digest) == (name, digest) for dataset in known):
            return
        source = json.dumps({"uri": f"dvc:{digest}"})
        dataset = entities.Dataset(name, digest, source_type="dvc", source=source, profile=json.dumps(profile))
        context = entities.InputTag("mlflow.data.context", "training")
        client.log_inputs(run_id, [entities.DatasetInput(dataset, [context])])


def read_file(run_id: str, path: str) -> bytes | None:
    """The bytes of one of the run's artifacts; None where it has no such file."""
    if path not in list_files(run_id, str(Path(path).parent)):
        return None
    with downloaded(run_id, path) as file:
        return file.read_bytes()


def list_files(run_id: str, folder: str) -> list[str]:
    """The paths of what lies in a folder of the run's artifacts; none where there is no such folder."""
    client = connect()
    with explained(f"list {folder} of the run {run_id}"):
        return [artifact.path for artifact in client.list_artifacts(run_id, folder)]


@contextmanager
def downloaded(run_id: str, path: str) -> Iterator[Path]:
    """One of the run's artifacts as a file of this machine, which is removed afterwards."""
    client = connect()
    with tempfile.TemporaryDirectory() as folder:
        with explained(f"read {path} of the run {run_id}"):
            location = f"{client.get_run(run_id).info.artifact_uri}/{path}"
            file = mlflow.artifacts.download_artifacts(location, dst_path=folder, tracking_uri=uri())
        yield Path(file)


def _batched(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _experiment(client: mlflow.MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = None if is_server() else (home() / "mlartifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return _experiment(client, name)
    if experiment.lifecycle_stage == "deleted":
        raise TextgateError(
            f"the experiment {name} was deleted in MLflow at {shown_uri()}; restore it with"
            f" `mlflow experiments restore --experiment-id {experiment.experiment_id}`, or give the model another name"
        )
    return str(experiment.experiment_id)


def _given_run(client: mlflow.MlflowClient, job_id: str) -> Any:
    """The run that Kubeflow Pipelines opened for this job, unless another job has taken it; else None.

    Its MLflow plugin gives each task a run of its own, in MLFLOW_RUN_ID, below the one of the whole.
    """
    if not (run_id := os.environ.get("MLFLOW_RUN_ID")):
        return None
    run, passed = client.get_run(run_id), {run_id}
    while (parent := run.data.tags.get("mlflow.parentRunId", run_id)) not in passed:
        passed.add(parent)
        run = client.get_run(parent)
    return run if run.data.tags.get(JOB_ID, job_id) == job_id else None


def _search(client: mlflow.MlflowClient, experiment_ids: list[str], value: str, tag: str = JOB_ID) -> Any:
    found = client.search_runs(experiment_ids, f"tags.`{tag}` = '{value}'", max_results=1)
    return found[0] if found else None

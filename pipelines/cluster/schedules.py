"""Recurring runs: one at a time, missed times left out, each on the data that was pinned when it was made.

Every run of a schedule gets the same arguments. Its name in MLflow is the schedule's; a run is told from the others by
its job id, which Kubeflow fills in for each. Champion and base model are looked up anew by each run.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kfp_server_api as api

from components.base.errors import TextgateError
from components.base.files import canonical_json, sha256_text
from components.base.settings import Settings
from pipelines.cluster.checks import check_settings
from pipelines.cluster.client import ANSWER_S, SCHEDULE, Cluster, named
from pipelines.cluster.cron import checked_cron
from pipelines.cluster.submitting import find_experiment, how_it_runs
from pipelines.cluster.uploading import upload
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.finetune import NAME

LONGEST_NAME = 128
MARK = re.compile(r"textgate ([0-9a-f]{16})")


@dataclass(frozen=True)
class Made:
    """`how` is created, replaced, or unchanged."""

    name: str
    schedule_id: str
    how: str
    cron: str
    enabled: bool


def create(
    settings: Settings, cluster: Cluster, cron: str, name: str = "", experiment: str = "", replace: bool = False
) -> Made:
    """A schedule of that name, the config's if none is given. One of the same content is left alone; another's place is
    taken only with `replace`, after the new one is there, and paused as that was.

    Raises TextgateError where the settings cannot work on a cluster, the cron expression is none, or Kubeflow refuses.
    """
    check_settings(settings)
    name, cron = name or settings.name, checked_cron(cron)
    work = _work(settings, cluster, name)
    where = find_experiment(cluster, experiment or settings.name)
    mark = _mark(cluster, {"cron": cron, "experiment": where, **work})
    others = [one for one in _of_name(cluster, name) if _marked(one) != mark]
    if others and not replace:
        raise TextgateError(
            f"there is a schedule {name} with another cron, config, data or code ({others[0].recurring_run_id}); take"
            " its place with --replace, or give the new one a --name of its own"
        )
    enabled = all(one.status != "DISABLED" for one in others)
    made, new = cluster.find_or_create(
        SCHEDULE,
        lambda: [one for one in _of_name(cluster, name) if _marked(one) == mark],
        lambda: cluster.client.recurring_runs.recurring_run_service_create_recurring_run(
            _recurring(name, cron, where, work, mark, enabled), _request_timeout=ANSWER_S
        ),
    )
    for other in others:
        delete(cluster, other)
    how = "replaced" if others else "created" if new else "unchanged"
    return Made(name, made.recurring_run_id, how, cron, made.status != "DISABLED")


def list_schedules(cluster: Cluster) -> list[Any]:
    where = {"namespace": cluster.namespace} if cluster.namespace else {}
    call = cluster.client.recurring_runs.recurring_run_service_list_recurring_runs
    return list(cluster.pages("list the schedules", call, "recurring_runs", **where))


def find_schedule(cluster: Cluster, reference: str) -> Any:
    """By name or id. Raises TextgateError where there is none, or more than one."""
    found = _of_name(cluster, reference) or [
        one for one in list_schedules(cluster) if one.recurring_run_id == reference
    ]
    if not found:
        raise TextgateError(
            f"there is no schedule {reference} on Kubeflow at {cluster.host};"
            f" `{cluster.command('schedule', 'list')}` lists those that are there"
        )
    if len(found) > 1:
        ids = ", ".join(one.recurring_run_id for one in found)
        raise TextgateError(f"{len(found)} schedules are called {reference}: name the one you mean by its id ({ids})")
    return found[0]


def switch(cluster: Cluster, schedule: Any, on: bool) -> bool:
    """False where it is so already."""
    if (schedule.status == "ENABLED") == on:
        return False
    service = cluster.client.recurring_runs
    call = (
        service.recurring_run_service_enable_recurring_run
        if on
        else service.recurring_run_service_disable_recurring_run
    )
    cluster.ask(
        f"{'resume' if on else 'pause'} the schedule",
        lambda: call(schedule.recurring_run_id, _request_timeout=ANSWER_S),
    )
    return True


def delete(cluster: Cluster, schedule: Any) -> None:
    """Its runs stay."""
    service, key = cluster.client.recurring_runs, schedule.recurring_run_id

    def remove() -> None:
        try:
            service.recurring_run_service_delete_recurring_run(key, _request_timeout=ANSWER_S)
        except api.ApiException as error:
            if error.status != 404:
                raise

    cluster.ask("delete the schedule", remove)


def checked_name(name: str) -> str:
    """Raises TextgateError where no schedule can be called so."""
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise TextgateError(
            f"--name takes 1 to {LONGEST_NAME} characters, none of them a control character, got {name[:200]!r}; leave"
            " it out for the config's name"
        )
    return name


def _recurring(name: str, cron: str, where: str, work: dict[str, Any], mark: str, enabled: bool) -> Any:
    return api.V2beta1RecurringRun(
        display_name=name,
        description=f"textgate {mark}",
        experiment_id=where,
        trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=cron)),
        mode="ENABLE" if enabled else "DISABLE",
        max_concurrency="1",
        no_catchup=True,
        **work,
    )


def _work(settings: Settings, cluster: Cluster, name: str) -> dict[str, Any]:
    """What each run does; the pipeline is uploaded where it is not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compile_pipeline(settings, file)
        arguments = pipeline_arguments(settings, name, file, about={"cluster": cluster.host})
        version, _ = upload(cluster, file, NAME)
    return how_it_runs(cluster, version, arguments)


def _mark(cluster: Cluster, content: dict[str, Any]) -> str:
    """By which a schedule of the same content is known again; it stands in the description."""
    plain = cluster.client.runs.api_client.sanitize_for_serialization(content)
    return sha256_text(canonical_json(plain))[:16]


def _marked(schedule: Any) -> str:
    found = MARK.search(schedule.description or "")
    return found[1] if found else ""


def _of_name(cluster: Cluster, name: str) -> list[Any]:
    where = {"namespace": cluster.namespace} if cluster.namespace else {}
    service = cluster.client.recurring_runs
    found = cluster.ask(
        f"give the schedule {name}",
        lambda: service.recurring_run_service_list_recurring_runs(**where, **named(name)).recurring_runs,
    )
    return list(found or [])

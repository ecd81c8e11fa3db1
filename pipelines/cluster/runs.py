"""Runs that are there: found by id, by the beginning of one or by name, listed, cancelled and tried again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import kfp_server_api as api

from components.base.errors import TextgateError
from pipelines.cluster.answers import STRANGE
from pipelines.cluster.client import ANSWER_S, Cluster, checked, named
from pipelines.cluster.errors import TROUBLE, reason
from pipelines.cluster.states import BROKEN, CANCELING, ENDED, seconds

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PREFIX = re.compile(r"[0-9a-f-]{4,35}")
NEWEST_FIRST = "created_at desc"
# Runs in which the beginning of an id is looked for, the newest first.
LOOKED_AT = 1000


@dataclass(frozen=True)
class Listed:
    """A run in a list; `seconds` until its end, or until now."""

    run_id: str
    name: str
    state: str
    started: str
    seconds: float
    experiment: str


def get_run(cluster: Cluster, run_id: str) -> Any:
    return cluster.ask(f"give the run {run_id}", lambda: ask_once(cluster, run_id))


def ask_once(cluster: Cluster, run_id: str) -> Any:
    """The run as it is now. Raises one of TROUBLE."""
    run = cluster.client.runs.run_service_get_run(run_id, _request_timeout=ANSWER_S)
    if run.run_id != run_id:
        raise api.ApiException(200, STRANGE)
    return run


def find_run(cluster: Cluster, reference: str) -> Any:
    """By id, by the beginning of one, or by name. Raises TextgateError where there is none, or more than one."""
    if ID.fullmatch(reference):
        return get_run(cluster, reference)
    runs = cluster.client.runs
    doing = f"give the run {reference}"
    found = cluster.ask(
        doing, lambda: runs.run_service_list_runs(**_within(cluster), sort_by=NEWEST_FIRST, **named(reference)).runs
    )
    if not found and PREFIX.fullmatch(reference):
        found = [run for run in _newest(cluster, LOOKED_AT) if run.run_id.startswith(reference)]
    if not found:
        raise TextgateError(
            f"there is no run {reference} on Kubeflow at {cluster.host}; `{cluster.command('runs')}` lists"
            " those that are there"
        )
    if len(found) > 1:
        ids = ", ".join(run.run_id for run in found[:5])
        raise TextgateError(f"{len(found)} runs are called {reference}: name the one you mean by its id ({ids})")
    return get_run(cluster, found[0].run_id)


def list_runs(cluster: Cluster, most: int, state: str = "", experiment: str = "") -> list[Listed]:
    """The newest first. Raises TextgateError where there is no such experiment."""
    names: dict[str, str] = {}
    listed: list[Listed] = []
    for run in _newest(cluster, 0, _experiment_id(cluster, experiment) if experiment else ""):
        if state and run.state != state.upper():
            continue
        if run.experiment_id not in names:
            names[run.experiment_id] = experiment or _experiment_name(cluster, run.experiment_id)
        started = run.created_at.isoformat(timespec="seconds") if run.created_at else ""
        took = seconds(run.created_at, run.finished_at)
        listed.append(
            Listed(run.run_id, run.display_name or "", run.state or "", started, took, names[run.experiment_id])
        )
        if len(listed) == most:
            break
    return listed


def cancel(cluster: Cluster, run: Any) -> str:
    """The state of a run that has ended already, or is being cancelled already; else empty, and it is from now on."""
    if run.state in {*ENDED, CANCELING}:
        return str(run.state)

    def end() -> str:
        try:
            cluster.client.runs.run_service_terminate_run(run.run_id, _request_timeout=ANSWER_S)
        except api.ApiException as error:
            # The first of two requests may have done it, though its answer was lost, or the run ended by itself.
            now = ask_once(cluster, run.run_id).state if error.status == 400 else ""
            if now not in {*ENDED, CANCELING}:
                raise
            return "" if now == CANCELING else str(now)
        return ""

    return cluster.ask("cancel the run", end)


def retry(cluster: Cluster, run: Any) -> None:
    """Has the steps run again that failed, and those after them. Raises TextgateError where that cannot be."""
    if run.state not in ENDED:
        raise TextgateError(f"the run {run.run_id} is {run.state}: only one that has ended can be tried again")
    if run.state in {"SUCCEEDED", "SKIPPED"}:
        raise TextgateError(f"the run {run.run_id} ended {run.state}: nothing of it is to be tried again")
    sent = False

    def goes_on() -> bool:
        return ask_once(cluster, run.run_id).state not in BROKEN

    def again() -> None:
        nonlocal sent
        # It goes on already where only the answer was lost.
        if sent and goes_on():
            return
        sent = True
        try:
            cluster.client.runs.run_service_retry_run(run.run_id, _request_timeout=ANSWER_S)
        except api.ApiException as error:
            if error.status not in {400, 404, 405, 409, 500, 501}:
                raise
            if error.status in {400, 409, 500} and goes_on():
                return
            why = {404: "it has no such run any more, or cannot", 405: "it cannot", 501: "it cannot"}.get(error.status)
            raise TextgateError(
                f"Kubeflow at {cluster.host} does not try the run again ({why or cluster.auth.hide(reason(error))});"
                f" `{cluster.command('submit')}` starts a new one, in which steps whose inputs are the same come from"
                " the cache"
            ) from error

    cluster.ask("try the run again", again)


def _newest(cluster: Cluster, most: int, experiment_id: str = "") -> Iterator[Any]:
    """`most` 0 gives all."""
    where = {"experiment_id": experiment_id} if experiment_id else _within(cluster)
    doing, call = "list the runs", cluster.client.runs.run_service_list_runs
    for number, run in enumerate(cluster.pages(doing, call, "runs", sort_by=NEWEST_FIRST, **where), start=1):
        yield run
        if number == most:
            return


def _within(cluster: Cluster) -> dict[str, Any]:
    return {"namespace": cluster.namespace} if cluster.namespace else {}


def _experiment_id(cluster: Cluster, name: str) -> str:
    experiments = cluster.client.experiments
    found = cluster.ask(
        f"give the experiment {name}",
        lambda: experiments.experiment_service_list_experiments(namespace=cluster.namespace, **named(name)).experiments,
    )
    if not found:
        raise TextgateError(f"there is no experiment {name} on Kubeflow at {cluster.host}")
    return str(found[0].experiment_id)


def _experiment_name(cluster: Cluster, experiment_id: str) -> str:
    """The id where it has gone."""
    try:
        get = cluster.client.experiments.experiment_service_get_experiment
        return str(checked(lambda: get(experiment_id, _request_timeout=ANSWER_S)).display_name)
    except TROUBLE:
        return experiment_id

"""Follows a run to its end."""

from __future__ import annotations

import time
from typing import Any, Protocol

from components.base.errors import TextgateError
from components.base.retry_after import pause_after
from pipelines.cluster import pods
from pipelines.cluster.causes import likely_cause, own_message
from pipelines.cluster.client import Cluster, checked
from pipelines.cluster.errors import LONGEST_PAUSE_S, PATIENCE_S, TROUBLE, may_pass, reason
from pipelines.cluster.logs import read_log
from pipelines.cluster.runs import ask_once
from pipelines.cluster.states import ENDED, failed_step, failure, pods_of, seconds, steps

POLL_S = 5.0
WAITS_S = 60.0
LAST_LINES = 20


class Screen(Protocol):
    def changed(self, step: str, state: str, took: float) -> None:
        """A step's new state, and its seconds so far."""

    def says(self, text: str) -> None: ...

    def now(self, run: Any) -> None:
        """The run at each look at it."""


def watch(cluster: Cluster, run_id: str, screen: Screen) -> None:
    """Shows each new state of each step until the run ends. Raises TextgateError unless it SUCCEEDED."""
    states: dict[str, str] = {}
    told: set[str] = set()
    while True:
        run = _poll(cluster, run_id, screen)
        for step in steps(run):
            key = step.pod_name or step.task_id or step.display_name
            if step.state and states.get(key) != step.state:
                states[key] = step.state
                screen.changed(step.display_name, step.state, seconds(step.start_time, step.end_time))
        screen.now(run)
        if run.state in ENDED:
            break
        _tell_of_waiting(cluster, run, screen, told)
        time.sleep(POLL_S)
    if run.state != "SUCCEEDED":
        raise TextgateError(explain_end(cluster, run))


def explain_end(cluster: Cluster, run: Any) -> str:
    """Of a run that did not succeed: the step that broke, its last lines, the likely cause, and what to do next."""
    name, task = failed_step(run)
    said = failure(run)
    lines = [f"the run ended {run.state}: {f'step {name}: ' if name else ''}{said}"]
    log, trouble = "", ""
    if run.state == "FAILED" and name:
        log, trouble = _log_and_trouble(cluster, run, task, lines)
    own = own_message(log)
    cause = likely_cause(name, said, trouble) or own or likely_cause(name, log)
    if cause:
        lines.append(f"likely cause: {cause}")
    if log:
        lines.append(f"the whole log: {cluster.command('logs', run.run_id, name)}")
    # A step that the same inputs make fail again says itself what to submit.
    if run.state in {"FAILED", "CANCELED"} and "textgate submit" not in own:
        lines.append(f"try again from there: {cluster.command('retry', run.run_id)}")
    return "\n".join([*lines, f"its page: {cluster.link(run.run_id)}"])


def _log_and_trouble(cluster: Cluster, run: Any, task: Any, lines: list[str]) -> tuple[str, str]:
    try:
        log = read_log(cluster, run, task)
        lines += [f"  | {line}" for line in log.splitlines()[-LAST_LINES:]]
    except TextgateError as error:
        log = ""
        lines.append(f"({error})")
    tried = pods_of(run, task)
    trouble = pods.trouble(cluster.namespace or pods.NAMESPACE, run.run_id, tried[-1].pod_name) if tried else ""
    if trouble:
        lines.append(f"its pod: {trouble}")
    return log, trouble


def _tell_of_waiting(cluster: Cluster, run: Any, screen: Screen, told: set[str]) -> None:
    """Once for each pod that does not begin: why, where Kubernetes says so."""
    for step in steps(run):
        for pod in pods_of(run, step)[-1:]:
            waits = pod.state == "PENDING" and seconds(pod.start_time, None) > WAITS_S
            if not waits or pod.pod_name in told:
                continue
            told.add(pod.pod_name)
            why = pods.trouble(cluster.namespace or pods.NAMESPACE, run.run_id, pod.pod_name)
            cause = likely_cause(step.display_name, why)
            screen.says(f"{step.display_name} waits for its pod: {why or 'kubectl describe pod says why'}")
            if cause:
                screen.says(f"likely cause: {cause}")


def _poll(cluster: Cluster, run_id: str, screen: Screen) -> Any:
    """The run as it is now; an API that stays away is asked again for PATIENCE_S."""
    lost = 0.0
    while True:
        asked = time.monotonic()
        try:
            return checked(lambda: ask_once(cluster, run_id))
        except TROUBLE as error:
            pause = pause_after(error, POLL_S, LONGEST_PAUSE_S)
            if not may_pass(error) or time.monotonic() + pause - (lost or asked) > PATIENCE_S:
                goes_on = f"the run goes on; follow it with {cluster.command('watch', run_id)}\nor on its page: "
                message = cluster.message("tell of the run", error)
                raise TextgateError(f"{message}\n{goes_on}{cluster.link(run_id)}") from error
            if not lost:
                screen.says(f"Kubeflow does not answer, asking again ({cluster.auth.hide(reason(error))})")
            lost = lost or asked
            time.sleep(pause)

"""How a run and its steps are: which of the API's task details are steps, and which pods are theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from components.base.settings import STEP_NAMES

ENDED = {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}
CANCELING = "CANCELING"
BROKEN = {"FAILED", "CANCELED"}
# What the tasks are called that run a container: a step, a shard of one, the step again in another branch; or as pages
# show it, with the outcome that a record is of.
STEP = re.compile(rf"({'|'.join(STEP_NAMES)})(-(shard|merge))?(-\d+| [a-z-]+)?")
DRIVER = "-driver"


def tasks(run: Any) -> list[Any]:
    """In the order in which they started."""
    found = (run.run_details.task_details if run.run_details else None) or []
    return sorted(found, key=lambda task: (str(task.start_time), task.display_name or ""))


def steps(run: Any) -> list[Any]:
    """The tasks that are steps, in the order in which they started."""
    return [task for task in tasks(run) if STEP.fullmatch(task.display_name or "")]


def pods_of(run: Any, step: Any) -> list[Any]:
    """The tasks in whose pods the step ran, one for each try, the latest last; a driver is one itself."""
    if (step.display_name or "").endswith(DRIVER):
        return [step]
    by_node = {task.pod_name: task for task in tasks(run) if task.pod_name}
    return sorted(_executors(step, by_node), key=lambda task: str(task.start_time))


def _executors(task: Any, by_node: dict[str, Any]) -> Iterator[Any]:
    for child in task.child_tasks or []:
        found = by_node.get(child.pod_name)
        if found is None or not (found.display_name or "").startswith("executor"):
            continue
        tries = list(_executors(found, by_node))
        yield from tries or [found]


def failed_step(run: Any) -> tuple[str, Any]:
    """Name and task of the step that broke, where it is known; the task is that of its driver where it never began."""
    for task in tasks(run):
        name = (task.display_name or "").removesuffix(DRIVER)
        if task.state in BROKEN and STEP.fullmatch(name):
            return name, task
    return "", None


def failure(run: Any) -> str:
    """The best message that the API has: the step's own, that of a pod, or the run's."""
    _, task = failed_step(run)
    pods = [one for one in tasks(run) if one.state in BROKEN and (one.display_name or "").startswith("executor")]
    messages = [one.error.message for one in [*([task] if task else []), *pods, run] if one.error]
    return next((message for message in messages if message), "Kubeflow gives no message")


def seconds(start: datetime | None, end: datetime | None) -> float:
    """From start to end, or until now; 0 where it has not begun. An end that is not there yet lies in 1970."""
    if start is None or start.year < 2000:
        return 0.0
    if end is None or end < start:
        end = datetime.now(UTC)
    return max((end - start).total_seconds(), 0.0)

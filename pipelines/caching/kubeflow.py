"""What Kubeflow knows of a run's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from pipelines.caching.runs import FAILED, RAN, REUSED
from pipelines.local.folder import STEPS, step_of

if TYPE_CHECKING:
    from pipelines.cluster import Cluster

# Of a task that the cache gave what it would have made, Kubeflow says that it was skipped.
STATES = {"SUCCEEDED": RAN, "SKIPPED": REUSED, "FAILED": FAILED, "CANCELED": FAILED, "RUNNING": RAN}
ANSWER_S = (5, 60)


def states_of(cluster: Cluster, run_id: str) -> dict[str, str]:
    """By step. Raises TextgateError where Kubeflow has no such run, or does not tell of it."""
    try:
        run = cluster.client.runs.run_service_get_run(run_id, _request_timeout=ANSWER_S)
    except (ApiException, HTTPError, UnicodeDecodeError) as error:
        reason = f"HTTP {error.status}" if isinstance(error, ApiException) else type(error).__name__
        raise TextgateError(
            f"Kubeflow at {cluster.host} does not tell of the run {run_id} ({reason}); RUN with --host is the id that"
            " `textgate submit` printed"
        ) from None
    found: dict[str, str] = {}
    for task in (run.run_details.task_details if run.run_details else None) or []:
        step, state = step_of(task.display_name or ""), STATES.get(task.state or "")
        if step in STEPS and state and not (task.display_name or "").endswith("-driver"):
            # Of a step in shards, one that ran counts.
            found[step] = state if found.get(step) in (None, REUSED) else found[step]
    return found

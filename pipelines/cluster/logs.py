"""What a step's pod printed: from the API server, which also has archived logs, else from Kubernetes."""

from __future__ import annotations

from typing import Any

import kfp_server_api as api
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from pipelines.cluster import pods
from pipelines.cluster.client import ANSWER_S, Cluster
from pipelines.cluster.deadline import within
from pipelines.cluster.errors import TROUBLE, reason
from pipelines.cluster.states import pods_of, steps

# No generated call has them: they stand beside the API, the second in later versions of the server.
PATHS = tuple(f"/apis/{version}/runs/{{run_id}}/nodes/{{node_id}}/log" for version in ("v1alpha1", "v2beta1"))


# Seconds for one log as a whole.
LOG_S = 300.0


def find_step(run: Any, name: str) -> Any:
    """The latest task of that name. Raises TextgateError with the names that there are."""
    found = [step for step in steps(run) if step.display_name == name]
    if not found:
        names = ", ".join(dict.fromkeys(step.display_name for step in steps(run)))
        raise TextgateError(
            f"the run has no step {name}; {f'its steps are {names}' if names else 'none has begun yet'}"
        )
    return found[-1]


def read_log(cluster: Cluster, run: Any, step: Any) -> str:
    """Of the step's last try. Raises TextgateError where it has no pod, and where neither the API nor Kubernetes has
    the log."""
    tried = pods_of(run, step)
    if not tried:
        raise TextgateError(f"step {step.display_name} has no pod: it has not begun, or its result came from the cache")
    node = tried[-1].pod_name
    found, why = _from_api(cluster, run.run_id, node)
    if found is not None:
        return found
    try:
        return pods.read_log(cluster.namespace or pods.NAMESPACE, run.run_id, node)
    except TextgateError as error:
        raise TextgateError(
            f"no log of step {step.display_name}: Kubeflow's API gives none ({why}), and its pod cannot be read either"
            f" ({error})"
        ) from None


def _from_api(cluster: Cluster, run_id: str, node: str) -> tuple[str | None, str]:
    """The log, or None and why."""
    why = ""
    for path in PATHS:
        for name in _names(node):
            try:
                return _ask(cluster, path, run_id, name), ""
            except TROUBLE as error:
                if isinstance(error, HTTPError) or getattr(error, "status", 0) in {401, 403}:
                    raise TextgateError(cluster.message("give the log", error)) from error
                why = why or reason(error)
    return None, why


def _names(node: str) -> list[str]:
    """The node, by which logs are archived, and the pods that Argo may have made of it."""
    workflow, _, number = node.rpartition("-")
    return [node, *(f"{workflow}-system-container-{kind}-{number}" for kind in ("impl", "driver"))]


def _ask(cluster: Cluster, path: str, run_id: str, node: str) -> str:
    client = cluster.client.runs.api_client
    answer = client.call_api(
        path,
        "GET",
        path_params={"run_id": run_id, "node_id": node},
        auth_settings=["Bearer"],
        _return_http_data_only=True,
        _preload_content=False,
        _request_timeout=ANSWER_S,
    )
    if "html" in answer.headers.get("Content-Type", ""):
        raise api.ApiException(404, "a page in place of a log")
    return str(within(LOG_S, answer.read).decode("utf-8", errors="replace"))

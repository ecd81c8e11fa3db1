"""A run's pods, where a kube config says how Kubernetes is reached."""

from __future__ import annotations

from typing import Any

from kubernetes import client as k8s
from urllib3.exceptions import HTTPError

from components.base.errors import TextgateError
from components.deploy.cluster import connect

# Where pods run if Kubeflow serves one user.
NAMESPACE = "kubeflow"
ANSWER_S = (3, 30)
NODE = "workflows.argoproj.io/node-id"


def read_log(namespace: str, run_id: str, node: str) -> str:
    """Raises TextgateError where there is no such pod, or no way to it."""
    core = k8s.CoreV1Api(connect())
    try:
        pod = _find(core, namespace, run_id, node)
        answer = core.read_namespaced_pod_log(
            pod.metadata.name, namespace, container="main", _preload_content=False, _request_timeout=ANSWER_S
        )
        return str(answer.data.decode("utf-8", errors="replace"))
    except (k8s.ApiException, HTTPError) as error:
        raise TextgateError(_said(error)) from error


def trouble(namespace: str, run_id: str, node: str) -> str:
    """Why the pod does not run, or ended, in Kubernetes' words; empty where that is not known."""
    try:
        status = _find(k8s.CoreV1Api(connect()), namespace, run_id, node).status
    except (TextgateError, k8s.ApiException, HTTPError):
        return ""
    said = [status.reason, status.message]
    for container in status.container_statuses or []:
        for state in (container.state.waiting, container.state.terminated):
            if state is not None:
                said += [state.reason, state.message]
    said += [part for one in status.conditions or [] if one.status == "False" for part in (one.reason, one.message)]
    return "; ".join(dict.fromkeys(part for part in said if part and part != "Completed"))


def _find(core: Any, namespace: str, run_id: str, node: str) -> Any:
    found = core.list_namespaced_pod(
        namespace, label_selector=f"pipeline/runid={run_id}", _request_timeout=ANSWER_S
    ).items
    for pod in found:
        if node in {pod.metadata.name, (pod.metadata.annotations or {}).get(NODE)}:
            return pod
    raise TextgateError(f"no pod of it is left in the namespace {namespace}")


def _said(error: Exception) -> str:
    return f"Kubernetes: HTTP {error.status} {error.reason}" if isinstance(error, k8s.ApiException) else str(error)

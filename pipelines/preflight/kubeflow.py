"""The Kubeflow Pipelines API: its version, and whether it lets us into namespace and experiment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import kfp

from components.base.errors import TextgateError
from pipelines.cluster.client import named
from pipelines.cluster.errors import TROUBLE, reason
from pipelines.preflight.line import Line, failed, ok, unknown

if TYPE_CHECKING:
    from pipelines.cluster import Cluster

CHECKS = ("Kubeflow API", "credentials", "namespace", "experiment")
API, CREDENTIALS, NAMESPACE, EXPERIMENT = CHECKS
OLDEST = (2, 0)
# That knows the field securityContext of a step.
KNOWS_USERS = (2, 16)
ANSWER_S = (3, 10)
REFUSED = (401, 403)


def ask(connect: Callable[[], Cluster], experiment: str) -> list[Line]:
    """A line for each of CHECKS."""
    try:
        cluster = connect()
    except TextgateError as error:
        return _unconnected(error)
    found = [_version(cluster)]
    try:
        listed = _listed(cluster, experiment)
    except TROUBLE as error:
        return [*found, *_refused(error, cluster)]
    where = cluster.namespace or "the one of Kubeflow, which serves no others"
    return [*found, ok(CREDENTIALS, "accepted"), ok(NAMESPACE, where), _experiment(listed, experiment)]


def _unconnected(error: TextgateError) -> list[Line]:
    """Something may have answered, and wanted other credentials or a namespace."""
    status, said = getattr(error.__cause__, "status", None), str(error)
    others = {name: unknown(name, "the API could not be asked") for name in CHECKS}
    if status in REFUSED:
        others |= {API: ok(API, "answers"), CREDENTIALS: failed(CREDENTIALS, said)}
    elif "--namespace" in said:
        others |= {API: ok(API, "answers"), NAMESPACE: failed(NAMESPACE, said)}
    else:
        others[API] = failed(API, said)
    return list(others.values())


def _version(cluster: Cluster) -> Line:
    """The API v2beta1 has answered already. Its health says the version, on most installations."""
    told = _told(cluster)
    tag, commit = (str(told.get(key, "")).replace("unknown", "") for key in ("tag_name", "commit_sha"))
    shown = " ".join([*([tag] if tag else []), *([f"(commit {commit[:12]})"] if commit else [])])
    needed = KNOWS_USERS if cluster.settings.run_as_user else OLDEST
    if (number := re.match(r"v?(\d+)\.(\d+)", tag)) and (int(number[1]), int(number[2])) < needed:
        what = "cluster.run_as_user needs" if needed == KNOWS_USERS else "pipelines need"
        advice = f"{what} {needed[0]}.{needed[1]} or later: upgrade it"
        return failed(API, f"{cluster.host} is version {shown}", advice)
    return ok(API, f"v2beta1, version {shown or 'not told'}; this client is kfp {kfp.__version__}")


def _told(cluster: Cluster) -> dict[str, Any]:
    for version in ("v2beta1", "v1beta1"):
        try:
            answer = cluster.client.experiments.api_client.call_api(
                f"/apis/{version}/healthz",
                "GET",
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=ANSWER_S,
            )
            told = json.loads(answer.data)
        except (*TROUBLE, ValueError):
            continue
        if isinstance(told, dict) and (told.get("tag_name") or told.get("commit_sha")):
            return told
    return {}


def _listed(cluster: Cluster, experiment: str) -> list[Any]:
    query = {**named(experiment), "_request_timeout": ANSWER_S}
    answer = cluster.client.experiments.experiment_service_list_experiments(namespace=cluster.namespace, **query)
    return answer.experiments or []


def _refused(error: Exception, cluster: Cluster) -> list[Line]:
    status, said = getattr(error, "status", None), reason(error)
    unasked = unknown(EXPERIMENT, "the API could not be asked")
    if status == 401:
        line = failed(CREDENTIALS, f"{cluster.host} refuses them ({said})", "renew them; cluster.auth says which")
        return [line, unknown(NAMESPACE, "the API could not be asked"), unasked]
    if status in (400, 403, 404):
        advice = "correct --namespace or cluster.namespace, or have its owner let you in"
        where = cluster.namespace or "no namespace"
        return [ok(CREDENTIALS, "accepted"), failed(NAMESPACE, f"{where}: not allowed ({said})", advice), unasked]
    return [unknown(name, f"the API did not answer ({said})", "try again") for name in CHECKS[1:]]


def _experiment(listed: list[Any], name: str) -> Line:
    if not listed:
        return ok(EXPERIMENT, f"{name} is made with the first run")
    if str(listed[0].storage_state) == "ARCHIVED":
        return failed(EXPERIMENT, f"{name} is archived", "restore it in Kubeflow, or name another by --experiment")
    return ok(EXPERIMENT, f"{name} is there")

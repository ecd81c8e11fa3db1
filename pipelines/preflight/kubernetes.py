"""What pods need of their namespace: service account, Secrets, ConfigMaps, claims, the launcher's, a quota for GPUs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, NamedTuple

from kubernetes import client as k8s

from components.base.errors import TextgateError
from components.base.settings import Settings
from components.base.settings.deploy import amount
from components.deploy.cluster import TROUBLE, connect, reason
from pipelines.preflight import launcher
from pipelines.preflight.line import Line, failed, ok, unknown

CHECK, GPUS = "Kubernetes", "GPUs"
# Where a Kubeflow that serves one user runs its pods.
SINGLE_USER = "kubeflow"
ANSWER = {"_request_timeout": (3, 10)}


class Needed(NamedTuple):
    """`keys` must be in the object; where it is `optional` neither need be there."""

    kind: str
    name: str
    keys: tuple[str, ...] = ()
    optional: bool = False


def ask(settings: Settings, steps: Collection[str]) -> list[Line]:
    """A line for each thing that the pods of these steps need, or one that says why nothing can be known."""
    namespace = settings.cluster.namespace or SINGLE_USER
    wanted = list(needed(settings, steps))
    gpus = most_gpus(settings, steps)
    if not wanted and not gpus and not launcher.endpoint(settings):
        return [ok(CHECK, "the settings name nothing that pods need of their namespace")]
    try:
        core = k8s.CoreV1Api(connect())
    except TextgateError as error:
        names = ", ".join([*(f"{one.kind} {one.name}" for one in wanted), *gpus])
        names = names or f"the ConfigMap {launcher.CONFIG_MAP}"
        return [unknown(CHECK, str(error), f"see by hand that {namespace} has {names}")]
    host = core.api_client.configuration.host
    try:
        core.read_namespace(namespace, **ANSWER)
    except TROUBLE as error:
        if getattr(error, "status", None) != 403:
            return [_unasked(host, namespace, error)]
    found = [_line(f"{one.kind} {one.name}", partial(_has, core, namespace, one)) for one in wanted]
    if launcher.endpoint(settings):
        found.append(_line(launcher.LAUNCHER, partial(launcher.ask, core, namespace, settings, **ANSWER)))
    return found + [_line(GPUS, partial(_quota, core, namespace, *item)) for item in gpus.items()]


def needed(settings: Settings, steps: Collection[str]) -> Iterator[Needed]:
    """By the pods of these steps."""
    cluster, notify = settings.cluster, settings.notify
    if cluster.service_account:
        yield Needed("service account", cluster.service_account)
    for kind, mounts in (("Secret", cluster.secrets), ("ConfigMap", cluster.config_maps)):
        yield from (Needed(kind, one.name, tuple(sorted(set(one.env.values()))), one.optional) for one in mounts)
    if "close" in steps and notify.kind != "none" and notify.secret:
        yield Needed("Secret", notify.secret, (notify.key,))
    yield from (Needed("Secret", name) for name in cluster.image_pull_secrets)
    yield from (Needed("claim", one.claim) for one in cluster.pvcs if any(map(one.is_for, steps)))


def most_gpus(settings: Settings, steps: Collection[str]) -> dict[str, int]:
    """The most GPUs that one pod of these steps asks for, by their kind."""
    most: dict[str, int] = {}
    for resources in map(settings.cluster.resources.of, steps):
        if resources.gpus:
            most[resources.gpu] = max(resources.gpus, most.get(resources.gpu, 0))
    return most


def _unasked(host: str, namespace: str, error: Exception) -> Line:
    if getattr(error, "status", None) == 404:
        said = f"the cluster at {host} has no namespace {namespace}"
        return unknown(CHECK, said, "set cluster.namespace, or KUBECONFIG to the cluster that Kubeflow is on")
    return unknown(CHECK, f"the cluster at {host} does not answer ({reason(error)})", "check KUBECONFIG")


def _line(check: str, find_out: Callable[[], Line]) -> Line:
    try:
        return find_out()
    except TROUBLE as error:
        if getattr(error, "status", None) in (401, 403):
            return unknown(check, f"these credentials may not read it ({reason(error)})", "look by hand")
        return unknown(check, f"the cluster did not answer ({reason(error)})", "try again")


def _has(core: k8s.CoreV1Api, namespace: str, wanted: Needed) -> Line:
    """Of a Secret only the names of its keys are looked at."""
    check = f"{wanted.kind} {wanted.name}"
    read: Callable[..., Any] = {
        "service account": core.read_namespaced_service_account,
        "Secret": core.read_namespaced_secret,
        "ConfigMap": core.read_namespaced_config_map,
        "claim": core.read_namespaced_persistent_volume_claim,
    }[wanted.kind]
    try:
        found = read(wanted.name, namespace, **ANSWER)
    except k8s.ApiException as error:
        if error.status != 404:
            raise
        if wanted.optional:
            return ok(check, f"{namespace} has none, which its setting allows")
        return failed(check, f"{namespace} has none, and pods would wait for it", "create it, or correct its name")
    if wanted.kind == "claim" and found.status.phase == "Lost":
        return failed(check, "its volume is gone", "make the claim anew")
    there = {**(found.data or {}), **(getattr(found, "binary_data", None) or {})} if wanted.keys else {}
    if (missing := [key for key in wanted.keys if key not in there]) and not wanted.optional:
        return failed(check, f"it has no key {', '.join(missing)}", "add it, or correct the key in the config")
    return ok(check, f"in {namespace}")


def _quota(core: k8s.CoreV1Api, namespace: str, gpu: str, asked: int) -> Line:
    """A quota that can never hold them fails; what is in use now, or not on a node now, may be there by then."""
    free = []
    for quota in core.list_namespaced_resource_quota(namespace, **ANSWER).items:
        key = f"requests.{gpu}"
        hard, used = ((getattr(quota.status, side) or {}).get(key) for side in ("hard", "used"))
        if hard is None:
            continue
        if amount(hard) < asked:
            said = f"a pod asks for {asked} {gpu}, and the quota {quota.metadata.name} of {namespace} allows {hard}"
            return failed(GPUS, said, "have it raised, or lower cluster.resources.steps.STEP.gpus")
        free.append((int(amount(hard) - amount(used or "0")), quota.metadata.name))
    if free and min(free)[0] < asked:
        left, name = min(free)
        return unknown(GPUS, f"{left} {gpu} of the quota {name} are free now, of {asked}", "the step waits for others")
    return _nodes(core, gpu, asked)


def _nodes(core: k8s.CoreV1Api, gpu: str, asked: int) -> Line:
    try:
        nodes = core.list_node(**ANSWER).items
    except k8s.ApiException as error:
        if error.status != 403:
            raise
        return ok(GPUS, f"the quota allows {asked} {gpu}; the nodes may not be read")
    able = [node for node in nodes if amount((node.status.allocatable or {}).get(gpu, "0")) >= asked]
    if able:
        return ok(GPUS, f"{len(able)} of {len(nodes)} nodes have {asked} {gpu} or more")
    return unknown(GPUS, f"no node has {asked} {gpu} now", "unless the cluster adds one, the step waits for ever")

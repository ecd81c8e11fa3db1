"""Whether Kubeflow's launcher, which moves the artifacts of each step, is told of an S3 server that is not AWS's."""

from __future__ import annotations

from typing import Any

import yaml
from kubernetes import client as k8s

from components.base.addresses import without_credentials
from components.base.settings import Settings
from components.base.settings.storage import ENDPOINTS
from pipelines.preflight.line import Line, ok, unknown

LAUNCHER = "launcher"
CONFIG_MAP = "kfp-launcher"


def endpoint(settings: Settings) -> str:
    """Where steps reach S3, if the run's artifacts go there and it is a server of one's own; else empty."""
    if not settings.cluster.pipeline_root.startswith("s3://"):
        return ""
    named = (settings.s3.endpoint, *(settings.cluster.env.get(name, "") for name in ENDPOINTS))
    return without_credentials(next(filter(None, named), ""))


def ask(core: k8s.CoreV1Api, namespace: str, settings: Settings, **answer: Any) -> Line:
    """What is missing is no failure: a server may take the bucket in its name. Raises what the client does."""
    there = endpoint(settings)
    try:
        data = core.read_namespaced_config_map(CONFIG_MAP, namespace, **answer).data or {}
    except k8s.ApiException as error:
        if error.status != 404:
            raise
        data = {}
    told = _told(data.get("providers", ""))
    if not told:
        bucket = settings.cluster.pipeline_root.removeprefix("s3://").partition("/")[0]
        return unknown(
            LAUNCHER,
            f"no ConfigMap {CONFIG_MAP} of {namespace} tells Kubeflow's launcher of {there}: it asks AWS, or a host"
            f" {bucket}.… there",
            "give it `providers`, as infra/kustomize/components/seaweedfs/launcher.yaml has them",
        )
    return ok(LAUNCHER, f"{CONFIG_MAP} leads it to {told}")


def _told(providers: str) -> str:
    """The address that it names for S3; empty where it names none."""
    try:
        return str(yaml.safe_load(providers)["s3"]["default"]["endpoint"] or "")
    except (yaml.YAMLError, KeyError, TypeError):
        return ""

"""The file as a whole: what the platform adds, the objects around it, its size."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf import json_format
from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig

from pipelines.lint.compiled import Compiled

# The API server takes files up to 32 MiB (its MaxFileLength), but makes one Argo Workflow of a pipeline, which etcd
# refuses above 1.5 MiB (--max-request-bytes), and which Argo fails when its compressed state is above 1 MiB. A workflow
# repeats each step's settings and has the run's arguments: a third of 1.5 MiB is what a file may have.
MOST_BYTES = 512 * 1024
GROUP = "pipelines.kubeflow.org/v2beta1"
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def platform_matches(compiled: Compiled) -> Iterator[str]:
    """Each entry is of an executor, and of fields that Kubeflow knows: an unknown one is dropped without a word."""
    for platform, content in compiled.platform.get("platforms", {}).items():
        if platform != "kubernetes":
            yield f"platform {platform}: only kubernetes is known"
        for label, entry in content.get("deploymentSpec", {}).get("executors", {}).items():
            if label not in compiled.executors:
                yield f"platform {platform}: there is no executor {label}"
            try:
                json_format.ParseDict(entry, KubernetesExecutorConfig())
            except json_format.ParseError as error:
                yield f"platform {platform}: {label}: {error}"


def size_is_within_limits(compiled: Compiled) -> Iterator[str]:
    if compiled.size > MOST_BYTES:
        yield f"the file has {compiled.size:,} bytes; Kubernetes stores no workflow made of more than {MOST_BYTES:,}"


def objects_belong_together(compiled: Compiled) -> Iterator[str]:
    """Of Kubernetes' objects: the version names the pipeline beside it."""
    kinds = {str(one.get("kind")): one for one in compiled.objects}
    if not kinds:
        return
    if unknown := set(kinds) - {"Pipeline", "PipelineVersion"}:
        yield f"there is an object {min(unknown)}; Kubeflow knows Pipeline and PipelineVersion"
    for kind, one in kinds.items():
        name = str(one.get("metadata", {}).get("name", ""))
        if one.get("apiVersion") != GROUP or not NAME.fullmatch(name):
            yield f"{kind} {name or '(unnamed)'}: needs apiVersion {GROUP} and a name that Kubernetes takes"
    named = kinds.get("PipelineVersion", {}).get("spec", {}).get("pipelineName")
    if "Pipeline" in kinds and named != kinds["Pipeline"].get("metadata", {}).get("name"):
        yield f"PipelineVersion: belongs to the pipeline {named}, which is not the one in this file"

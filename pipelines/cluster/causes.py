"""The likely cause of a failure, from what step, pod and log say."""

from __future__ import annotations

import re
from typing import NamedTuple


class Cause(NamedTuple):
    pattern: str
    advice: str


OLD = (
    "it is too old for a key of cluster that this config uses (securityContext: cluster.run_as_user): leave that out,"
    " or upgrade Kubeflow Pipelines"
)
# The first that is found is told. What names one thing stands before what may have several reasons.
CAUSES = (
    Cause(r"unknown field \"?securityContext", OLD),
    Cause(
        r"OOMKilled|exit code:? 137|\b137\b.*killed|ResourceExhaustedError|Cannot allocate memory|MemoryError",
        "it ran out of memory: raise cluster.resources.steps.{step}.memory_limit, or lower what it holds"
        " (training.batch_size, tokenization.shards)",
    ),
    Cause(
        r"ImagePullBackOff|ErrImagePull|InvalidImageName|manifest unknown|pull access denied",
        "the image cannot be pulled: check its digest (cluster.image, cluster.gpu_image, TEXTGATE_IMAGE) and"
        " cluster.image_pull_secrets",
    ),
    Cause(
        r"CreateContainerConfigError|(secret|configmap) \"[^\"]*\" not found|couldn't find key",
        "a Secret or ConfigMap of the pod is missing, or a key in it: create it in the run's namespace, or correct"
        " cluster.secrets and cluster.config_maps",
    ),
    Cause(
        r"exceeded quota|Insufficient [\w./-]*gpu|Unschedulable|nodes are available|FailedScheduling",
        "no node takes the pod: check the quota, and cpu, memory, gpus, node_selector and tolerations in"
        " cluster.resources.steps.{step}",
    ),
    Cause(
        r"violates PodSecurity|PodSecurityPolicy|admission webhook .* denied",
        "the namespace forbids such a pod: see what it enforces (admission webhooks; pod security `restricted` needs"
        " cluster.run_as_user)",
    ),
    Cause(
        r"DeadlineExceeded|deadline exceeded|active on the node longer|[Tt]imed? ?out .*(step|pod|workflow)",
        "its time was up: raise cluster.resources.steps.{step}.timeout_s or cluster.timeout_s",
    ),
    Cause(
        r"\b[Ee]victed\b|[Pp]reempt|node was low on resource|NodeLost|node is (shutting down|not ready)|Spot",
        "the node was taken away: give cluster.resources.steps.{step} retries, and training.checkpoint.place so that"
        " training goes on where it was",
    ),
    Cause(
        r"No space left on device|ephemeral.storage",
        "the disk is full: the node's, or that of a claim; mount a larger one with cluster.pvcs",
    ),
    Cause(
        r"(AccessDenied|403|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch).*(s3|bucket|object)"
        r"|(s3|bucket|object).*(AccessDenied|403|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch)",
        "the object store refuses the pod's credentials: check the Secret with AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY in cluster.secrets, and the bucket's policy",
    ),
    Cause(
        r"MLflow.*(refused|does not answer|resolve|timed out|[Uu]nreachable)|(refused|resolve).*mlflow",
        "MLflow is not reached from the pod: check MLFLOW_TRACKING_URI in cluster.env, and network policies",
    ),
    Cause(
        r"[Cc]onnection refused|[Nn]ame or service not known|[Tt]emporary failure in name resolution|No route to host",
        "a service is not reached from the pod: check the addresses in cluster.env, and network policies",
    ),
    Cause(
        r"[Ff]orbidden|cannot (create|get|list|patch|delete) resource",
        "the pod's service account lacks a right: see cluster.service_account and its roles",
    ),
)


def likely_cause(step: str, *told: str) -> str:
    """What to do about it; empty where nothing known is found. textgate's own message says it better itself."""
    texts = [text for text in told if text]
    for cause in CAUSES:
        if any(re.search(cause.pattern, text, re.IGNORECASE) for text in texts):
            return cause.advice.format(step=step.partition("-")[0] or "STEP")
    return ""


def own_message(log: str) -> str:
    """The last line in which textgate itself says what is wrong."""
    lines = [line for line in log.splitlines() if re.match(r"(.*\s)?textgate: \S", line)]
    return lines[-1].partition("textgate: ")[2] if lines else ""

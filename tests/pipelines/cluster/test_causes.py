"""The likely cause, from what Kubernetes, the object store and MLflow really say."""

from __future__ import annotations

import pytest

from pipelines.cluster.causes import likely_cause, own_message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("OOMKilled (exit code 137)", "steps.finetune.memory_limit"),
        ("tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating", "memory_limit"),
        ('ErrImagePull: failed to pull "x@sha256:12": manifest unknown', "image_pull_secrets"),
        ("ImagePullBackOff", "check its digest"),
        ('kubernetes config: proto: (line 1:2): unknown field "securityContext"', "leave that out"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "needs cluster.run_as_user"),
        ('CreateContainerConfigError; secret "s3" not found', "cluster.secrets"),
        ("Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu", "node_selector"),
        ('pods "x" is forbidden: exceeded quota: team, requested: requests.nvidia.com/gpu=1', "check the quota"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "pod security"),
        ("Pod was active on the node longer than the specified deadline; DeadlineExceeded", "timeout_s"),
        ("Evicted: The node was low on resource: memory", "training.checkpoint.place"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("s3://bucket/x: An error occurred (403) when calling HeadObject: Forbidden", "AWS_ACCESS_KEY_ID"),
        ("MLflow at http://mlflow does not answer (Connection refused)", "MLFLOW_TRACKING_URI"),
        ("urllib3: [Errno 111] Connection refused", "network policies"),
        ('User "system:serviceaccount:a:b" cannot get resource "inferenceservices"', "cluster.service_account"),
    ],
)
def test_what_is_known_is_told_with_what_to_do(said: str, told: str) -> None:
    assert told in likely_cause("finetune", said)


def test_a_shard_has_the_resources_of_its_step() -> None:
    assert "steps.tokenize.memory_limit" in likely_cause("tokenize-shard-2", "OOMKilled")


@pytest.mark.parametrize("said", ["", "exit code 1", "KeyError: 'label'"])
def test_what_is_not_known_is_not_guessed(said: str) -> None:
    assert likely_cause("fetch", said) == ""


def test_the_last_message_of_textgate_is_found_after_a_log_s_prefix() -> None:
    log = "textgate: first\nI0102 textgate: data.remotes holds nothing\nTraceback textgates: no\n"
    assert own_message(log) == "data.remotes holds nothing"
    assert own_message("nothing of ours") == ""

"""What a config must have to run on a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.settings import load
from pipelines.cluster import check_settings
from tests.pipelines.loopback_kfp import State

Typed = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("data.remotes=[s3://textgate/data, .dvc/cache]", "data.remotes"),
        ("promote.log=promotions", "promote.log"),
        ("promote.log=''", "promote.log"),
        ("base_model.reference=base_model", "base_model.reference"),
        ("deploy.mode=auto", "deploy.mode"),
    ],
)
def test_config_for_this_machine_alone_is_refused_before_anything_is_sent(
    submit: Typed, kubeflow: State, override: str, key: str
) -> None:
    status, _, err = submit("--set", override)
    assert status == 1 and f"\n  {key} " in err and "--set" in err
    assert not kubeflow.requests


def test_a_cluster_may_deploy_to_kserve(config: Path) -> None:
    place = ["deploy.target=kserve", "deploy.kserve.namespace=models", "deploy.kserve.image=textgate/serve"]
    check_settings(load(config, ["deploy.mode=auto", *place]))


def test_all_that_a_cluster_lacks_is_told_at_once() -> None:
    settings = load(Path(__file__).parents[3] / "configs" / "brand-sentiment.yaml")
    with pytest.raises(TextgateError) as refused:
        check_settings(settings)
    for key in ("data.remotes", "promote.log", "deploy.mode"):
        assert f"\n  {key} " in str(refused.value)
    assert "base_model" not in str(refused.value)


@pytest.mark.parametrize(
    "reference", ["package://module/path", "hf://org/name@main", "mlflow://tiny/1", "s3://bucket/prefix"]
)
def test_base_model_that_pods_reach_is_taken(config: Path, reference: str) -> None:
    check_settings(load(config, [f"base_model.reference={reference}", "deploy.mode=manual"]))


@pytest.mark.parametrize(
    ("place", "steps", "taken"),
    [
        ("s3://bucket/checkpoints", "[]", True),
        ("/mnt/claim/tiny", "[]", True),
        ("/mnt/claim/tiny", "[finetune]", True),
        ("/mnt/claim/tiny", "[fetch]", False),
        ("/mnt/claims", "[]", False),
    ],
)
def test_checkpoints_lie_where_the_pod_finds_them_again(config: Path, place: str, steps: str, taken: bool) -> None:
    claim = f"cluster.pvcs=[{{claim: work, path: /mnt/claim, steps: {steps}}}]"
    settings = load(config, [claim, f"training.checkpoint.place={place}"])
    if taken:
        check_settings(settings)
    else:
        with pytest.raises(TextgateError, match=r"training\.checkpoint\.place .*cluster\.pvcs that finetune mounts"):
            check_settings(settings)
    check_settings(settings, trains=False)


@pytest.mark.parametrize(
    "key",
    [
        "s3.endpoint",
        *(f"cluster.env.{name}" for name in ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")),
    ],
)
def test_an_address_that_leads_each_pod_to_itself_is_refused(config: Path, key: str) -> None:
    own = ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
    for host in own:
        for trains in (True, False):
            with pytest.raises(TextgateError, match=rf"\n  {key} is .*{re.escape(host)}.* leads each pod to itself"):
                check_settings(load(config, [f"{key}=http://{host}:8333"]), trains=trains)
    for host in ("mlflow.textgate-mlflow.svc", "10.0.0.7", "localhost.example.com", "[fd00::1]"):
        check_settings(load(config, [f"{key}=http://{host}:8333"]))


@pytest.mark.parametrize(
    ("bundle", "mounts", "taken"),
    [
        ("/certs/ca.pem", "cluster.secrets=[{name: ca, path: /certs}]", True),
        ("/certs/ca.pem", "cluster.config_maps=[{name: ca, path: /certs}]", True),
        ("/certs/ca.pem", "cluster.pvcs=[{claim: ca, path: /certs}]", True),
        ("/certs/ca.pem", "cluster.pvcs=[{claim: ca, path: /certs, steps: [fetch]}]", False),
        ("/certs/ca.pem", "cluster.secrets=[{name: ca, path: /cert}]", False),
        ("/certs/ca.pem", "cluster.env={AWS_CA_BUNDLE: /certs/ca.pem}", False),
        ("/etc/ssl/certs/ours.pem", "cluster.secrets=[]", True),
        ("ca.pem", "cluster.secrets=[]", False),
    ],
)
def test_certificates_lie_where_pods_find_them(config: Path, bundle: str, mounts: str, taken: bool) -> None:
    settings = load(config, [f"s3.ca_bundle={bundle}", mounts])
    if taken:
        check_settings(settings)
    else:
        with pytest.raises(TextgateError, match=r"\n  s3\.ca_bundle /.* that pods lack; .*AWS_CA_BUNDLE"):
            check_settings(settings, trains=False)

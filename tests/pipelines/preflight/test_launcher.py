from __future__ import annotations

from typing import Any

import pytest

from pipelines.pods import steps_of
from pipelines.preflight.kubernetes import ask
from pipelines.preflight.line import Line
from tests.infra.kustomize.objects import of_kind
from tests.pipelines.preflight.loopback_kubernetes import Cluster
from tests.pipelines.preflight.made import make_settings, named, states

ENDPOINT = "http://seaweedfs.textgate-storage.svc:8333"


def lines(**changes: Any) -> list[Line]:
    settings = make_settings(cluster={"namespace": "team", "pipeline_root": "s3://textgate/kubeflow", **changes})
    return ask(settings, steps_of(settings, trains=True))


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_the_component_s_config_map_leads_it_to_the_server(cluster: Cluster, variable: str) -> None:
    (ours,) = [found for found in of_kind("staging", "ConfigMap") if found["metadata"]["name"] == "kfp-launcher"]
    cluster.add("configmaps", "kfp-launcher", data=ours["data"])
    line = named(lines(env={variable: ENDPOINT}), "launcher")
    assert line.state == "ok" and line.said.endswith("leads it to seaweedfs.textgate-storage.svc:8333")


@pytest.mark.parametrize(
    "providers",
    [
        None,
        "",
        "[",
        "minio: {default: {endpoint: minio:9000}}",
        "s3: []",
        "s3: {default: {region: us-east-1}}",
        "s3: {default: }",
    ],
)
def test_without_it_the_launcher_may_look_elsewhere(cluster: Cluster, providers: str | None) -> None:
    if providers is not None:
        cluster.add("configmaps", "kfp-launcher", data={"providers": providers, "defaultPipelineRoot": "s3://a"})
    line = named(lines(env={"AWS_ENDPOINT_URL_S3": ENDPOINT}), "launcher")
    assert line.state == "unknown" and f"launcher of {ENDPOINT}" in line.said and "a host textgate.…" in line.said
    assert "providers" in line.advice


def test_a_config_map_that_may_not_be_read_is_not_known(cluster: Cluster) -> None:
    cluster.forbidden = {"configmaps"}
    assert "may not read it" in named(lines(env={"AWS_ENDPOINT_URL_S3": ENDPOINT}), "launcher").said


@pytest.mark.parametrize(
    "changes",
    [{}, {"env": {"AWS_DEFAULT_REGION": "eu-west-1"}}, {"env": {"AWS_ENDPOINT_URL_S3": ENDPOINT}, "pipeline_root": ""}],
)
def test_of_aws_and_of_kubeflow_s_own_store_nothing_is_asked(cluster: Cluster, changes: dict[str, Any]) -> None:
    assert states(lines(**changes)).keys() == {"Kubernetes"}

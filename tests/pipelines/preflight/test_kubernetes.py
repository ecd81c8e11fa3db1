"""What pods need of their namespace, asked of an API server on this machine by the real client."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from pipelines.pods import steps_of
from pipelines.preflight.kubernetes import ask
from pipelines.preflight.line import Line
from tests.pipelines.preflight.loopback_kubernetes import Cluster
from tests.pipelines.preflight.made import make_settings, named, states

HUSH = base64.b64encode(b"hush-hush").decode()
GPU = "nvidia.com/gpu"
IMAGE = f"registry.example/textgate@sha256:{'5' * 64}"
NEEDS: dict[str, Any] = {
    "namespace": "team",
    "service_account": "textgate",
    "secrets": [
        {"name": "s3", "env": {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}},
        {"name": "proxy", "path": "/etc/proxy", "optional": True},
    ],
    "config_maps": [{"name": "places", "env": {"PLACE": "place"}}],
    "image_pull_secrets": ["pull"],
    "pvcs": [{"claim": "saved", "path": "/saved"}],
}


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    """With everything that NEEDS names."""
    cluster.add("serviceaccounts", "textgate")
    cluster.add("secrets", "s3", data={"id": HUSH, "key": HUSH})
    cluster.add("secrets", "pull", data={".dockerconfigjson": HUSH})
    cluster.add("configmaps", "places", data={"place": "here"})
    cluster.add("persistentvolumeclaims", "saved", status={"phase": "Bound"})
    return cluster


def lines(trains: bool = True, notify: dict[str, Any] | None = None, acts: bool = True, **changes: Any) -> list[Line]:
    settings = make_settings(cluster={**NEEDS, **changes}, notify=notify or {})
    return ask(settings, steps_of(settings, trains, acts))


def gpus(count: int = 2, trains: bool = True) -> Line:
    steps = {"finetune": {"gpus": count}}
    return named(lines(trains, gpu_image=IMAGE, resources={"steps": steps}), "GPUs")


def test_all_that_pods_need_is_there(cluster: Cluster) -> None:
    found = lines()
    assert {line.state for line in found} == {"ok"}
    assert set(states(found)) == {
        "service account textgate", "Secret s3", "Secret proxy", "ConfigMap places", "Secret pull", "claim saved",
    }  # fmt: skip
    assert HUSH not in str(found) and "hush-hush" not in str(found)


@pytest.mark.parametrize(
    ("plural", "name", "check"),
    [
        ("serviceaccounts", "textgate", "service account textgate"),
        ("secrets", "s3", "Secret s3"),
        ("secrets", "pull", "Secret pull"),
        ("configmaps", "places", "ConfigMap places"),
        ("persistentvolumeclaims", "saved", "claim saved"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_still_looked_at(
    cluster: Cluster, plural: str, name: str, check: str
) -> None:
    del cluster.objects[plural, name]
    found = lines()
    assert [line.check for line in found if line.state != "ok"] == [check]
    assert named(found, check).advice and len(found) == 6


def test_a_key_that_is_missing(cluster: Cluster) -> None:
    cluster.add("secrets", "s3", data={"id": HUSH})
    assert named(lines(), "Secret s3").said == "it has no key key"


def test_the_webhook_s_secret_is_needed_where_somebody_is_told(cluster: Cluster) -> None:
    told = {"kind": "slack", "secret": "hooks", "key": "slack"}
    assert named(lines(notify=told), "Secret hooks").state == "failed"
    assert "Secret hooks" not in states(lines(notify={**told, "kind": "none"}))


def test_a_promotion_needs_only_what_its_own_steps_mount(cluster: Cluster) -> None:
    claims = [{"claim": f"of-{step}", "path": f"/{step}", "steps": [step]} for step in ("finetune", "canary", "deploy")]
    told = {"kind": "slack", "secret": "hooks"}
    asked = states(lines(False, told, pvcs=[*claims, {"claim": "saved", "path": "/saved"}]))
    assert [check for check in asked if check.startswith("claim")] == ["claim of-canary", "claim saved"]
    assert "Secret hooks" not in asked and "Secret s3" in asked
    whole = states(lines(True, told, pvcs=claims))
    assert [check for check in whole if check.startswith("claim")] == ["claim of-finetune", "claim of-canary"]


def test_a_reproduction_trains_and_comes_to_no_canary(cluster: Cluster) -> None:
    claims = [{"claim": f"of-{step}", "path": f"/{step}", "steps": [step]} for step in ("finetune", "canary", "deploy")]
    steps = {"finetune": {"gpus": 2}}
    asked = states(lines(False, acts=False, pvcs=claims, gpu_image=IMAGE, resources={"steps": steps}))
    assert [check for check in asked if check.startswith("claim")] == ["claim of-finetune"] and "GPUs" in asked


def test_a_claim_without_its_volume(cluster: Cluster) -> None:
    cluster.add("persistentvolumeclaims", "saved", status={"phase": "Lost"})
    assert named(lines(), "claim saved").state == "failed"


def test_what_may_not_be_read_is_not_known(cluster: Cluster) -> None:
    cluster.forbidden = {"secrets", "namespaces"}
    found = states(lines())
    assert {found[check] for check in ("Secret s3", "Secret pull")} == {"unknown"}
    assert found["ConfigMap places"] == "ok"


def test_a_namespace_of_another_cluster_is_not_known(cluster: Cluster) -> None:
    (line,) = lines(namespace="elsewhere")
    assert line.state == "unknown" and "has no namespace elsewhere" in line.said and "KUBECONFIG" in line.advice


def test_without_a_kube_config_it_is_said_what_to_look_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (line,) = lines()
    assert line.state == "unknown" and "Secret s3" in line.advice and "claim saved" in line.advice


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"clusters: [a-token-of-mine\nusers: {", "{file} is not a valid kubeconfig: it is not YAML, line 2"),
        (b"\xff\xfe", "{file} is not a valid kubeconfig: it is not YAML; correct it, or set KUBECONFIG to another"),
        (b"a-token-of-mine", "{file} is not a valid kubeconfig: it is not a mapping"),
        (b"", "{file} is not a valid kubeconfig: it is empty"),
        (b"clusters: 5\ncurrent-context: here", "{file} is not a valid kubeconfig: TypeError of its content"),
        (
            b"current-context: here\nusers: [{user: {token: a-token-of-mine}}, {}]",
            "{file} is not a valid kubeconfig: Expected key name in {file}/...; correct it",
        ),
        (
            b"current-context: here\ncontexts: []",
            "{file} is not a valid kubeconfig: Expected object with name here in {file}/contexts list; correct it",
        ),
        (b"clusters: []\nusers: []", "{file} has no current-context; `kubectl config use-context NAME` sets it"),
    ],
)
def test_a_kubeconfig_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, said: str
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(file))
    file.write_bytes(content)
    (line,) = lines()
    assert line.state == "unknown" and said.format(file=file) in line.said
    assert "a-token-of-mine" not in line.said and "Secret s3" in line.advice


def test_a_kubeconfig_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path))
    (line,) = lines()
    assert line.said.startswith(f"the kubeconfig {tmp_path} cannot be read: Is a directory; set KUBECONFIG to")


def test_gpus_need_a_quota_that_can_hold_them(cluster: Cluster) -> None:
    cluster.add("nodes", "one", status={"allocatable": {GPU: "4"}})
    assert gpus().state == "ok"
    quota = {f"requests.{GPU}": "4", "requests.cpu": "8"}
    cluster.add("resourcequotas", "compute", status={"hard": quota, "used": {f"requests.{GPU}": "2"}})
    assert gpus().state == "ok"
    busy = gpus(3)
    assert busy.state == "unknown" and "2 nvidia.com/gpu of the quota compute are free now, of 3" in busy.said
    never = gpus(5)
    assert never.state == "failed" and "allows 4" in never.said and "gpus" in never.advice


def test_gpus_need_a_node(cluster: Cluster) -> None:
    cluster.add("nodes", "small", status={"allocatable": {GPU: "1"}})
    cluster.add("nodes", "none", status={"allocatable": {"cpu": "8"}})
    assert gpus(2).state == "unknown", "an autoscaler may bring one"
    assert gpus(1).said == "1 of 2 nodes have 1 nvidia.com/gpu or more"
    cluster.forbidden = {"nodes"}
    assert gpus(2).state == "ok"


def test_a_promotion_asks_for_the_gpus_of_its_own_steps(cluster: Cluster) -> None:
    for step, is_asked in (("finetune", False), ("canary", True)):
        found = states(lines(False, gpu_image=IMAGE, resources={"steps": {step: {"gpus": 2}}}))
        assert ("GPUs" in found) == is_asked

"""The conversation with an API server that is busy, away, or refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.deploy.cluster import Cluster
from components.deploy.manifests import Release, inference_service, serving_runtime
from components.deploy.observed import Manifest
from tests.components.deploy.conftest import Step, write_kubeconfig
from tests.components.deploy.loopback_kserve import TOKEN, State

RELEASE = Release("tiny", "1", "d" * 64, 1, "s3://bundles/tiny")


@pytest.fixture
def service(step: Step) -> Manifest:
    return inference_service(RELEASE, step())


def test_apply_find_and_delete(cluster: State, service: Manifest) -> None:
    there = Cluster("models")
    assert there.find("InferenceService", "tiny") is None
    made = there.apply(service)
    assert made["metadata"]["generation"] == 1 and made["spec"]["predictor"]["containerConcurrency"] == 0
    assert there.apply(service)["metadata"]["generation"] == 1
    found = there.find("InferenceService", "tiny")
    assert found and found["spec"] == made["spec"]
    assert there.delete("InferenceService", "tiny") is True
    assert there.delete("InferenceService", "tiny") is False


@pytest.mark.parametrize("trouble", [409, 429, 500, 503, 0])
def test_a_busy_server_is_asked_again(trouble: int, cluster: State, service: Manifest) -> None:
    cluster.troubles = [trouble, trouble]
    Cluster("models").apply(service)
    assert cluster.requests == [("PATCH", "tiny")] * 3
    cluster.troubles = [trouble]
    assert Cluster("models").find("InferenceService", "tiny")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (409, r"did not change inferenceservices in models \(HTTP 409: busy\); try again later"),
        (503, r"did not change inferenceservices in models \(HTTP 503: busy\); try again later"),
        (0, r"does not answer \(.*\); check KUBECONFIG and the network"),
    ],
)
def test_one_that_stays_busy_is_told_once(trouble: int, said: str, cluster: State, service: Manifest) -> None:
    cluster.troubles = [trouble] * 20
    with pytest.raises(TextgateError, match=said):
        Cluster("models").apply(service)
    assert len(cluster.requests) == 6


def test_the_server_may_ask_for_a_longer_pause(
    cluster: State, service: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    monkeypatch.setattr("components.deploy.cluster.time.sleep", paused.append)
    cluster.retry_after = "7"
    cluster.troubles = [429]
    Cluster("models").apply(service)
    cluster.retry_after, cluster.troubles = "9999", [429]
    Cluster("models").apply(service)
    assert paused == [7, 30]


def test_credentials_that_are_refused(
    cluster: State, service: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kubeconfig(tmp_path / "other", Cluster("models").host, "expired-0454")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "other"))
    with pytest.raises(TextgateError, match=r"refuses the credentials \(HTTP 401: Unauthorized\)") as refused:
        Cluster("models").apply(service)
    assert "0454" not in str(refused.value) and len(cluster.requests) == 1


def test_missing_rights_name_the_verbs(cluster: State, service: Manifest) -> None:
    cluster.forbidden = True
    with pytest.raises(
        TextgateError, match=r"does not let these credentials change inferenceservices in models .*grant"
    ):
        Cluster("models").apply(service)
    assert len(cluster.requests) == 1


def test_a_cluster_without_kserve_is_not_one_without_the_object(cluster: State, service: Manifest) -> None:
    cluster.kinds.clear()
    for ask in (lambda: Cluster("models").apply(service), lambda: Cluster("models").find("InferenceService", "tiny")):
        with pytest.raises(TextgateError, match="has no KServe: it does not know inferenceservices"):
            ask()


def test_a_missing_namespace(cluster: State, service: Manifest) -> None:
    with pytest.raises(TextgateError, match=r"has no namespace nowhere; .*deploy\.kserve\.namespace"):
        Cluster("nowhere").apply(service)


def test_what_kserve_refuses_is_told_in_its_words(cluster: State, step: Step) -> None:
    there = Cluster("models")
    there.apply(inference_service(RELEASE, step()))
    with pytest.raises(TextgateError, match=r"KServe on .* refuses the manifest: HTTP 403: .*mode cannot be changed"):
        there.apply(inference_service(RELEASE, step("standard")))


def test_no_cluster_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(TextgateError, match=r"no cluster is configured \(.*\); set KUBECONFIG"):
        Cluster("models")


def test_a_pod_acts_as_its_service_account(
    cluster: State, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over plain HTTP, which stands for the certificate that a pod has."""
    host = Cluster("models").host
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", host.rpartition(":")[2])
    for name, content in (("token", TOKEN), ("ca", "certificate")):
        (tmp_path / name).write_text(content)
    from kubernetes.config import incluster_config

    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca"))
    monkeypatch.setattr(incluster_config.InClusterConfigLoader, "_set_config", _over_http)
    Cluster("models").apply(serving_runtime(step().options.kserve))
    assert ("servingruntimes", "textgate") in cluster.objects


def test_a_kubeconfig_goes_before_the_service_account(
    cluster: State, service: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    assert Cluster("models").apply(service)


def _over_http(loader: object, configuration: object) -> None:
    configuration.host = loader.host.replace("https", "http")  # type: ignore[attr-defined]
    configuration.api_key["authorization"] = loader.token  # type: ignore[attr-defined]

"""Who reaches whom, by a small reading of the network policies: both ends must allow a connection."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest

from tests.infra.kustomize.objects import OVERLAYS, Manifest, of_kind, pod_templates

Labels = dict[str, str]


class End(NamedTuple):
    """A pod of a namespace, or an address outside the cluster."""

    namespace: str = ""
    labels: Labels = {}  # noqa: RUF012
    address: str = ""
    namespace_labels: Labels = {}  # noqa: RUF012


RUN, DNS, KUBEFLOW = (
    End("textgate-runs", {"pipelines.kubeflow.org/v2_component": "true"}),
    End("kube-system"),
    End("kubeflow"),
)
MODEL = End("textgate-serving", {"serving.kserve.io/inferenceservice": "brand-sentiment"})
STRANGER, S3, METADATA = End("default"), End(address="52.216.0.9"), End(address="169.254.169.254")
PROMETHEUS, GATEWAY = End("monitoring"), End("istio-system")
PARTNER = End("notebooks", namespace_labels={"textgate.io/mlflow-client": "true"})


def pod(overlay: str, name: str) -> End:
    (found,) = [
        End(place, template["metadata"]["labels"])
        for workload, place, template in pod_templates(overlay)
        if workload.endswith(f"/{name}")
    ]
    return found


def matches(selector: Manifest, labels: Labels) -> bool:
    for wanted in selector.get("matchExpressions", []):
        assert wanted["operator"] in ("In", "Exists"), "the reading of policies does not know this operator"
        held = labels.get(wanted["key"])
        if held is None or (wanted["operator"] == "In" and held not in wanted["values"]):
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def is_peer(peer: Manifest, end: End, home: str) -> bool:
    if block := peer.get("ipBlock"):
        excepted = (
            any(ip_address(end.address) in ip_network(one) for one in block.get("except", [])) if end.address else False
        )
        return bool(end.address) and ip_address(end.address) in ip_network(block["cidr"]) and not excepted
    if end.address:
        return False
    if "namespaceSelector" in peer:
        known = {"kubernetes.io/metadata.name": end.namespace, **end.namespace_labels}
        if not matches(peer["namespaceSelector"], known):
            return False
    elif end.namespace != home:
        return False
    return matches(peer.get("podSelector", {}), end.labels)


def allows(overlay: str, direction: str, own: End, other: End, port: int, protocol: str) -> bool:
    rule_key, peer_key = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    applied = [
        found["spec"]
        for found in of_kind(overlay, "NetworkPolicy")
        if found["metadata"]["namespace"] == own.namespace
        and direction in found["spec"]["policyTypes"]
        and matches(found["spec"]["podSelector"], own.labels)
    ]
    rules = [rule for spec in applied for rule in spec.get(rule_key, [])]
    return not applied or any(
        any(is_peer(peer, other, own.namespace) for peer in rule[peer_key])
        and any(one["port"] == port and one["protocol"] == protocol for one in rule["ports"])
        for rule in rules
    )


def reaches(overlay: str, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    leaves = bool(source.address) or allows(overlay, "Egress", source, target, port, protocol)
    return leaves and (bool(target.address) or allows(overlay, "Ingress", target, source, port, protocol))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_needed_is_reached(overlay: str) -> None:
    mlflow, migrate = pod(overlay, "mlflow"), pod(overlay, "mlflow-migrate")
    for source in (RUN, PARTNER, GATEWAY, KUBEFLOW):
        assert reaches(overlay, source, mlflow, 5000), source
    for source in (RUN, MODEL, mlflow, migrate):
        assert reaches(overlay, source, DNS, 53, "UDP") and reaches(overlay, source, DNS, 53), source
    for source in (RUN, MODEL, mlflow):
        assert reaches(overlay, source, S3, 443), source
    assert reaches(overlay, RUN, End(address="10.0.0.1"), 6443), "the Kubernetes API"
    for port in (8887, 8888, 8080, 9000, 8333):
        assert reaches(overlay, RUN, KUBEFLOW, port)
    for source in (GATEWAY, End("knative-serving"), RUN, PROMETHEUS):
        assert reaches(overlay, source, MODEL, 8080), source
    assert reaches(overlay, End("knative-serving"), MODEL, 8012)
    assert reaches(overlay, RUN, PROMETHEUS, 9090) and reaches(overlay, RUN, GATEWAY, 80)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_else_is_reached(overlay: str) -> None:
    mlflow = pod(overlay, "mlflow")
    assert not reaches(overlay, STRANGER, mlflow, 5000)
    assert not reaches(overlay, MODEL, mlflow, 5000)
    assert not reaches(overlay, STRANGER, MODEL, 8080)
    assert not reaches(overlay, STRANGER, RUN, 8080) and not reaches(overlay, RUN, RUN, 8080)
    assert not reaches(overlay, mlflow, RUN, 8080) and not reaches(overlay, RUN, STRANGER, 80)
    for source in (RUN, MODEL, mlflow):
        for port in (80, 443):
            assert not reaches(overlay, source, METADATA, port), "the cloud's metadata service"
    assert not reaches(overlay, MODEL, S3, 80)


def test_the_storage_of_the_cluster_is_for_those_who_use_it() -> None:
    postgres, seaweed = pod("staging", "postgres"), pod("staging", "seaweedfs")
    for source in (pod("staging", name) for name in ("mlflow", "mlflow-migrate", "mlflow-backup")):
        assert reaches("staging", source, postgres, 5432), source
    for source in (RUN, MODEL, pod("staging", "mlflow"), KUBEFLOW):
        assert reaches("staging", source, seaweed, 8333), source
        assert not reaches("staging", source, seaweed, 8888), "the filer has no keys"
    assert not reaches("staging", RUN, postgres, 5432) and not reaches("staging", STRANGER, seaweed, 8333)


def test_a_managed_database_is_reached_by_mlflow_alone() -> None:
    database = End(address="10.4.0.7")
    assert reaches("production", pod("production", "mlflow"), database, 5432)
    assert reaches("production", pod("production", "mlflow-migrate"), database, 5432)
    assert not reaches("production", RUN, database, 5432) and not reaches("production", MODEL, database, 5432)

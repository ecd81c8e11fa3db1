"""Every object of every overlay is one that Kubernetes takes, may do little, and names only what is there."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from components.base.settings import KServeSettings
from components.base.settings.cluster import SECRET_LIKE
from components.deploy.manifests import serving_runtime
from tests.infra.kustomize.objects import (
    KUSTOMIZE,
    OVERLAYS,
    Manifest,
    build,
    containers,
    documented_secrets,
    named,
    of_kind,
    pod_templates,
)
from tests.infra.kustomize.schemas import SCHEMAS

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def check(found: Manifest) -> None:
    """Raises ValidationError, or AssertionError for a kind that nobody knows."""
    if found["kind"] in SCHEMAS:
        jsonschema.validate(found, SCHEMAS[found["kind"]])
    elif found["kind"] == "ServingRuntime":
        image = found["spec"]["containers"][0]["image"]
        made = serving_runtime(KServeSettings(namespace=found["metadata"]["namespace"], image=image))
        metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
        assert {**found, "metadata": metadata} == made, "not what the step deploy applies"
    else:
        kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)


def test_every_object_is_valid(overlay: str) -> None:
    for found in build(overlay):
        check(found)
    names = [named(found) for found in build(overlay)]
    assert len(names) == len(set(names)) > 30
    for found in build(overlay):
        broken = deepcopy(found)
        if "spec" not in found or found["kind"] == "Namespace":
            continue
        broken["spec"]["nobodyKnowsThis"] = 1
        with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError, AssertionError)):
            check(broken)


def test_every_namespace_is_declared_restricted_and_bounded(overlay: str) -> None:
    declared = {found["metadata"]["name"]: found["metadata"]["labels"] for found in of_kind(overlay, "Namespace")}
    for labels in declared.values():
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    used = {found["metadata"]["namespace"] for found in build(overlay) if found["kind"] != "Namespace"}
    assert used == set(declared)
    for kind in ("ResourceQuota", "LimitRange"):
        assert {found["metadata"]["namespace"] for found in of_kind(overlay, kind)} == set(declared)


def restricted_faults(template: Manifest) -> list[str]:
    """Where a pod breaks the standard `restricted`, or wants more than the project allows itself."""
    spec, faults = template["spec"], []
    shared = spec.get("securityContext", {})
    if shared.get("runAsNonRoot") is not True or not shared.get("runAsUser"):
        faults.append("may run as root")
    if shared.get("seccompProfile") != {"type": "RuntimeDefault"}:
        faults.append("has no seccomp profile")
    if spec.get("automountServiceAccountToken") is not False:
        faults.append("gets a token of the API that it does not need")
    faults += [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    allowed = {"name", "emptyDir", "secret", "configMap", "persistentVolumeClaim", "projected"}
    faults += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if volume.keys() - allowed]
    for container in containers(template):
        own = container.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        faults += [f"{container['name']}: {key}" for key, value in wanted.items() if own.get(key) != value]
        faults += [f"{container['name']}: {key}" for key in own.keys() - wanted.keys()]
        resources = container.get("resources", {})
        for part in ("requests", "limits"):
            faults += [
                f"{container['name']}: no {part}.{key}"
                for key in ("cpu", "memory")
                if key not in resources.get(part, {})
            ]
        image = container["image"]
        if not re.fullmatch(r"[^:@]+(:\d+/[^:@]+)?(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})", image):
            faults.append(f"{container['name']}: {image} is not pinned")
    return faults


def test_every_pod_may_do_little(overlay: str) -> None:
    seen = 0
    for name, _, template in pod_templates(overlay):
        assert restricted_faults(template) == [], name
        seen += 1
        broken = deepcopy(template)
        broken["spec"]["hostNetwork"] = True
        broken["spec"]["containers"][0] = {"name": "x", "image": "postgres:latest"}
        assert len(restricted_faults(broken)) >= 8
    assert seen >= 2
    for account in of_kind(overlay, "ServiceAccount"):
        mounted = account.get("automountServiceAccountToken") is not False
        assert mounted == (account["metadata"]["name"] == "pipeline-runner")


def references(value: Any) -> list[tuple[str, str, str]]:
    """Kind, name and key (empty: the whole) of each Secret and ConfigMap that a pod's spec names."""
    if isinstance(value, list):
        return [one for part in value for one in references(part)]
    if not isinstance(value, dict):
        return []
    found = [one for part in value.values() for one in references(part)]
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if field in value:
            found.append((kind, value[field]["name"], value[field]["key"]))
    for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap"), ("configMap", "ConfigMap")):
        if field in value:
            found.append((kind, value[field]["name"], ""))
    if "secretName" in value:
        found.append(("Secret", value["secretName"], ""))
    return found


def test_every_reference_resolves(overlay: str) -> None:
    maps = {
        (found["metadata"]["namespace"], found["metadata"]["name"]): found for found in of_kind(overlay, "ConfigMap")
    }
    claims = {found["metadata"]["name"] for found in of_kind(overlay, "PersistentVolumeClaim")}
    accounts = {
        (found["metadata"]["namespace"], found["metadata"]["name"]) for found in of_kind(overlay, "ServiceAccount")
    }
    secrets = documented_secrets()
    for name, namespace, template in pod_templates(overlay):
        for kind, target, key in references(template["spec"]):
            if kind == "Secret":
                assert (namespace, target) in secrets, f"{name}: infra/README.md does not name the secret {target}"
                assert not key or key in secrets[namespace, target], f"{name}: {target} has no key {key} in the README"
            else:
                assert (namespace, target) in maps, f"{name}: {target}"
                assert not key or key in maps[namespace, target]["data"]
        mounts = {mount["name"] for container in containers(template) for mount in container.get("volumeMounts", [])}
        own = {
            claim["metadata"]["name"]
            for found in build(overlay)
            if named(found) == name
            for claim in found["spec"].get("volumeClaimTemplates", [])
        }
        assert mounts == {volume["name"] for volume in template["spec"].get("volumes", [])} | own, name
        for volume in template["spec"].get("volumes", []):
            assert "persistentVolumeClaim" not in volume or volume["persistentVolumeClaim"]["claimName"] in claims
        account = template["spec"].get("serviceAccountName")
        assert account is None or (namespace, account) in accounts


def test_no_secret_is_written_down(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    text = "".join(path.read_text() for path in KUSTOMIZE.rglob("*.yaml"))
    assert "secretGenerator" not in text and not re.search(r"://[^/@\s]+:[^/@\s$]+@", text)
    for _, _, template in pod_templates(overlay):
        for container in containers(template):
            for entry in container.get("env", []):
                assert "valueFrom" in entry or not SECRET_LIKE.search(entry["name"]), entry["name"]
    for found in of_kind(overlay, "ConfigMap"):
        assert [key for key in found["data"] if SECRET_LIKE.search(key)] == []


def test_every_selector_finds_its_pods(overlay: str) -> None:
    pods = [(place, template["metadata"]["labels"]) for _, place, template in pod_templates(overlay)]
    checked = 0
    for found in of_kind(overlay, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        selector = found["spec"].get("selector", found["spec"].get("podSelector", {}))
        selector = selector.get("matchLabels", {} if found["kind"] == "NetworkPolicy" else selector)
        place = found["metadata"]["namespace"]
        if not selector:
            continue
        matched = [labels for where, labels in pods if where == place and selector.items() <= labels.items()]
        assert matched, named(found)
        checked += 1
        if found["kind"] == "Service":
            ports = {
                port["name"]
                for _, where, template in pod_templates(overlay)
                if where == place and selector.items() <= template["metadata"]["labels"].items()
                for container in containers(template)
                for port in container.get("ports", [])
            }
            assert {port["targetPort"] for port in found["spec"]["ports"]} <= ports
    assert checked >= 5


def test_access_is_least(overlay: str) -> None:
    roles = of_kind(overlay, "Role")
    known = {"pipeline-runner", "submitter", "deployer"} | ({"artifacts"} if overlay == "staging" else set())
    assert {role["metadata"]["name"] for role in roles} == known
    assert of_kind(overlay, "ClusterRole", "ClusterRoleBinding") == []
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in [value for values in rule.values() for value in values]
            secrets_or_maps = {"secrets", "configmaps"} & set(rule["resources"])
            assert not secrets_or_maps or (rule["verbs"] == ["get"] and rule["resourceNames"])
            assert "serviceaccounts" not in rule["resources"] or rule["resourceNames"] == ["pipeline-runner"]
    known_roles = {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in roles}
    accounts = {
        (found["metadata"]["namespace"], found["metadata"]["name"]) for found in of_kind(overlay, "ServiceAccount")
    }
    for binding in of_kind(overlay, "RoleBinding"):
        assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) in known_roles
        assert all((subject["namespace"], subject["name"]) in accounts for subject in binding["subjects"])


def test_kubeflow_s_own_label_of_a_profile_is_left_alone(overlay: str) -> None:
    """Its network policies let in the namespaces whose part-of is `kubeflow-profile`."""
    part_of = {
        found["metadata"]["name"]: found["metadata"]["labels"].get("app.kubernetes.io/part-of")
        for found in of_kind(overlay, "Namespace")
    }
    assert part_of["textgate-runs"] is None and part_of["textgate-mlflow"] == part_of["textgate-serving"] == "textgate"


def test_the_step_deploy_may_do_what_it_does_and_no_more(overlay: str) -> None:
    """Held against the requests that components/deploy/cluster.py makes: a server-side apply needs create and patch."""
    (role,) = [role for role in of_kind(overlay, "Role") if role["metadata"]["name"] == "deployer"]
    may = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    services = {("inferenceservices", verb) for verb in ("get", "create", "patch", "delete")}
    assert may == services | {("servingruntimes", verb) for verb in ("get", "create", "patch")}
    assert {group for rule in role["rules"] for group in rule["apiGroups"]} == {"serving.kserve.io"}


def test_the_images_of_the_project_are_named_by_digest(overlay: str) -> None:
    kustomization = yaml.safe_load((KUSTOMIZE / "overlays" / overlay / "kustomization.yaml").read_text())
    ours = [image for image in kustomization["images"] if image["name"].startswith("textgate/")]
    assert {image["name"] for image in ours} == {"textgate/mlflow", "textgate/serving"}
    assert all(image["digest"].startswith("sha256:") for image in ours)

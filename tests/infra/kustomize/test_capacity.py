"""Quotas and limits hold the pods that runs, rollouts and MLflow ask for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from components.base.settings import STEP_NAMES, KServeSettings, ResourceSettings
from components.base.settings.deploy import amount
from tests.infra.kustomize.objects import OVERLAYS, containers, of_kind, pod_templates

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def quota(overlay: str, namespace: str) -> dict[str, Decimal]:
    (found,) = [one for one in of_kind(overlay, "ResourceQuota") if one["metadata"]["namespace"] == namespace]
    return {key: amount(value) for key, value in found["spec"]["hard"].items()}


def limits(overlay: str, namespace: str) -> dict[str, dict[str, Decimal]]:
    (found,) = [one for one in of_kind(overlay, "LimitRange") if one["metadata"]["namespace"] == namespace]
    (container,) = found["spec"]["limits"]
    parts = ("default", "defaultRequest", "max")
    return {part: {key: amount(value) for key, value in container[part].items()} for part in parts}


def test_two_runs_with_built_in_resources_fit(overlay: str) -> None:
    hard, bounds = quota(overlay, "textgate-runs"), limits(overlay, "textgate-runs")
    for key in ("cpu", "memory"):
        most = max(amount(getattr(ResourceSettings().of(step), f"{key}_limit")) for step in STEP_NAMES)
        asked = max(amount(getattr(ResourceSettings().of(step), key)) for step in STEP_NAMES)
        # Beside the step's own container: Argo's, and Kubeflow's driver of the next steps.
        assert most <= bounds["max"][key]
        assert 2 * (most + 3 * bounds["default"][key]) <= hard[f"limits.{key}"]
        assert 2 * (asked + 3 * bounds["defaultRequest"][key]) <= hard[f"requests.{key}"]
    assert hard["requests.nvidia.com/gpu"] >= 1


def test_a_rollout_doubles_the_servers_and_fits(overlay: str) -> None:
    kserve = KServeSettings()
    hard, bounds = quota(overlay, "textgate-serving"), limits(overlay, "textgate-serving")
    pods = 2 * kserve.max_replicas
    assert pods <= hard["pods"]
    for key in ("cpu", "memory"):
        own = amount(getattr(kserve.limits, key))
        assert own <= bounds["max"][key]
        assert pods * (own + bounds["default"][key]) <= hard[f"limits.{key}"]
        assert pods * (amount(getattr(kserve.requests, key)) + bounds["defaultRequest"][key]) <= hard[f"requests.{key}"]


def test_every_workload_fits_while_it_is_renewed(overlay: str) -> None:
    replicas = {
        f"{found['kind']} {found['metadata']['namespace']}/{found['metadata']['name']}": found["spec"]["replicas"]
        for found in of_kind(overlay, "Deployment", "StatefulSet")
    }
    for namespace in {place for _, place, _ in pod_templates(overlay)}:
        hard, bounds = quota(overlay, namespace), limits(overlay, namespace)
        for key in ("cpu", "memory"):
            total = Decimal(0)
            for name, place, template in pod_templates(overlay):
                asked = [amount(one["resources"]["limits"][key]) for one in containers(template)]
                assert max(asked) <= bounds["max"][key]
                if place == namespace:
                    total += max(asked) * (replicas.get(name, 1) + (1 if name.startswith("Deployment") else 0))
            assert total <= hard[f"limits.{key}"], (namespace, key)

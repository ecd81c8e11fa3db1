"""What a version is on a cluster: the ServingRuntime that all models of a namespace share, and its InferenceService."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import yaml
from kubernetes import client as k8s

from components.base.registry import BUNDLE_DIGEST
from components.base.settings import DeployStep, KServeSettings
from components.deploy.observed import PROMOTION, VERSION, Manifest
from serving.options import Options

RUNTIME = "textgate"
PORT = 8080
MODES = {"serverless": "Knative", "standard": "Standard"}
# Beyond the time that a stopping server takes for its requests: its log may take ten seconds more.
GRACE_S = 20
# A pod that stops is asked a little longer, until all that route to it know.
LINGER_S = 5.0


@dataclass(frozen=True)
class Release:
    """A version to be served: `name` is the InferenceService's and the model's as clients ask for it; `promotion` is
    the number of the log's entry, 0 for a preview; `storage_uri` is the bundle's folder on S3."""

    name: str
    version: str
    digest: str
    promotion: int
    storage_uri: str


def serving_runtime(kserve: KServeSettings) -> Manifest:
    """How textgate's server runs in a container, the same for every version."""
    container = k8s.V1Container(
        name="kserve-container",
        image=kserve.image,
        command=["python", "-m", "serving.server"],
        args=["--bundle", "/mnt/models", "--host", "0.0.0.0", "--port", str(PORT)],  # noqa: S104
        ports=[k8s.V1ContainerPort(container_port=PORT, protocol="TCP")],
        startup_probe=_probe("ready", period=2, failures=90),
        readiness_probe=_probe("ready", period=5, failures=2),
        liveness_probe=_probe("live", period=10, failures=3),
        security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
            read_only_root_filesystem=True,
            run_as_non_root=True,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        volume_mounts=[k8s.V1VolumeMount(name="tmp", mount_path="/tmp")],  # noqa: S108
    )
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": RUNTIME, "namespace": kserve.namespace},
        "spec": {
            "annotations": {"prometheus.kserve.io/port": str(PORT), "prometheus.kserve.io/path": "/metrics"},
            "supportedModelFormats": [{"name": RUNTIME, "version": "1", "autoSelect": False}],
            "protocolVersions": ["v2", "v1"],
            "multiModel": False,
            "containers": [_plain(container)],
            "volumes": [_plain(k8s.V1Volume(name="tmp", empty_dir=k8s.V1EmptyDirVolumeSource()))],
        },
    }


def inference_service(release: Release, step: DeployStep) -> Manifest:
    """The version with all of the traffic."""
    kserve = step.options.kserve
    annotations = {
        "serving.kserve.io/deploymentMode": MODES[kserve.deployment_mode],
        "serving.kserve.io/enable-prometheus-scraping": "true",
        **({"serving.kserve.io/secretName": kserve.secret} if kserve.secret else {}),
        **kserve.annotations,
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": release.name,
            "namespace": kserve.namespace,
            "labels": {"app.kubernetes.io/managed-by": "textgate", **kserve.labels},
            "annotations": annotations,
        },
        "spec": {"predictor": _predictor(release, step)},
    }


def _predictor(release: Release, step: DeployStep) -> Manifest:
    """What is of this version alone stands here, not in the metadata, which goes to the pods of the others as well."""
    kserve = step.options.kserve
    standard = kserve.deployment_mode == "standard"
    options = _options(step)
    resources = k8s.V1ResourceRequirements(requests=kserve.requests.model_dump(), limits=kserve.limits.model_dump())
    return {
        **({"name": f"v{release.version}"} if standard else {}),
        "annotations": {
            VERSION: release.version,
            BUNDLE_DIGEST: release.digest,
            **({PROMOTION: str(release.promotion)} if release.promotion else {}),
        },
        **({"serviceAccountName": kserve.service_account} if kserve.service_account else {}),
        "minReplicas": kserve.min_replicas,
        "maxReplicas": kserve.max_replicas,
        # Knative has a time limit of its own in its place, and allows none here.
        **(
            {"terminationGracePeriodSeconds": math.ceil(options.linger_s + options.drain_s) + GRACE_S}
            if standard
            else {}
        ),
        "model": {
            "modelFormat": {"name": RUNTIME, "version": "1"},
            "runtime": RUNTIME,
            "protocolVersion": "v2",
            "storageUri": release.storage_uri,
            "image": kserve.image,
            "args": ["--name", release.name, "--version", release.version, "--options", _argument(options)],
            "resources": _plain(resources),
        },
    }


def with_promotion(service: Manifest, promotion: str) -> Manifest:
    """The same service with another number of the log's entry (empty: none)."""
    predictor = dict(service["spec"]["predictor"])
    kept = {key: value for key, value in predictor["annotations"].items() if key != PROMOTION}
    predictor["annotations"] = {**kept, **({PROMOTION: promotion} if promotion else {})}
    return {**service, "spec": {**service["spec"], "predictor": predictor}}


def to_yaml(manifests: list[Manifest]) -> str:
    return yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True, width=120)


def _options(step: DeployStep) -> Options:
    """What the config says, in a container that a gateway leads to."""
    options = step.serve.options
    return replace(options, host="0.0.0.0", port=PORT, linger_s=options.linger_s or LINGER_S)  # noqa: S104


def _argument(options: Options) -> str:
    """As JSON in which neither KServe's templates nor Kubernetes' variables find theirs."""
    text = json.dumps(asdict(options), separators=(",", ":"))
    return text.replace("{{", r"\u007b\u007b").replace("$(", r"\u0024(")


def _probe(what: str, period: int, failures: int) -> k8s.V1Probe:
    return k8s.V1Probe(
        http_get=k8s.V1HTTPGetAction(path=f"/v2/health/{what}", port=PORT),
        period_seconds=period,
        timeout_seconds=2,
        failure_threshold=failures,
    )


def _plain(model: Any) -> Manifest:
    plain: Manifest = k8s.ApiClient().sanitize_for_serialization(model)
    return plain

"""The manifests, held against Kubernetes' schemas and, where KSERVE_PYTHON names a python with it, KServe's types."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import kubernetes_validate
import pytest
import yaml

from components.base.settings import DeployStep
from components.deploy.manifests import Release, inference_service, serving_runtime, to_yaml, with_promotion
from components.deploy.modes import Standard
from components.deploy.observed import Manifest
from serving.options import Options
from tests.components.deploy.conftest import IMAGE, Step

RELEASE = Release("tiny", "3", "d" * 64, 7, "s3://bundles/tiny/3")
GOLDEN = Path(__file__).parent / "golden"
CHANGES: dict[str, Any] = {
    "service_account": "textgate-models",
    "secret": "s3-credentials",
    "labels": {"team": "support"},
    "annotations": {"autoscaling.knative.dev/target": "8"},
}
READS_BACK = """
import json, re, sys, kserve
from kubernetes import client
PLAIN = {"str": str, "int": int, "bool": bool, "object": object}
def read(value, kind, where):
    if many := re.fullmatch(r"list\\[(.*)\\]", kind):
        return [read(one, many[1], where) for one in value]
    if some := re.fullmatch(r"dict\\(str, (.*)\\)", kind):
        return {key: read(one, some[1], f"{where}.{key}") for key, one in value.items()}
    model = getattr(kserve, kind, None) or getattr(client, kind, None)
    if not hasattr(model, "openapi_types"):
        assert isinstance(value, PLAIN.get(kind, object)), f"{where}: {value!r} is no {kind}"
        return value
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    assert not value.keys() - names, f"{where}: {kind} has no {sorted(value.keys() - names)}"
    given = {names[key]: read(one, model.openapi_types[names[key]], f"{where}.{key}") for key, one in value.items()}
    return model(**given)
def write(value):
    if hasattr(value, "openapi_types"):
        pairs = [(name, getattr(value, attribute)) for attribute, name in value.attribute_map.items()]
        return {name: write(one) for name, one in pairs if one is not None}
    if isinstance(value, dict):
        return {key: write(one) for key, one in value.items()}
    return [write(one) for one in value] if isinstance(value, list) else value
KINDS = {"ServingRuntime": "V1alpha1ServingRuntime", "InferenceService": "V1beta1InferenceService"}
for manifest in json.load(sys.stdin):
    found = read(manifest, KINDS[manifest["kind"]], manifest["kind"])
    print(json.dumps(write(found)))
"""


def pod(service: Manifest, runtime: Manifest) -> Manifest:
    """The pod that KServe makes of the two: the runtime's container with what the model adds to it."""
    model = service["spec"]["predictor"]["model"]
    container = {**runtime["spec"]["containers"][0], **{key: model[key] for key in ("image", "resources")}}
    container["args"] = container["args"] + model["args"]
    names = ("serviceAccountName", "terminationGracePeriodSeconds")
    spec = {key: value for key, value in service["spec"]["predictor"].items() if key in names}
    return {**spec, "containers": [container], "volumes": runtime["spec"]["volumes"]}


@pytest.mark.parametrize("mode", ["serverless", "standard"])
def test_kubernetes_takes_the_pods(mode: str, step: Step) -> None:
    settings = step(mode, **CHANGES)
    service, runtime = inference_service(RELEASE, settings), serving_runtime(settings.options.kserve)
    labels = {"app": "tiny"}
    metadata = {**service["metadata"], "annotations": service["spec"]["predictor"]["annotations"]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(service, runtime)},
        },
    }
    kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)
    deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["ports"] = 1  # type: ignore[index]
    with pytest.raises(kubernetes_validate.ValidationError, match="ports"):
        kubernetes_validate.validate(deployment, kubernetes_validate.latest_version(), strict=True)


def test_the_container_may_do_little(step: Step) -> None:
    (container,) = serving_runtime(step().options.kserve)["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["volumeMounts"] == [{"mountPath": "/tmp", "name": "tmp"}]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/v2/health/ready", "readiness": "/v2/health/ready", "liveness": "/v2/health/live"}


def test_what_is_of_one_version_does_not_stand_in_the_metadata(step: Step) -> None:
    """KServe hands the metadata to all pods, so that a change there would start the old version's again."""
    services = [inference_service(Release("tiny", str(n), str(n) * 64, n, f"s3://b/{n}"), step()) for n in (1, 2)]
    assert services[0]["metadata"] == services[1]["metadata"]
    assert services[0]["spec"] != services[1]["spec"]
    numbered = with_promotion(services[0], "9")["spec"]["predictor"]["annotations"]
    assert numbered == {**services[0]["spec"]["predictor"]["annotations"], "textgate.promotion": "9"}


def test_the_server_reads_its_options_back(step: Step) -> None:
    settings = step().model_dump()
    settings["serve"] |= {"max_batch": 7, "log": {"folder": "/tmp/$(HOME)/{{.Name}}", "texts": True}}
    model = inference_service(RELEASE, DeployStep.model_validate(settings))["spec"]["predictor"]["model"]
    text = model["args"][-1]
    assert "{{" not in text and "$(" not in text
    options = Options.from_json(text)
    assert (options.max_batch, options.log.folder, options.host) == (7, "/tmp/$(HOME)/{{.Name}}", "0.0.0.0")
    assert Options.from_json(json.dumps(json.loads(text))) == options


def test_the_server_starts_as_the_container_does(
    step: Step, tiny: ModuleType, running: ModuleType, tmp_path: Path
) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    service, runtime = inference_service(RELEASE, step()), serving_runtime(step().options.kserve)
    (container,) = pod(service, runtime)["containers"]
    assert container["command"] == ["python", "-m", "serving.server"]
    here = {"/mnt/models": str(tmp_path / "bundle"), "8080": "0"}
    with running.running(tmp_path, *[here.get(word, word) for word in container["args"]]) as server:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert server.http.get(container[probe]["httpGet"]["path"]).status_code == 200
        answer = server.infer("good")
        assert answer.json()["model_version"] == answer.headers["X-Model-Version"] == "3"
        assert server.http.get(runtime["spec"]["annotations"]["prometheus.kserve.io/path"]).status_code == 200


@pytest.mark.parametrize("mode", ["serverless", "standard"])
def test_the_yaml_is_as_kept(mode: str, step: Step) -> None:
    settings = step(mode, **CHANGES)
    shown = to_yaml([serving_runtime(settings.options.kserve), inference_service(RELEASE, settings)])
    kept = GOLDEN / f"{mode}.yaml"
    if os.environ.get("WRITE_GOLDEN"):
        kept.write_text(shown)
    assert shown == kept.read_text()
    assert [one["kind"] for one in yaml.safe_load_all(shown)] == ["ServingRuntime", "InferenceService"]
    assert shown.count(IMAGE) == 2


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["serverless", "standard"])
def test_kserve_reads_back_all_of_it(mode: str, step: Step) -> None:
    python = os.environ.get("KSERVE_PYTHON")
    if not python:
        pytest.skip("KSERVE_PYTHON names no python with the package kserve")
    settings = step(mode, **CHANGES)
    service = inference_service(RELEASE, settings)
    manifests = [serving_runtime(settings.options.kserve), service]
    if mode == "standard":
        other = inference_service(Release("tiny", "4", "e" * 64, 8, "s3://bundles/tiny/4"), settings)
        manifests.append(Standard().at(other, service["spec"]["predictor"], 10))
    else:
        manifests[1]["spec"]["predictor"]["canaryTrafficPercent"] = 10
    command = [python, "-c", READS_BACK]
    done = subprocess.run(command, input=json.dumps(manifests), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [filled(json.loads(line)) for line in done.stdout.splitlines()] == manifests


def filled(value: Any) -> Any:
    """Without the empty texts that KServe's types have by default."""
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items() if one != ""}
    return [filled(one) for one in value] if isinstance(value, list) else value

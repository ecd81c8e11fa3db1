"""KServe's objects as its controller and its webhooks read them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.status, self.details = status, details


def status_of(code: int, message: str, details: Object | None = None) -> Object:
    return {"kind": "Status", "status": "Failure", "message": message, "code": code, "details": details or {}}


def mode_of(service: Object) -> str:
    return str(service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"])


def version_of(predictor: Object) -> str:
    return str(predictor.get("annotations", {}).get("textgate.version", ""))


def canaries_of(service: Object) -> list[Object]:
    return service["spec"].get("canary", [])


def template_of(service: Object) -> Object:
    """What makes another revision: all but the share of the traffic."""
    predictor = {key: value for key, value in service["spec"]["predictor"].items() if key != "canaryTrafficPercent"}
    annotations = service["metadata"]["annotations"]
    return {"predictor": predictor, "annotations": annotations, "labels": service["metadata"].get("labels")}


def check(manifest: Object, old: Object | None) -> None:
    """What KServe's validating webhook refuses."""
    spec, refuse = manifest["spec"], 'admission webhook "inferenceservice.kserve-webhook-server.validator" denied the'
    stable, canaries = spec["predictor"], spec.get("canary", [])
    names = [canary["predictor"].get("name") for canary in canaries]
    if old and mode_of(old) != mode_of(manifest):
        raise Refused(403, f"{refuse} request: deployment mode cannot be changed")
    if canaries and mode_of(manifest) != "Standard":
        raise Refused(403, f"{refuse} request: canary is only supported in Standard deployment mode")
    if any(not name or name == stable.get("name") for name in names):
        raise Refused(403, f"{refuse} request: the name of a canary is missing or conflicts with stable")
    if any("maxReplicas" in canary["predictor"] for canary in canaries):
        raise Refused(403, f"{refuse} request: a canary must not set maxReplicas")
    before = old["spec"]["predictor"] if old else stable
    if before.get("name") != stable.get("name") and before["model"]["storageUri"] == stable["model"]["storageUri"]:
        raise Refused(403, f"{refuse} request: predictor.name change requires a model change")

"""What KServe says of an InferenceService, read from the object that the API server gives."""

from __future__ import annotations

from typing import Any

from components.base.registry import BUNDLE_DIGEST

# Annotations of a predictor.
VERSION, PROMOTION = "textgate.version", "textgate.promotion"
FAILED = {"BlockedByFailedLoad", "InvalidSpec"}

Manifest = dict[str, Any]


def predictor(service: Manifest) -> Manifest:
    found: Manifest = service["spec"]["predictor"]
    return found


def note(part: Manifest, key: str) -> str:
    """One of the annotations of a predictor; empty where it has none, as one that textgate did not deploy."""
    return str((part.get("annotations") or {}).get(key, ""))


def version(part: Manifest) -> str:
    return note(part, VERSION)


def digest(part: Manifest) -> str:
    return note(part, BUNDLE_DIGEST)


def promotion(part: Manifest) -> str:
    return note(part, PROMOTION)


def canaries(service: Manifest) -> list[Manifest]:
    return service["spec"].get("canary") or []


def percent(service: Manifest) -> int:
    """Of the traffic, what the version in spec.predictor gets where another was there before (Knative)."""
    return int(predictor(service).get("canaryTrafficPercent", 100))


def component(service: Manifest) -> dict[str, Any]:
    """Revisions and traffic of the predictor, which Knative has."""
    status = service.get("status") or {}
    return (status.get("components") or {}).get("predictor") or {}


def canary_status(service: Manifest, name: str) -> dict[str, Any] | None:
    found = (service.get("status") or {}).get("canaryStatuses") or []
    return next((one for one in found if one.get("name") == name), None)


def url(service: Manifest, inside: bool = False) -> str:
    """The address of the service: for pods of the cluster, or for everybody; empty where it has none yet."""
    status = service.get("status") or {}
    address = (status.get("address") or {}).get("url") if inside else ""
    return str(address or status.get("url") or "").rstrip("/")


def condition(service: Manifest, kind: str) -> dict[str, Any]:
    found = (service.get("status") or {}).get("conditions") or []
    return next((one for one in found if one.get("type") == kind), {})


def is_ready(service: Manifest) -> bool:
    return condition(service, "Ready").get("status") == "True"


def has_failed(service: Manifest, name: str = "") -> bool:
    """Whether KServe gave up loading the model; `name` is that of a canary in standard mode."""
    return (_model_status(service, name).get("transitionStatus") or "") in FAILED


def reason(service: Manifest, name: str = "") -> str:
    """Why it is not Ready, in KServe's words."""
    said = []
    failure = _model_status(service, name).get("lastFailureInfo") or {}
    if failure.get("message") or failure.get("reason"):
        exit_code = f" (exit code {failure['exitCode']})" if failure.get("exitCode") else ""
        said.append(f"{failure.get('message') or failure['reason']}{exit_code}")
    conditions = (service.get("status") or {}).get("conditions") or []
    for wanted in ("False", "Unknown"):
        for one in conditions:
            if one.get("status") == wanted and (words := one.get("message") or one.get("reason")):
                said.append(f"{one.get('type')}: {words}")
    unique = dict.fromkeys(" ".join(str(words).split()) for words in said)
    return "; ".join(list(unique)[:3]) or "KServe gives no reason; see its controller's log, and the events of the pods"


def _model_status(service: Manifest, name: str) -> dict[str, Any]:
    if name:
        return (canary_status(service, name) or {}).get("modelStatus") or {}
    return (service.get("status") or {}).get("modelStatus") or {}

"""What is deployed of a model, and whether that is what the promotion log says."""

from __future__ import annotations

from components.base.promotion_log import Entry, open_log
from components.base.settings import DeployStep, RunStep
from components.base.workspace import home
from components.deploy import observed
from components.deploy.deploy import service_name
from components.deploy.observed import Manifest
from serving.pins import pin_path, read_pin

Lines = list[tuple[str, str]]


def status(run: RunStep, step: DeployStep) -> Lines:
    """Pairs of what and how it is, the champion's first, then those of a preview, where there is one."""
    head = open_log(run).head()
    says = (
        f"version {head.version}, since {head.when} by {head.who}: {head.why}" if head else "nothing was promoted yet"
    )
    lines = [("promotion log", says)]
    for preview in (False, True):
        name = service_name(run.name, preview)
        found, version = deployed(name, step)
        if found or not preview:
            lines += found or [(name, "not deployed")]
        if not preview:
            lines += _agreement(head, version)
    return lines


def deployed(name: str, step: DeployStep) -> tuple[Lines, str]:
    """What there is of a service, and its version; both empty where there is nothing."""
    return _local(name) if step.options.target == "local" else _on_cluster(name, step)


def in_use(run: RunStep, step: DeployStep) -> list[tuple[str, str]]:
    """Each version that answers somewhere, or is about to, and the service: on this machine and, where models are
    deployed to one, on the cluster. Raises TextgateError where that does not answer."""
    names = [service_name(run.name, preview) for preview in (False, True)]
    found = [(_local(name)[1], name) for name in names]
    if step.options.target != "local":
        found += [(version, name) for name in names for version in _cluster_versions(name, step)]
    return [(version, name) for version, name in found if version]


def _agreement(head: Entry | None, version: str) -> Lines:
    if not head or not version or version == head.version:
        return []
    return [("", f"not the champion: `textgate deploy {head.name}` deploys version {head.version}")]


def _local(name: str) -> tuple[Lines, str]:
    path = pin_path(home(), name)
    if not path.exists():
        return [], ""
    pin = read_pin(path)
    return [(name, f"version {pin.version} is pinned ({pin.digest[:12]}) at {pin.bundle}")], pin.version


def _on_cluster(name: str, step: DeployStep) -> tuple[Lines, str]:
    from components.deploy.cluster import Cluster
    from components.deploy.rollout import KIND

    namespace = step.options.kserve.namespace
    service = Cluster(namespace).find(KIND, name)
    if service is None:
        return [], ""
    version = observed.version(observed.predictor(service))
    ready = "Ready" if observed.is_ready(service) else f"not Ready: {observed.reason(service)}"
    lines = [(name, f"InferenceService in {namespace}, {ready}"), ("", ", ".join(_traffic(service)))]
    if address := observed.url(service):
        lines.append(("", address))
    return lines, version


def _cluster_versions(name: str, step: DeployStep) -> list[str]:
    from components.deploy.cluster import Cluster
    from components.deploy.rollout import KIND

    service = Cluster(step.options.kserve.namespace).find(KIND, name)
    if service is None:
        return []
    predictors = [observed.predictor(service), *(canary["predictor"] for canary in observed.canaries(service))]
    return [observed.version(predictor) for predictor in predictors]


def _traffic(service: Manifest) -> list[str]:
    """Who has how much of it."""
    version = observed.version(observed.predictor(service)) or "unknown"
    if found := observed.canaries(service):
        share, new = int(found[0].get("trafficPercent", 0)), observed.version(found[0]["predictor"])
        return [f"version {version}: {100 - share} %", f"version {new}: {share} %"]
    if (percent := observed.percent(service)) == 100:
        return [f"version {version}: 100 %"]
    last = observed.component(service).get("latestRolledoutRevision", "of the version before")
    return [f"version {version}: {percent} %", f"the revision {last}: {100 - percent} %"]

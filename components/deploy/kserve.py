"""The target `kserve`: the version becomes an InferenceService, beside the one before until it has shown itself."""

from __future__ import annotations

import os
from typing import Any

from components.base import champion, registry
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, PromotionLog
from components.base.settings import DeployStep, RunStep
from components.deploy import observed
from components.deploy.cluster import Cluster
from components.deploy.health import Probes, Prometheus, Source
from components.deploy.manifests import RUNTIME, Release, inference_service, serving_runtime, with_promotion
from components.deploy.observed import Manifest
from components.deploy.rollout import KIND, Rollout, Unhealthy
from components.deploy.storage import locate


def render(release: Release, step: DeployStep) -> list[Manifest]:
    """What is applied to the cluster in the end."""
    return [serving_runtime(step.options.kserve), inference_service(release, step)]


def resolve(
    run: RunStep, name: str, version: str, digest: str, promotion: int, step: DeployStep, write: bool = True
) -> Release:
    uri = locate(run.name, version, digest, step.options.kserve, run.s3, write)
    return Release(name, version, digest, promotion, uri)


def deploy_kserve(run: RunStep, log: PromotionLog, head: Entry | None, release: Release, step: DeployStep) -> None:
    """Without `head`, the release is a preview, which has no version before it to share traffic with.

    Raises TextgateError where the version does not become Ready or passes a limit; where another was served before,
    that one has the traffic again, and the promotion log and the alias say so.
    """
    kserve = step.options.kserve
    if "@sha256:" not in kserve.image:
        print(f"deploy.kserve.image {kserve.image} is a tag, which can move; an image@sha256:... cannot", flush=True)
    cluster = Cluster(kserve.namespace)
    live = cluster.find(KIND, release.name)
    runtime, service = render(release, step)
    rollout = Rollout(cluster, kserve, release.name)
    if live is None or head is None or not _takes_steps(live, release, rollout):
        _replace(cluster, rollout, live, runtime, service)
        return
    _watch(run, release, step, live, rollout)
    cluster.apply(runtime)
    try:
        _done(release.version, rollout.forward(service, live))
    except Unhealthy as error:
        _step_back(run, log, head, rollout, live, step, service, str(error))
    except (TextgateError, KeyboardInterrupt) as error:
        stands = f"the rollout of version {release.version} of {run.name} stands where it was; deploying again goes on"
        if isinstance(error, TextgateError):
            raise TextgateError(f"{error}\n{stands}") from None
        print(stands, flush=True)
        raise


def _takes_steps(live: Manifest, release: Release, rollout: Rollout) -> bool:
    """Not where the main version is this very one, with other settings at most, or is not Ready: then there is nothing
    to lose."""
    reached = rollout.mode.in_flight(live)
    if observed.digest(observed.predictor(live)) == release.digest:
        return bool(reached) and not observed.canaries(live)
    if reached is None and not observed.is_ready(live):
        print(
            f"{release.name} is not Ready ({observed.reason(live)}): version {release.version} takes all of it at once"
        )
        return False
    return True


def _replace(cluster: Cluster, rollout: Rollout, live: Manifest | None, runtime: Manifest, service: Manifest) -> None:
    """Without steps: the first deployment, a preview, or the same version with other settings."""
    wanted, known = observed.predictor(service), observed.predictor(live) if live else {}
    version = observed.version(wanted)
    if observed.digest(known) == observed.digest(wanted):
        # Another number alone would start all pods again.
        service = with_promotion(service, observed.promotion(known))
    earlier = cluster.find("ServingRuntime", RUNTIME)
    changed = _shape(cluster.apply(runtime)) != _shape(earlier)
    try:
        if live and rollout.mode.in_flight(live) == 0:
            # The way back was cut off: the version that failed may still be the newest one that is ready.
            rollout.wait(0, live)
        applied = cluster.apply(service)
        if live and _shape(applied) != _shape(live) and rollout.mode.in_flight(live) is None:
            rollout.mark(live)
        changed = changed or _shape(applied) != _shape(live)
        ready = rollout.wait(100, applied)
    except Unhealthy as error:
        advice = (
            "KServe keeps what answered before until the new pods are ready"
            if live
            else "there is no version before it to go back to"
        )
        raise TextgateError(
            f"version {version} in the InferenceService {rollout.name} is {error}; {advice}; mend the cause, and deploy"
            " again"
        ) from None
    if changed:
        _done(version, ready)
    else:
        print(f"version {version} is deployed as {rollout.name} already; nothing was changed", flush=True)


def _shape(found: Manifest | None) -> Any:
    """What tells whether somebody changed the object, its status aside."""
    metadata = (found or {}).get("metadata", {})
    return [metadata.get(key) for key in ("generation", "labels", "annotations")]


def _watch(run: RunStep, release: Release, step: DeployStep, live: Manifest, rollout: Rollout) -> None:
    """Gives the rollout what tells how the new version answers. Raises TextgateError where it would see nothing."""
    limits = step.options.kserve.canary
    if not limits.steps:
        return

    def probes() -> Source:
        inside = rollout.mode.splits_inside and bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
        url = limits.url or observed.url(live, inside)
        return Probes(url, release, registry.download_pinned(run.name, release.version, release.digest))

    if limits.prometheus:
        rollout.source, rollout.fallback = Prometheus(limits.prometheus, release, limits.hold_s), probes
    else:
        rollout.source = probes()
    rollout.source.reach()


def _previous(run: RunStep, log: PromotionLog, head: Entry, step: DeployStep) -> Manifest:
    """The service of the version that the champion took the place of, made anew: a rollout that was cut off has left
    it only as a revision."""
    entries = [entry for entry in log.entries() if entry.version == head.previous_version]
    if not entries:
        raise TextgateError(f"the promotion log has no version before version {head.version} of {run.name}")
    before = entries[-1]
    release = resolve(run, run.name, before.version, before.bundle_digest, before.number, step)
    return inference_service(release, step)


def _step_back(
    run: RunStep,
    log: PromotionLog,
    head: Entry,
    rollout: Rollout,
    live: Manifest,
    step: DeployStep,
    service: Manifest,
    why: str,
) -> None:
    """Raises TextgateError in any case, with what was done."""
    told = f"version {head.version} of {run.name} did not pass: {why}"
    try:
        predictor = rollout.mode.before(live) or observed.predictor(_previous(run, log, head, step))
        service = _without_share({**service, "spec": {"predictor": predictor}})
        rollout.retreat(service)
    except TextgateError as error:
        raise TextgateError(f"{told}; its traffic could not go back: {error}") from None
    previous = observed.version(predictor)
    before = champion.named(previous) if previous else "what was there before it"
    print(f"{told}; the traffic goes back to {before}", flush=True)
    try:
        entry = champion.roll_back(run, log, head, previous, f"deploy stepped back from version {head.version}: {why}")
        logged = f"entry {entry.number} of the promotion log says so"
    except TextgateError as error:
        logged = f"the promotion log could not say so: {error}"
    try:
        rollout.restore(service)
    except (Unhealthy, TextgateError) as error:
        raise TextgateError(f"{told}; {before} is to answer again, but: {error}; {logged}") from None
    raise TextgateError(f"{told}; {before} answers again, and {logged}")


def _without_share(service: Manifest) -> Manifest:
    predictor = {key: value for key, value in observed.predictor(service).items() if key != "canaryTrafficPercent"}
    return {**service, "spec": {"predictor": predictor}}


def _done(version: str, ready: Manifest) -> None:
    print(f"version {version} answers as {ready['metadata']['name']} at {observed.url(ready)}", flush=True)

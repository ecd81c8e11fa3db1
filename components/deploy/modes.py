"""How a part of the traffic goes to a new version: KServe on Knative has revisions, in standard mode canaries.

A mode's `at` gives the service in which the new one's predictor gets a percentage beside the predictor `before`; what
`waits` gives of a service is what the new version still waits for, empty where it has the traffic it should have.
`splits_inside` says whether the traffic of the cluster's own pods, by the address that KServe gives for them, is split,
too.
"""

from __future__ import annotations

from typing import Protocol

from components.deploy import observed
from components.deploy.observed import Manifest

FIXED_ELSEWHERE = ("minReplicas", "maxReplicas")


class Mode(Protocol):
    splits_inside: bool

    def in_flight(self, live: Manifest) -> int | None:
        """The percentage that a rollout which was cut off has reached; None where none was."""

    def before(self, live: Manifest) -> Manifest | None:
        """The predictor that answers the main traffic; None where the object does not say, in a rollout."""

    def at(self, service: Manifest, before: Manifest | None, percent: int) -> Manifest: ...

    def waits(self, live: Manifest, percent: int) -> str: ...

    def candidate(self, service: Manifest) -> str:
        """The name under which the status has the new version by itself; empty where it has none."""


class Knative:
    """Each change of the predictor is a revision; `canaryTrafficPercent` is the share of the newest one, and the last
    one that had everything keeps the rest. `seen` is the newest revision before the change, empty for none."""

    splits_inside = True

    def __init__(self, seen: str = "") -> None:
        self.seen = seen

    def in_flight(self, live: Manifest) -> int | None:
        percent = observed.percent(live)
        return percent if percent < 100 else None

    def before(self, live: Manifest) -> Manifest | None:
        return observed.predictor(live) if self.in_flight(live) is None else None

    def at(self, service: Manifest, before: Manifest | None, percent: int) -> Manifest:
        return _with_predictor(service, {**observed.predictor(service), "canaryTrafficPercent": percent})

    def waits(self, live: Manifest, percent: int) -> str:
        part = observed.component(live)
        created, ready = part.get("latestCreatedRevision", ""), part.get("latestReadyRevision", "")
        if not created or created == self.seen:
            return "no new revision yet"
        if created != ready:
            return f"revision {created} is not ready"
        shares = [one.get("percent") or 0 for one in part.get("traffic") or [] if one.get("revisionName") == created]
        if sum(shares) != percent:
            return f"revision {created} has {sum(shares)} % of the traffic, not {percent} %"
        return "" if observed.is_ready(live) else "the service is not Ready"

    def candidate(self, service: Manifest) -> str:
        return ""


class Standard:
    """`spec.canary` holds the new version's predictor by its name; to become the main one, it moves to the place of
    the old one, and its pods go on. Where pods are replaced in one place, KServe does not say which of them are Ready:
    the service is, as long as enough of either are."""

    # Pods are led to the Service of the main predictor; what splits is the route of the gateway.
    splits_inside = False

    def in_flight(self, live: Manifest) -> int | None:
        found = observed.canaries(live)
        return int(found[0].get("trafficPercent", 0)) if found else None

    def before(self, live: Manifest) -> Manifest | None:
        return observed.predictor(live)

    def at(self, service: Manifest, before: Manifest | None, percent: int) -> Manifest:
        new = {key: value for key, value in observed.predictor(service).items() if key not in FIXED_ELSEWHERE}
        stable = _with_predictor(service, before or {})
        return {**stable, "spec": {**stable["spec"], "canary": [{"trafficPercent": percent, "predictor": new}]}}

    def waits(self, live: Manifest, percent: int) -> str:
        found = observed.canaries(live)
        if not found:
            left = (live.get("status") or {}).get("canaryStatuses")
            return (
                "the canary is still there" if left else "" if observed.is_ready(live) else "the service is not Ready"
            )
        name = found[0]["predictor"]["name"]
        status = observed.canary_status(live, name)
        if status is None:
            return (
                f"KServe has no status of the canary {name} (it makes canaries in standard mode from version 0.20 on)"
            )
        if not status.get("ready"):
            return f"the canary {name} is not ready"
        shown = status.get("trafficPercent", 0)
        return "" if shown == percent else f"the canary {name} has {shown} % of the traffic, not {percent} %"

    def candidate(self, service: Manifest) -> str:
        return str(observed.predictor(service)["name"])


def _with_predictor(service: Manifest, predictor: Manifest) -> Manifest:
    return {**service, "spec": {**service["spec"], "predictor": predictor}}

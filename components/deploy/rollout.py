"""Traffic moves to a new version in steps, each held and judged; what fails goes back to the version before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from components.base.errors import TextgateError
from components.base.settings import KServeSettings
from components.deploy import observed
from components.deploy.cluster import Cluster
from components.deploy.health import Source, beyond
from components.deploy.modes import Knative, Mode, Standard
from components.deploy.observed import Manifest

KIND = "InferenceService"
POLL_S = 2.0
# What KServe calls failed may be an earlier revision's failure, or one that a new try mends.
FAILED_S = 30.0


class Unhealthy(Exception):
    """The new version did not become ready, or passed a limit; the message says which."""


@dataclass
class Rollout:
    """Of one InferenceService. `source` tells how the new version answers, `fallback`, where there is one, tells it
    when `source` saw too few answers."""

    cluster: Cluster
    kserve: KServeSettings
    name: str
    source: Source | None = None
    fallback: Callable[[], Source] | None = None
    mode: Mode = field(init=False)

    def __post_init__(self) -> None:
        self.mode = Knative() if self.kserve.deployment_mode == "serverless" else Standard()

    def place(self, service: Manifest) -> Manifest:
        """Applies the service with all of the traffic, and waits until it is Ready. Raises Unhealthy."""
        return self.wait(100, self.cluster.apply(service))

    def forward(self, service: Manifest, live: Manifest) -> Manifest:
        """Takes the service in place of `live` step by step, or goes on where that was cut off. Raises Unhealthy."""
        steps, before = self.kserve.canary.steps, self.mode.before(live)
        reached = self.mode.in_flight(live) if self._is_for(service, live) else None
        if reached is None:
            self.mark(live)
        version = observed.version(observed.predictor(service))
        for percent in steps:
            if reached is not None and percent < reached:
                continue
            self.wait(percent, self.cluster.apply(self.mode.at(service, before, percent)), self.mode.candidate(service))
            print(f"version {version} of {self.name} gets {percent} % of the traffic", flush=True)
            self._hold(percent, self.mode.candidate(service))
        return self.place(service)

    def retreat(self, service: Manifest) -> None:
        """Gives the traffic to the version before at once, by `service`, its own."""
        if isinstance(self.mode, Knative):
            self.mark(self._found())
            # With any more, the traffic would stay at the failed revision until a new one is ready.
            self.cluster.apply(self.mode.at(service, None, 0))
        else:
            self.cluster.apply(service)

    def restore(self, service: Manifest) -> None:
        """After `retreat`: the version before has all of the traffic, and is Ready. Raises Unhealthy."""
        if isinstance(self.mode, Knative):
            self.wait(0, self._found())
        self.place(service)

    def wait(self, percent: int, live: Manifest, candidate: str = "") -> Manifest:
        """The service once the new version has `percent` of the traffic, seen twice. Raises Unhealthy in the end."""
        deadline, failed_since, seen = time.monotonic() + self.kserve.timeout_s, 0.0, 0
        while True:
            missing = self.mode.waits(live, percent)
            seen = 0 if missing else seen + 1
            if seen == 2:
                return live
            now = time.monotonic()
            failed_since = (failed_since or now) if missing and observed.has_failed(live, candidate) else 0.0
            if now > deadline or (failed_since and now - failed_since > FAILED_S):
                within = "" if now <= deadline else f" within {self.kserve.timeout_s:g} s"
                raise Unhealthy(f"not ready{within}: {missing or 'not twice'} ({observed.reason(live, candidate)})")
            time.sleep(POLL_S)
            live = self._found()

    def mark(self, live: Manifest) -> None:
        """What comes is another version than in `live`."""
        if isinstance(self.mode, Knative):
            self.mode.seen = observed.component(live).get("latestCreatedRevision", "")

    def _hold(self, percent: int, candidate: str) -> None:
        """Raises Unhealthy where the new version passes a limit, stops being ready, or is not asked enough."""
        if self.source is None:
            return
        source, fallback, unready = self.source, self.fallback, 0.0
        end = time.monotonic() + self.kserve.canary.hold_s
        while True:
            time.sleep(POLL_S)
            live, now = self._found(), time.monotonic()
            missing = self.mode.waits(live, percent)
            unready = (unready or now) if missing else 0.0
            if unready and now - unready > FAILED_S:
                raise Unhealthy(f"it stopped being ready: {missing} ({observed.reason(live, candidate)})")
            found, lacking = self._judge(source, percent)
            if now >= end and not missing and not lacking:
                print(f"  {found}", flush=True)
                return
            if now >= end and fallback:
                source, fallback = fallback(), None
            elif now >= end + self.kserve.timeout_s:
                raise Unhealthy(f"at {percent} % of the traffic, {lacking or missing}")

    def _judge(self, source: Source, percent: int) -> tuple[str, str]:
        """What was seen, and what it lacks to be enough. Raises Unhealthy where a limit is passed."""
        limits = self.kserve.canary
        try:
            seen = source.look()
        except TextgateError as error:
            return "", str(error)
        if why := beyond(seen, limits):
            raise Unhealthy(f"at {percent} % of the traffic, {why}")
        enough = seen.requests >= limits.min_requests
        return str(seen), "" if enough else f"only {seen}, where min_requests asks for {limits.min_requests}"

    def _is_for(self, service: Manifest, live: Manifest) -> bool:
        """Whether a rollout that was cut off was to the same version."""
        wanted, canaries = observed.digest(observed.predictor(service)), observed.canaries(live)
        moving = canaries[0]["predictor"] if canaries else observed.predictor(live)
        return observed.digest(moving) == wanted

    def _found(self) -> Manifest:
        live = self.cluster.find(KIND, self.name)
        if live is None:
            raise TextgateError(f"the InferenceService {self.name} was deleted meanwhile; deploy again")
        return live

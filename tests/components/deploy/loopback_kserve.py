"""An API server of Kubernetes with KServe, on a free port of this machine: as much of it as a deployment talks to.

It applies as the field manager's last manifest says, refuses what KServe's webhooks refuse, and moves each object on a
little whenever it is read. On the same port answer the service itself, by the shares of its versions, and Prometheus.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.components.deploy.kserve_objects import (
    Object,
    Refused,
    canaries_of,
    check,
    mode_of,
    status_of,
    template_of,
    version_of,
)
from tests.loopback import listening

FOR_PODS = "/for-pods"
API = "/apis/serving.kserve.io/"
TOKEN = "kubernetes-token-0451"


@dataclass
class State:
    """`troubles` are what the next requests get in place of an answer: a status, or 0 for a connection that drops.

    The status is as before for `lag` readings after a change. `failing`, `broken` and `late_ms` name versions: never
    ready, answering 500, answering late. `figures` are what Prometheus has, by bundle digest.
    """

    namespaces: set[str] = field(default_factory=lambda: {"models"})
    kinds: set[str] = field(default_factory=lambda: {"inferenceservices", "servingruntimes"})
    forbidden: bool = False
    troubles: list[int] = field(default_factory=list)
    retry_after: str = "0"
    reads_until_ready: int = 2
    lag: int = 0
    failing: set[str] = field(default_factory=set)
    failing_early: bool = False
    broken: set[str] = field(default_factory=set)
    late_ms: dict[str, float] = field(default_factory=dict)
    no_canaries: bool = False
    figures: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    changes: list[Object] = field(default_factory=list)
    revisions: list[Object] = field(default_factory=list)
    shares_seen: list[dict[str, int]] = field(default_factory=list)
    asked: int = 0
    queries: list[str] = field(default_factory=list)

    def service(self, name: str = "tiny") -> Object:
        return self.objects["inferenceservices", name]

    def shares(self, name: str = "tiny", for_pods: bool = False) -> dict[str, int]:
        """Version to percent, as requests are answered now; by the address for pods, which in standard mode is that of
        the main predictor alone."""
        service = self.service(name)
        if mode_of(service) == "Standard" and for_pods:
            return {version_of(service["spec"]["predictor"]): 100}
        if mode_of(service) == "Standard":
            found = {version_of(one["predictor"]): one["trafficPercent"] for one in canaries_of(service)}
            return {version_of(service["spec"]["predictor"]): 100 - sum(found.values()), **found}
        versions = {one["name"]: one["version"] for one in self.revisions}
        shares: dict[str, int] = {}
        for target in service["status"].get("components", {}).get("predictor", {}).get("traffic", []):
            version = versions[target["revisionName"]]
            shares[version] = shares.get(version, 0) + target["percent"]
        return shares


@contextmanager
def kserve() -> Iterator[tuple[str, State]]:
    """Yields the address and what the server holds."""
    state = State()

    class Handler(_Handler):
        pass

    Handler.state = state
    with listening(Handler) as url:
        Handler.url = url
        yield url, state


class _Handler(BaseHTTPRequestHandler):
    state: State
    url: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path == "/api/v1/query":
            self._send(200, self._figures(parse_qs(url.query)["query"][0]))
        elif url.path.startswith(("/v2/", FOR_PODS)):
            self._infer(url.path.removeprefix(FOR_PODS), for_pods=url.path.startswith(FOR_PODS))
        else:
            self._kubernetes(method, url.path, parse_qs(url.query), body)

    def _kubernetes(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> None:
        state = self.state
        state.requests.append((method, path.rpartition("/")[2]))
        if state.troubles and (status := state.troubles.pop(0)) != 200:
            if status:
                self._send(status, status_of(status, "busy"), {"Retry-After": state.retry_after})
            else:
                self.close_connection = True
                self.connection.close()
            return
        try:
            if self.headers.get("Authorization", "").lower() != f"bearer {TOKEN}":
                raise Refused(401, "Unauthorized")
            namespace, plural, name = self._place(path)
            if method == "PATCH":
                assert self.headers["Content-Type"] == "application/apply-patch+yaml"
                assert (query["fieldManager"], query["force"]) == (["textgate"], ["true"])
                self._send(200, self._apply(namespace, plural, name, json.loads(body)))
            elif (plural, name) not in state.objects:
                details = {"name": name, "kind": plural}
                raise Refused(404, f'{plural}.serving.kserve.io "{name}" not found', details)
            elif method == "GET":
                self._send(200, self._moved(state.objects[plural, name]))
            else:
                self._send(200, state.objects.pop((plural, name)))
        except Refused as refused:
            self._send(refused.status, status_of(refused.status, str(refused), refused.details))

    def _place(self, path: str) -> tuple[str, str, str]:
        version, _, namespace, plural, name = path.removeprefix(API).split("/")
        if plural not in self.state.kinds:
            raise Refused(404, "the server could not find the requested resource")
        assert version == {"servingruntimes": "v1alpha1", "inferenceservices": "v1beta1"}[plural]
        if self.state.forbidden:
            raise Refused(403, f'{plural} is forbidden: User "ann" cannot patch resource "{plural}"')
        return namespace, plural, name

    def _apply(self, namespace: str, plural: str, name: str, manifest: Object) -> Object:
        state, key = self.state, (plural, name)
        if namespace not in state.namespaces:
            raise Refused(404, f'namespaces "{namespace}" not found', {"name": namespace, "kind": "namespaces"})
        old = state.objects.get(key)
        if plural == "inferenceservices":
            check(manifest, old)
        new = json.loads(json.dumps(manifest))
        if plural == "inferenceservices":
            new["spec"]["predictor"].setdefault("containerConcurrency", 0)  # as a defaulting webhook adds
        new["metadata"] |= {"generation": old["metadata"]["generation"] if old else 0, "uid": "u-1"}
        if old and all(old[part] == new[part] for part in ("metadata", "spec")):
            return old
        new["metadata"]["generation"] += 1
        if plural == "inferenceservices":
            new |= {"status": old.get("status", {}) if old else {}, "lag": state.lag}
            self._reconciled(new, old)
        state.objects[key] = new
        state.changes.append(manifest)
        return new

    def _reconciled(self, new: Object, old: Object | None) -> None:
        if mode_of(new) == "Standard":
            new["reads"] = 0
            return
        if not old or template_of(new) != template_of(old):
            number = len(self.state.revisions) + 1
            name = f"{new['metadata']['name']}-predictor-{number:05}"
            self.state.revisions.append({"name": name, "version": version_of(new["spec"]["predictor"]), "reads": 0})

    def _moved(self, service: Object) -> Object:
        if service["kind"] == "InferenceService" and (lag := service.get("lag", 0)):
            service["lag"] = lag - 1
        elif service["kind"] == "InferenceService":
            (self._standard if mode_of(service) == "Standard" else self._knative)(service)
            shares = self.state.shares(service["metadata"]["name"])
            if shares and self.state.shares_seen[-1:] != [shares]:
                self.state.shares_seen.append(shares)
        return service

    def _knative(self, service: Object) -> None:
        """As KServe's reconciler has it: the last revision that had everything keeps what the newest does not get."""
        state, prefix = self.state, service["metadata"]["name"] + "-predictor"
        mine = [one for one in state.revisions if one["name"].startswith(prefix)]
        for one in mine:
            one["reads"] += 1
        good = [one for one in mine if self._is_good(one)]
        part = service["status"].setdefault("components", {}).setdefault("predictor", {})
        part["latestCreatedRevision"] = mine[-1]["name"]
        if good:
            ready = part["latestReadyRevision"] = good[-1]["name"]
            percent = service["spec"]["predictor"].get("canaryTrafficPercent")
            last = part.get("latestRolledoutRevision", "")
            if last == ready == mine[-1]["name"] and percent is not None and percent < 100:
                last = part.get("previousRolledoutRevision", "")
            targets = [{"latestRevision": True, "percent": 100, "revisionName": ready}]
            if percent is not None and last:
                targets[0]["percent"] = percent
                if percent < 100:
                    targets.append({"revisionName": last, "percent": 100 - percent, "tag": "prev"})
            part["traffic"] = targets
            if targets[0]["percent"] == 100 and part.get("latestRolledoutRevision") != ready:
                part["previousRolledoutRevision"] = part.get("latestRolledoutRevision", "")
                part["latestRolledoutRevision"] = ready
        self._told(service, service["status"], self._is_good(mine[-1]), mine[-1]["version"])

    def _is_good(self, revision: Object) -> bool:
        return revision["reads"] >= self.state.reads_until_ready and revision["version"] not in self.state.failing

    def _standard(self, service: Object) -> None:
        service["reads"] += 1
        slow, status = service["reads"] < self.state.reads_until_ready, service["status"]
        version = version_of(service["spec"]["predictor"])
        self._told(service, status, not slow and version not in self.state.failing, version)
        status.pop("canaryStatuses", None)
        for canary in [] if self.state.no_canaries else canaries_of(service):
            version = version_of(canary["predictor"])
            one = {"name": canary["predictor"]["name"], "trafficPercent": canary["trafficPercent"]}
            self._told(service, one, not slow and version not in self.state.failing, version)
            told = one.pop("conditions")[1]
            one["ready"] = told["status"] == "True"
            status["conditions"].append({**told, "type": "CanaryReady"})
            status.setdefault("canaryStatuses", []).append(one)

    def _told(self, service: Object, status: Object, ready: bool, version: str) -> None:
        """Conditions, and the model's state where the version cannot be loaded."""
        state = "True" if ready else "False" if version in self.state.failing else "Unknown"
        message = {} if ready else {"reason": "RevisionFailed", "message": f"container of version {version} is not up"}
        status["conditions"] = [{"type": kind, "status": state, **message} for kind in ("PredictorReady", "Ready")]
        status["modelStatus"] = {"transitionStatus": "UpToDate" if ready else "InProgress"}
        if version in self.state.failing and self.state.failing_early:
            failure = {"reason": "ModelLoadFailed", "message": "bundle.json is damaged", "exitCode": 1}
            status["modelStatus"] = {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": failure}
        service["status"] |= {"url": self.url, "address": {"url": f"{self.url}{FOR_PODS}"}}

    def _infer(self, path: str, for_pods: bool) -> None:
        """By turns of a hundred, so that each version gets its share of the requests."""
        if path == "/v2/health/live":
            self._send(200, {})
            return
        state = self.state
        turn, state.asked = state.asked * 37 % 100, state.asked + 1
        turns = [version for version, share in state.shares(for_pods=for_pods).items() for _ in range(share)]
        version = turns[turn]
        time.sleep(state.late_ms.get(version, 0) / 1000)
        if version in state.broken:
            self._send(500, {"error": "broken"}, {"X-Model-Version": version})
        else:
            self._send(200, {"model_version": version, "outputs": []}, {"X-Model-Version": version})

    def _figures(self, query: str) -> Object:
        self.state.queries.append(query)
        found = next((one for digest, one in self.state.figures.items() if digest in query), None)
        if found is None:
            return {"status": "success", "data": {"resultType": "vector", "result": []}}
        value = found[2] if "histogram_quantile" in query else found[1] if "status=~" in query else found[0]
        return {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, str(value)]}]}}

    def _send(self, status: int, value: Object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

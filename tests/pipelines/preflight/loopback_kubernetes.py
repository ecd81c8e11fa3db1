"""An API server of Kubernetes on this machine that is only read: a namespace, what lies in it, and nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import listening

TOKEN = "a-token-of-kubernetes"
Object = dict[str, Any]


@dataclass
class Cluster:
    """`objects` by plural and name; `forbidden` are plurals that these credentials may not read."""

    namespace: str = "team"
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def add(self, plural: str, name: str, **content: Any) -> None:
        self.objects[plural, name] = {"metadata": {"name": name, "namespace": self.namespace}, **content}


@contextmanager
def kubernetes(cluster: Cluster) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cluster.requests.append(self.path)
            parts = self.path.removeprefix("/api/v1/").split("/")
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, {"message": "Unauthorized"})
            elif parts[0] == "namespaces" and len(parts) == 2:
                self._one(
                    "namespaces", parts[1], {"metadata": {"name": parts[1]}} if parts[1] == cluster.namespace else None
                )
            elif parts[0] == "namespaces" and len(parts) == 4:
                self._one(parts[2], parts[3], cluster.objects.get((parts[2], parts[3])))
            else:
                plural = parts[-1]
                found = [one for (kind, _), one in cluster.objects.items() if kind == plural]
                self._one(plural, "", {"items": found})

        def _one(self, plural: str, name: str, found: Object | None) -> None:
            if plural in cluster.forbidden:
                self._send(403, {"message": f"{plural} is forbidden: User cannot get it"})
            elif found is None:
                self._send(404, {"message": f'{plural} "{name}" not found', "details": {"name": name}})
            else:
                self._send(200, found)

        def _send(self, status: int, content: Object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as url:
        yield url

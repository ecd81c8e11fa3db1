"""What a Hugging Face hub answers to one who reads models, on two free ports: its own, and that of large files."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tests.loopback import listening

LARGE = 1 << 20


class Request(NamedTuple):
    """`host` is hub or storage; `token` is empty where none was sent."""

    host: str
    path: str
    token: str


@dataclass
class Model:
    """`commits` maps a commit's id to its files, `branches` a branch to a commit. With `allowed`, the tokens that may
    read: without one of them a private model is not there, and a gated one shows its list of files alone."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    private: bool = False
    gated: bool = False
    allowed: frozenset[str] = frozenset()


@dataclass
class Hub:
    """`troubles` are statuses that the hub answers with first. Of a large file the storage sends `cut` bytes and breaks
    off, as often as `cuts` says; with `whole` it ignores ranges."""

    models: dict[str, Model] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    known_tokens: frozenset[str] = frozenset()
    troubles: list[int] = field(default_factory=list)
    cut: int = 0
    cuts: int = 0
    whole: bool = False
    lies: bool = False
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    storage: str = ""
    stored: dict[str, bytes] = field(default_factory=dict)

    def paths(self, host: str) -> list[str]:
        return [request.path for request in self.requests if request.host == host]


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()


def one_commit(files: dict[str, bytes], **options: object) -> Model:
    commit = commit_of(files)
    return Model({commit: files}, {"main": commit}, **options)  # type: ignore[arg-type]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    with ExitStack() as stack:
        hub.url = stack.enter_context(listening(type("Handler", (_HubHandler,), {"state": hub})))
        hub.storage = stack.enter_context(listening(type("Handler", (_StorageHandler,), {"state": hub})))
        yield hub


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, {"X-Error-Code": code, "X-Error-Message": message}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Hub
    host = ""

    def do_GET(self) -> None:
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.state.requests.append(Request(self.host, self.path, self.token))
        self.answer()

    @abstractmethod
    def answer(self) -> None: ...

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _HubHandler(_Handler):
    host = "hub"

    def answer(self) -> None:
        if self.state.troubles:
            self.reply(self.state.troubles.pop(0))
            return
        try:
            self._route([unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")])
        except _Refused as refused:
            self.send_response(refused.status)
            for name, value in refused.headers.items():
                self.send_header(name, value)
            body = json.dumps({"error": str(refused)}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _route(self, parts: list[str]) -> None:
        match parts:
            case ["api", "models", owner, name, "revision", revision]:
                if new := self.state.renamed.get(f"{owner}/{name}"):
                    self.reply(307, Location=self.path.replace(f"{owner}/{name}", new))
                    return
                model = self._model(f"{owner}/{name}", listing=True)
                commit = self._commit(model, revision)
                described = {"sha": commit, "siblings": self._siblings(model.commits[commit])}
                self.reply(200, json.dumps(described).encode(), Content_Type="application/json")
            case [owner, name, "resolve", revision, file]:
                if new := self.state.renamed.get(f"{owner}/{name}"):
                    self.reply(307, Location=self.path.replace(f"{owner}/{name}", new))
                    return
                model = self._model(f"{owner}/{name}", listing=False)
                commit = self._commit(model, revision)
                self._file(commit, file, model.commits[commit])
            case _:
                self.reply(200, b"<html>a page</html>", Content_Type="text/html")

    def _model(self, name: str, listing: bool) -> Model:
        if self.token and self.token not in self.state.known_tokens:
            raise _Refused(401, "", "Invalid credentials in Authorization header")
        model = self.state.models.get(name)
        if model is None or (model.private and self.token not in model.allowed):
            if self.token:
                raise _Refused(404, "RepoNotFound", "Repository not found")
            raise _Refused(401, "RepoNotFound", "Invalid username or password.")
        if model.gated and not listing and self.token not in model.allowed:
            raise _Refused(403 if self.token else 401, "GatedRepo", f"Access to model {name} is restricted.")
        return model

    def _commit(self, model: Model, revision: str) -> str:
        commit = model.branches.get(revision, revision)
        if commit not in model.commits:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _siblings(self, files: dict[str, bytes]) -> list[dict[str, object]]:
        siblings = []
        for name, content in files.items():
            sibling: dict[str, object] = {"rfilename": name}
            if "blobs=true" in self.path:
                sibling["size"] = len(content)
                if len(content) >= LARGE:
                    sha256 = "0" * 64 if self.state.lies else hashlib.sha256(content).hexdigest()
                    sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        return siblings

    def _file(self, commit: str, name: str, files: dict[str, bytes]) -> None:
        if name not in files:
            raise _Refused(404, "EntryNotFound", "Entry not found")
        content = files[name]
        if len(content) < LARGE:
            self.reply(200, content, X_Repo_Commit=commit, ETag=f'"{hashlib.sha1(content).hexdigest()}"')
            return
        sha256 = hashlib.sha256(content).hexdigest()
        self.state.stored[f"/{sha256}"] = content
        linked = {"X_Linked_Etag": f'"{sha256}"', "X_Linked_Size": str(len(content))}
        self.reply(302, X_Repo_Commit=commit, Location=f"{self.state.storage}/{sha256}?signature=secret", **linked)


class _StorageHandler(_Handler):
    host = "storage"

    def answer(self) -> None:
        content = self.state.stored[urlsplit(self.path).path]
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not self.state.whole else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        taken, self.state.cuts = self.state.cuts > 0, max(self.state.cuts - 1, 0)
        with suppress(OSError):  # a client may leave before the end
            self.wfile.write(content[start : start + self.state.cut] if taken else content[start:])
        self.close_connection = taken

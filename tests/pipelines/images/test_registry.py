"""Pushing to a real registry, and its digests; tokens as Docker Hub gives them, from a loopback server."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from components.base.errors import TextgateError
from components.base.settings.cluster import PINNED
from pipelines.cli import cli
from pipelines.images import registry as registry_api
from pipelines.images.registry import Unreachable, parse, pinned
from tests.images.podman import podman, private_store
from tests.loopback import listening

NEEDS = ("podman", "runc", "docker-registry")
ABSENT = [tool for tool in NEEDS if not shutil.which(tool)]
needs_registry = pytest.mark.skipif(
    bool(ABSENT or os.geteuid()), reason=f"needs root and {', '.join(ABSENT)} (Debian's packages of that name)"
)
DIGEST = f"sha256:{'0f' * 32}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            for _ in range(200):
                try:
                    httpx.get(f"http://{address}/v2/")
                    break
                except httpx.HTTPError:
                    time.sleep(0.1)
            yield address
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("image")
    (folder / "file").write_text("content")
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add(folder / "file", "file")
    with private_store(folder / "store"):
        podman("import", str(folder / "image.tar"), "localhost/small:1")
        yield "localhost/small:1"


def textgate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["image", *arguments])


@needs_registry
def test_push_tells_the_digest_that_the_registry_has(registry: str, image: str) -> None:
    pushed = textgate("push", image, f"{registry}/team/small:1", "--engine", "podman")
    assert pushed.exit_code == 0, pushed.exception
    reference = pushed.output.strip()
    assert PINNED.fullmatch(reference) and reference.startswith(f"{registry}/team/small@sha256:")
    assert textgate("digest", f"{registry}/team/small:1").output.strip() == reference
    assert textgate("digest", reference).output.strip() == reference
    podman("rmi", "--force", image, f"{registry}/team/small:1")
    podman("pull", "--quiet", reference)


@needs_registry
def test_what_a_registry_does_not_have_is_said(registry: str) -> None:
    with pytest.raises(TextgateError, match="has no .*/team/other:1; push it"):
        pinned(f"{registry}/team/other:1")


@needs_registry
def test_registry_that_refuses_is_one_message(image: str) -> None:
    podman("import", str(Path(os.environ["TMPDIR"]).parents[1] / "image.tar"), image)
    refused = textgate("push", image, "127.0.0.1:1/small:1", "--engine", "podman")
    assert isinstance(refused.exception, TextgateError)
    assert "podman push failed" in str(refused.exception) and "connection refused" in str(refused.exception)
    assert "names a digest" in str(textgate("push", image, f"127.0.0.1:1/small@{DIGEST}").exception)


@pytest.mark.parametrize(
    ("reference", "host", "repository", "tag"),
    [
        ("python:3.12-slim", "docker.io", "library/python", "3.12-slim"),
        ("my_image:1", "docker.io", "library/my_image", "1"),
        ("debian:12", "docker.io", "library/debian", "12"),
        ("docker.io/library/python", "docker.io", "library/python", "latest"),
        ("team/textgate:1", "docker.io", "team/textgate", "1"),
        ("registry.example/a/b/c:v1", "registry.example", "a/b/c", "v1"),
        ("localhost/small", "localhost", "small", "latest"),
        ("localhost:5000/small:1", "localhost:5000", "small", "1"),
        ("localhost:5000/small", "localhost:5000", "small", "latest"),
    ],
)
def test_references_are_read_as_engines_read_them(reference: str, host: str, repository: str, tag: str) -> None:
    found = parse(reference)
    assert (found.host, found.repository, found.tag, found.digest) == (host, repository, tag, "")
    assert parse(f"{reference}@{DIGEST}").digest == DIGEST


@pytest.mark.parametrize(
    "reference", ["", "a b", "registry.example/Team/x", "x@sha256:12", "https://registry.example/x"]
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(TextgateError, match="is no image"):
        parse(reference)


class Guarded(BaseHTTPRequestHandler):
    """Wants a token, which it gives to who names user and password."""

    def do_GET(self) -> None:
        basic = "Basic " + base64.b64encode(b"user:password").decode()
        asked = "service=here&scope=repository%3Ateam%2Fx%3Apull" in self.path
        given = {"token": "let-in"} if asked and self.headers["Authorization"] == basic else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(given).encode())

    def do_HEAD(self) -> None:
        if self.headers["Authorization"] == "Bearer let-in":
            self.send_response(200)
            self.send_header("Docker-Content-Digest", DIGEST)
        else:
            realm = f"http://{self.headers['Host']}/token"
            self.send_response(401)
            asked = f'Bearer realm="{realm}",service="here",scope="repository:team/x:pull"'
            self.send_header("WWW-Authenticate", asked)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def guarded() -> Iterator[str]:
    with listening(Guarded) as url:
        yield url.removeprefix("http://")


PLACES = {
    "users/{user}/auth.json": {},
    "run/containers/auth.json": {"XDG_RUNTIME_DIR": "run"},
    "home/.config/containers/auth.json": {},
    "settings/containers/auth.json": {"XDG_CONFIG_HOME": "settings"},
    "elsewhere.json": {"REGISTRY_AUTH_FILE": "elsewhere.json"},
    "home/.docker/config.json": {},
    "docker/config.json": {"DOCKER_CONFIG": "docker"},
}


@pytest.mark.parametrize(("place", "variables"), PLACES.items(), ids=PLACES)
def test_credentials_of_a_login_become_a_token(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, variables: dict[str, str]
) -> None:
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "home", **variables}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setattr(registry_api, "OF_USERS", str(tmp_path / "users"))
    with pytest.raises(TextgateError, match=r"does not let you read .*\(HTTP 401\); log in"):
        pinned(f"{guarded}/team/x:1")
    auth = base64.b64encode(b"user:password").decode()
    file = tmp_path / place.format(user=os.getuid())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"auths": {guarded: {"auth": auth}}}))
    assert pinned(f"{guarded}/team/x:1") == f"{guarded}/team/x@{DIGEST}"


@pytest.mark.parametrize("host", ["a..b", "...", f"{'a' * 64}.example", f"localhost:{'9' * 30}"])
def test_address_that_is_none_is_one_message(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(Unreachable) as refused:
        pinned(f"{host}/team/x:1")
    assert str(refused.value).startswith(f"{host} is no address of a registry, or does not answer as one")


CHALLENGES = {
    "Bearer garbage": "does not answer as one",
    "Bearer realm=": "does not answer as one",
    'Bearer realm="http://[bad"': "does not answer as one",
    'Bearer realm="http://127.0.0.1:x/"': "does not answer as one",
    'Bearer realm="https://a..b/"': "does not answer as one",
    f'Bearer realm="https://127.0.0.1:{"9" * 30}/"': "does not answer as one",
    "Bearer": "does not let you read",
    "": "does not let you read",
}
TOKENS = ['"secret\\nof two lines"', '"secret of \\u00e9"', "5", "{}", "[" * 100_000]


@pytest.mark.parametrize(
    ("challenge", "token", "said"),
    [
        *((challenge, "", said) for challenge, said in CHALLENGES.items()),
        *(('Bearer realm="http://HOST/"', token, r"does not (let you read|answer as one)") for token in TOKENS),
    ],
)
def test_what_answers_unlike_a_registry_is_one_message(challenge: str, token: str, said: str) -> None:
    class Unlike(Guarded):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f'{{"token": {token}}}'.encode())

        def do_HEAD(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", challenge.replace("HOST", str(self.headers["Host"])))
            self.end_headers()

    with listening(Unlike) as url, pytest.raises(TextgateError, match=said) as refused:
        pinned(f"{url.removeprefix('http://')}/team/x:1")
    assert "secret" not in str(refused.value)

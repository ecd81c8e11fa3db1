"""Images, asked of a registry on this machine that speaks the distribution protocol, its token server included."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.images.registry import Absent, Refused, pinned
from pipelines.pods import steps_of
from pipelines.preflight.images import checks
from pipelines.preflight.line import Line
from tests.loopback import listening
from tests.pipelines.preflight.made import make_settings

DIGEST = f"sha256:{'5' * 64}"
TOKEN, SECRET = "a-token-of-the-registry", base64.b64encode(b"robot:the-password").decode()


@dataclass
class Registry:
    """`challenge` is none, basic or bearer; with `private` its token server wants SECRET. `trouble` is a status."""

    challenge: str = ""
    private: bool = False
    realm: str = ""
    trouble: int = 0
    host: str = ""

    def image(self, digest: str = DIGEST, name: str = "team/textgate") -> str:
        return f"{self.host}/{name}@{digest}"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            assert "application/vnd.oci.image.manifest.v1+json" in self.headers["Accept"]
            given, wanted = self.headers.get("Authorization"), f"Bearer {TOKEN}"
            wanted = f"Basic {SECRET}" if state.challenge == "basic" else wanted
            if state.trouble:
                self._send(state.trouble)
            elif state.challenge and given != wanted:
                realm = state.realm or f"http://{state.host}/token"
                asked = f'Bearer realm="{realm}",service="images",scope="repository:team/textgate:pull"'
                self._send(401, {"WWW-Authenticate": 'Basic realm="x"' if state.challenge == "basic" else asked})
            else:
                self._send(
                    *(
                        (200, {"Docker-Content-Digest": DIGEST})
                        if self.path.endswith(f"/textgate/manifests/{DIGEST}")
                        else (404,)
                    )
                )

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            assert url.path == "/token"
            assert parse_qs(url.query) == {"service": ["images"], "scope": ["repository:team/textgate:pull"]}
            if state.private and self.headers.get("Authorization") != f"Basic {SECRET}":
                self._send(401)
            else:
                self._send(200, body=json.dumps({"token": TOKEN}).encode())

        def _send(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "*")
    with listening(Handler) as url:
        state.host = url.removeprefix("http://")
        yield state


def log_in(folder: Path, host: str) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": SECRET}}}))


@pytest.mark.parametrize("challenge", ["", "bearer"])
def test_one_that_shows_its_images_to_all(registry: Registry, challenge: str) -> None:
    registry.challenge = challenge
    assert pinned(registry.image()) == registry.image()
    with pytest.raises(Absent):
        pinned(registry.image(f"sha256:{'6' * 64}"))


@pytest.mark.parametrize("challenge", ["basic", "bearer"])
def test_one_that_wants_credentials(registry: Registry, tmp_path: Path, challenge: str) -> None:
    registry.challenge, registry.private = challenge, True
    with pytest.raises(Refused):
        pinned(registry.image())
    log_in(tmp_path, registry.host)
    assert pinned(registry.image()) == registry.image()


@pytest.mark.parametrize("content", ["", "[]", '{"auths": []}', '{"auths": {"HOST": {"auth": "not base64!"}}}'])
def test_a_broken_config_of_docker_counts_as_none(registry: Registry, tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content.replace("HOST", registry.host))
    registry.challenge = "bearer"
    assert pinned(registry.image()) == registry.image()


def test_credentials_are_sent_to_no_place_without_tls(registry: Registry, tmp_path: Path) -> None:
    registry.challenge, registry.realm = "bearer", "http://elsewhere.example/token"
    log_in(tmp_path, registry.host)
    with pytest.raises(Refused):
        pinned(registry.image())


def lines(image: str, gpu_image: str = "", trains: bool = True) -> list[Line]:
    steps = {"finetune": {"gpus": 1}} if gpu_image else {}
    settings = make_settings(cluster={"image": image, "gpu_image": gpu_image, "resources": {"steps": steps}})
    return [line for _, ask in checks(settings, steps_of(settings, trains)) for line in ask()]


def test_each_image_that_pods_use_has_a_line(registry: Registry) -> None:
    found = lines(registry.image(), registry.image(f"sha256:{'6' * 64}"))
    assert [(line.check, line.state) for line in found] == [("image", "ok"), ("GPU image", "failed")]
    assert "push it" in found[1].advice
    assert [line.check for line in lines(registry.image(), registry.image(), trains=False)] == ["image"]


def test_what_cannot_be_known_is_no_failure(registry: Registry, tmp_path: Path) -> None:
    registry.challenge = "basic"
    (refused,) = lines(registry.image())
    assert refused.state == "unknown" and "image_pull_secrets" in refused.advice
    registry.trouble = 503
    (busy,) = lines(registry.image())
    assert busy.state == "unknown" and "HTTP 503" in busy.said
    (away,) = lines(f"127.0.0.1:9/team/textgate@{DIGEST}")
    assert away.state == "unknown" and "cannot be asked from here" in away.said
    (nowhere,) = lines(f"registry..local/textgate@{DIGEST}")
    assert nowhere.state == "unknown" and "is no address of a registry" in nowhere.said
    (inside,) = lines(f"registry.images.svc:5000/textgate@{DIGEST}")
    assert inside.state == "unknown" and "only the cluster resolves" in inside.said


def test_an_image_without_a_digest_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGATE_IMAGE", "registry.example/textgate:latest")
    (line,) = lines("")
    assert line.state == "failed" and "not pinned" in line.said
    monkeypatch.delenv("TEXTGATE_IMAGE")
    (line,) = lines("")
    assert line.state == "failed" and "TEXTGATE_IMAGE" in line.advice


def test_no_secret_is_shown(registry: Registry, tmp_path: Path) -> None:
    log_in(tmp_path, registry.host)
    registry.challenge, registry.private = "bearer", True
    shown = str(lines(registry.image()) + lines(registry.image(f"sha256:{'6' * 64}")))
    assert not any(secret in shown for secret in (SECRET, TOKEN, "the-password"))

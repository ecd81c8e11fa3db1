"""As much of the registry protocol of images as it takes to know whether one is there."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
HUB, HUB_HOST, HUB_KEY = "docker.io", "registry-1.docker.io", "https://index.docker.io/v1/"
LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
ANSWER_S = httpx.Timeout(8.0, connect=4.0)


class Unreachable(Exception):
    """The registry does not answer, or not as one does."""


class Refused(Exception):
    """It answers, and does not let these credentials, or none, see the image."""


@dataclass(frozen=True)
class Image:
    """`host` as in the name, `api` where it is asked, `name` the repository."""

    host: str
    api: str
    name: str
    digest: str

    @property
    def scheme(self) -> str:
        return "http" if LOCAL.fullmatch(self.host) else "https"

    @property
    def manifest(self) -> str:
        return f"{self.scheme}://{self.api}/v2/{self.name}/manifests/{self.digest}"


def parse(image: str) -> Image:
    """Of a name with a digest; a tag before that counts for nothing, as in pods."""
    named, _, digest = image.partition("@")
    first, slash, rest = named.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        host, name = HUB, named if slash else f"library/{named}"
    else:
        host, name = first, rest
    path, _, last = name.rpartition("/")
    name = f"{path}/{last.partition(':')[0]}".lstrip("/")
    return Image(host, HUB_HOST if host == HUB else host, name, digest)


def has(image: Image) -> bool:
    """Asks without credentials, or with those of docker's config.json.

    Raises Refused or Unreachable.
    """
    try:
        with httpx.Client(timeout=ANSWER_S) as client:
            answer = client.head(image.manifest, headers={"Accept": ACCEPT})
            if answer.status_code == 401:
                answer = client.head(image.manifest, headers={"Accept": ACCEPT, **_authorized(client, image, answer)})
    except httpx.HTTPError as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    if answer.status_code in (401, 403):
        raise Refused(f"HTTP {answer.status_code}")
    if answer.status_code not in (200, 404):
        raise Unreachable(f"HTTP {answer.status_code}")
    return answer.status_code == 200


def _authorized(client: httpx.Client, image: Image, answer: httpx.Response) -> dict[str, str]:
    """The header that the challenge asks for; none where there is nothing to answer it with."""
    scheme, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
    fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    stored = _stored(image)
    if scheme.lower() == "basic":
        return {"Authorization": f"Basic {stored}"} if stored else {}
    if scheme.lower() != "bearer" or not _may_ask(fields.get("realm", "")):
        raise Unreachable("its challenge is not that of a registry")
    asked = {"scope": fields.get("scope") or f"repository:{image.name}:pull"}
    if "service" in fields:
        asked["service"] = fields["service"]
    told = client.get(fields["realm"], params=asked, headers={"Authorization": f"Basic {stored}"} if stored else {})
    if told.status_code != 200:
        raise Refused(f"HTTP {told.status_code} from its server of tokens")
    try:
        given = told.json()
        return {"Authorization": f"Bearer {given.get('token') or given['access_token']}"}
    except (ValueError, KeyError, AttributeError):
        raise Unreachable("its server of tokens gives none") from None


def _may_ask(realm: str) -> bool:
    """Credentials go over TLS, or stay on this machine."""
    parts = urlsplit(realm)
    return parts.scheme == "https" or (parts.scheme == "http" and bool(LOCAL.fullmatch(parts.netloc)))


def _stored(image: Image) -> str:
    """`user:password` in base64 as `docker login` keeps it in a file; a helper's store is left alone."""
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        auths = json.loads(path.read_text(encoding="utf-8")).get("auths", {})
        keys = [image.host, f"https://{image.host}", *([HUB_KEY] if image.host == HUB else [])]
        stored = next((str(auths[key]["auth"]) for key in keys if auths.get(key, {}).get("auth")), "")
        base64.b64decode(stored, validate=True)
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return ""
    return stored

"""What a registry calls a tag by its content, asked over the distribution API."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import httpx

from components.base.errors import TextgateError

DOCKER_HUB = "docker.io"
# By these names as well, Docker Hub's API and its entry among the credentials.
HUB_API, HUB_KEY = "registry-1.docker.io", "https://index.docker.io/v1/"
# Where podman keeps the credentials of a user who has no XDG_RUNTIME_DIR.
OF_USERS = "/run/containers"
MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
REFERENCE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+((:\d+)?/[a-z0-9._/-]+)?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
ANSWER_S = httpx.Timeout(10.0, connect=4.0)


class Absent(TextgateError):
    """It answers, and has no such image."""


class Refused(TextgateError):
    """It answers, and does not let these credentials, or none, see the image."""


class Unreachable(TextgateError):
    """It does not answer, or not as a registry does."""


@dataclass(frozen=True)
class Reference:
    """`name` as it was written; `host` and `repository` as the registry knows them."""

    name: str
    host: str
    repository: str
    tag: str
    digest: str


def parse(reference: str) -> Reference:
    """Raises TextgateError when it is no reference to an image."""
    found = REFERENCE.fullmatch(reference)
    if not found:
        raise TextgateError(f"{reference} is no image; name it as registry/name:tag")
    name = found["name"]
    host, slash, repository = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, repository = DOCKER_HUB, name
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(name, host, repository, found["tag"] or "latest", found["digest"] or "")


def pinned(reference: str) -> str:
    """name@sha256:... of what the registry has under this reference. Raises Absent, Refused or Unreachable."""
    place = parse(reference)
    api = HUB_API if place.host == DOCKER_HUB else place.host
    scheme = "http" if _is_here(api) else "https"
    url = f"{scheme}://{api}/v2/{place.repository}/manifests/{place.digest or place.tag}"
    try:
        with httpx.Client(timeout=ANSWER_S, headers={"Accept": MANIFESTS}) as client:
            answer = client.head(url)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                answer = client.head(url, headers=_authorization(client, place.host, answer))
    except httpx.HTTPError as error:
        raise Unreachable(f"{place.host} does not answer: {error or type(error).__name__}") from None
    except (httpx.InvalidURL, ArithmeticError, LookupError, RecursionError, ValueError):
        raise Unreachable(
            f"{place.host} is no address of a registry, or does not answer as one does; name the image as"
            " registry/name:tag"
        ) from None
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Refused(
            f"{place.host} does not let you read {reference} (HTTP {answer.status_code}); log in with"
            f" `docker login {place.host}` or `podman login {place.host}`; a credential helper is not asked"
        )
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise Absent(f"{place.host} has no {reference}; push it, or look for another tag")
    digest = answer.headers.get("Docker-Content-Digest", "")
    if answer.status_code != httpx.codes.OK or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise Unreachable(f"{place.host} does not tell the digest of {reference} (HTTP {answer.status_code})")
    return f"{place.name}@{digest}"


def _authorization(client: httpx.Client, host: str, refusal: httpx.Response) -> dict[str, str]:
    """What the refusal asks for: a token that its realm gives, or name and password."""
    kind, _, rest = refusal.headers.get("WWW-Authenticate", "").partition(" ")
    stored = _stored(host)
    if kind.lower() == "basic" and stored:
        return {"Authorization": f"Basic {stored}"}
    asked = parse_keqv_list(parse_http_list(rest)) if kind.lower() == "bearer" else {}
    realm = urlsplit(asked.pop("realm", ""))
    if realm.scheme != "https" and not _is_here(realm.netloc):
        return {}
    headers = {"Authorization": f"Basic {stored}"} if stored else {}
    answer = client.get(realm.geturl(), params=asked, headers=headers)
    with suppress(ValueError, AttributeError, TypeError):
        given = answer.json()
        token = given.get("token") or given.get("access_token") or ""
        # An error of the HTTP client about any other would show it.
        if re.fullmatch(r"[!-~]+", token):
            return {"Authorization": f"Bearer {token}"}
    return {}


def _stored(host: str) -> str:
    """Name and password as `docker login` and `podman login` keep them, in base64."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    files = [
        os.environ.get("REGISTRY_AUTH_FILE", ""),
        f"{runtime}/containers/auth.json" if runtime else f"{OF_USERS}/{os.getuid()}/auth.json",
        f"{os.environ.get('XDG_CONFIG_HOME') or Path.home() / '.config'}/containers/auth.json",
        f"{os.environ.get('DOCKER_CONFIG') or Path.home() / '.docker'}/config.json",
    ]
    for file in filter(None, files):
        with suppress(OSError, ValueError, AttributeError):
            entries = json.loads(Path(file).read_text()).get("auths", {})
            for key in (host, f"https://{host}", *([HUB_KEY] if host == DOCKER_HUB else [])):
                auth = str(entries.get(key, {}).get("auth", ""))
                if auth and base64.b64decode(auth, validate=True):
                    return auth
    return ""


def _is_here(host: str) -> bool:
    """Whether it is this machine, to which engines speak without TLS, too."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"

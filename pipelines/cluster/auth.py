"""How Kubeflow is told who asks. Secrets come from the environment or a file, and are shown nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfp.client.token_credentials_base import TokenCredentialsBase

from components.base.ca_bundle import check_ca_bundle
from components.base.errors import TextgateError
from components.base.settings import AuthSettings

BEARER, COOKIE, HEADER = "TEXTGATE_KFP_TOKEN", "TEXTGATE_KFP_COOKIE", "TEXTGATE_KFP_HEADER"


class ProjectedToken(TokenCredentialsBase):  # type: ignore[misc]
    """A token in a file that the kubelet renews: read for each request."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.read()

    def read(self) -> str:
        """Raises TextgateError where there is none."""
        try:
            token = Path(self.path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise TextgateError(
                f"no service-account token at {self.path} ({why}); mount a projected token there, or correct"
                " cluster.auth.token_path"
            ) from None
        return _checked(token, self.path)

    def refresh_api_key_hook(self, config: Any) -> None:
        config.api_key["authorization"] = self.read()


@dataclass(frozen=True)
class Auth:
    """`fresh` says how to give other credentials; `token`, `cookie` and `header` (name and value) are what goes along
    with a request."""

    fresh: str
    ca_bundle: str = ""
    token: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)
    header: tuple[str, str] | None = field(default=None, repr=False)
    projected: ProjectedToken | None = None

    def hide(self, text: str) -> str:
        """The text without a secret that a server may have repeated."""
        projected = self.projected.read() if self.projected else ""
        for secret in (self.token, self.cookie, self.header[1] if self.header else "", projected):
            text = text.replace(secret, "***") if secret else text
        return text


def read_auth(settings: AuthSettings) -> Auth:
    """Raises TextgateError where a variable or a file is missing that the settings ask for."""
    bundle = settings.ca_bundle
    check_ca_bundle(bundle, "cluster.auth.ca_bundle")
    match settings.kind:
        case "service-account":
            fresh = f"see to it that the service account of {settings.token_path} may run pipelines"
            return Auth(fresh, bundle, projected=ProjectedToken(settings.token_path))
        case "cookie":
            return Auth(f"set {COOKIE} to the cookie of a fresh login", bundle, cookie=_variable(COOKIE, "cookie"))
        case "header":
            value = _variable(HEADER, "header")
            fresh = f"set {HEADER} to the value of the header {settings.header}"
            return Auth(fresh, bundle, header=(settings.header, value))
    token = os.environ.get(BEARER, "").strip()
    return Auth(f"set {BEARER} to a token that may run pipelines", bundle, token=_checked(token, BEARER))


def _variable(name: str, kind: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise TextgateError(f"cluster.auth.kind {kind} needs the environment variable {name}, which is not set")
    return _checked(value, name)


def _checked(secret: str, where: str) -> str:
    """What cannot stand in a header is refused here: Python's own error would show it."""
    if not (secret.isascii() and secret.isprintable()):
        raise TextgateError(f"the secret in {where} has a line break or characters beyond ASCII; set it again")
    return secret

"""Tells a webhook of the run's end. Nothing that goes wrong with that is more than a line in the log."""

from __future__ import annotations

import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from components.base.settings import NotifyStep
from components.close.slack import message

VARIABLE = "TEXTGATE_WEBHOOK"


def notify(step: NotifyStep, facts: Mapping[str, Any]) -> None:
    """Sends the facts where `step` asks for their outcome. The URL, a secret, is never printed."""
    if step.kind == "none" or facts["outcome"] not in step.on:
        return
    problem = _problem(step, facts)
    said = f"the webhook was not told of the run's end: {problem}" if problem else "the webhook knows of the run's end"
    print(said, flush=True)


def _problem(step: NotifyStep, facts: Mapping[str, Any]) -> str:
    """Why nobody was told; empty where the webhook took it. After `timeout_s`, whatever the server does, it is given
    up."""
    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        return f"{VARIABLE} is not set"
    found: list[str] = []
    body = json.dumps(message(facts) if step.kind == "slack" else facts).encode()
    thread = Thread(target=lambda: found.append(_send(url, body, step.timeout_s)), daemon=True)
    thread.start()
    thread.join(step.timeout_s)
    return found[0] if found else f"no answer in {step.timeout_s:g} s"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer like others: what is sent goes to nobody else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _send(url: str, body: bytes, timeout: float) -> str:
    """Exceptions of the standard library hold the URL, or a part of it: only their kind and the system's words are
    taken from them."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            return f"{VARIABLE} is not the http(s) URL of a webhook"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "textgate"})  # noqa: S310
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout):
            return ""
    except HTTPError as error:
        error.close()
        return f"it answered HTTP {error.code}"
    except URLError as error:
        return _reason(error.reason)
    except Exception as error:
        return _reason(error)


def _reason(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return type(error).__name__

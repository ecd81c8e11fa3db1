"""Values that look like secrets: a compiled file lies in a registry of pipelines for all to read."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from components.base.settings.cluster import CREDENTIALS, SECRET_LIKE
from pipelines.lint.compiled import Compiled

KINDS = {
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an address with a password": CREDENTIALS,
    "a token of GitHub": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    "a token of GitLab": re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a token of Slack": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/(services|workflows)/\w"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "a bearer token": re.compile(r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}"),
    "a password": re.compile(
        r"\b(password|passwd|secret|token|api_?key)\b[\"']?\s*[:=]\s*[\"']?(?![\"'{$<])[^\s\"',;)(\]}]{8,}",
        re.IGNORECASE,
    ),
}
# Keys that hold the value of what is named around them.
VALUES = ("defaultValue", "runtimeValue", "constant", "value", "stringValue")
LONG, RANDOM = 16, 3.0


def no_secret_like_value(compiled: Compiled) -> Iterator[str]:
    seen = set()
    for place, name, value in _strings([compiled.content, compiled.platform]):
        kind = next((kind for kind, pattern in KINDS.items() if pattern.search(value)), "")
        if not kind and SECRET_LIKE.search(name) and (place.endswith("env") or _is_random(value)):
            kind = "a secret"
        # The value itself is not shown.
        if kind and (fault := f"{place}: {name} has what looks like {kind}; name a Secret in its place") not in seen:
            seen.add(fault)
            yield fault


def _strings(node: Any, place: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Where each is, the name of what it is a value of, and itself."""
    if isinstance(node, str) and node:
        yield place, name, node
    elif isinstance(node, dict):
        named = str(node.get("name", "")) if "value" in node else ""
        for key, value in node.items():
            inner = (named or name) if key in VALUES else key
            yield from _strings(value, place if key in VALUES else f"{place}.{key}".strip("."), inner)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value, place, name)


def _is_random(value: str) -> bool:
    """By Shannon's entropy, in bits a character."""
    counts = Counter(value).values()
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return len(value) >= LONG and " " not in value and entropy >= RANDOM

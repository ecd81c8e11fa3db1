"""Values that look like secrets: a compiled file lies in a registry of pipelines for all to read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from components.base.settings.cluster import KINDS_OF_SECRETS, SECRET_LIKE
from pipelines.lint.compiled import Compiled

# Keys that hold the value of what is named around them.
VALUES = ("defaultValue", "runtimeValue", "constant", "value", "stringValue")
LONG, RANDOM = 16, 3.0


def no_secret_like_value(compiled: Compiled) -> Iterator[str]:
    seen = set()
    for place, name, value in _strings([compiled.content, compiled.platform]):
        kind = next((kind for kind, pattern in KINDS_OF_SECRETS.items() if pattern.search(value)), "")
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

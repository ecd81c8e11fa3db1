"""What a server can be told, beside what it serves: a config's section `serve`, without pydantic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Self

from components.base.errors import TextgateError

# The other numbers are at least 0.
LEAST = dict.fromkeys(
    ("max_batch", "max_queue", "timeout_ms", "max_texts", "max_characters", "max_body_bytes", "rows", "seconds"), 1
)


@dataclass(frozen=True)
class LogOptions:
    """Predictions are logged into `folder` (empty: not at all): the share `sample` of the requests, with their texts
    where `texts` says so. A file ends after `rows` answers or `seconds`; the oldest go beyond `keep` files (0: none
    goes)."""

    folder: str = ""
    sample: float = 1.0
    texts: bool = False
    rows: int = 50_000
    seconds: float = 300.0
    keep: int = 0


@dataclass(frozen=True)
class Options:
    """`workers` run the model at once, each run on `threads` cores (0: all); 0 workers are as many as the cores hold.

    At most `max_batch` texts run together, for which one waits at most `max_wait_ms`; where `max_queue` texts wait,
    requests are refused, and one that took `timeout_ms` is given up. `max_texts`, `max_characters` (of each text)
    and `max_body_bytes` bound one request. A server that is told to stop is not ready at once, closes its port
    `linger_s` later, and gives requests `drain_s` to end.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 1
    workers: int = 0
    max_batch: int = 32
    max_wait_ms: float = 1.0
    max_queue: int = 256
    timeout_ms: float = 10_000.0
    max_texts: int = 256
    max_characters: int = 20_000
    max_body_bytes: int = 4 << 20
    linger_s: float = 0.0
    drain_s: float = 20.0
    log: LogOptions = field(default_factory=LogOptions)

    def but(self, **named: Any) -> Self:
        """With those that are not None in place of its own."""
        return replace(self, **{name: value for name, value in named.items() if value is not None})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises TextgateError naming the key that is not known, or whose value has the wrong type."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise TextgateError(f"the server's options are not JSON: {error}") from None
        found: Self = _read(cls, value, "the server's options")
        return found


def _read(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise TextgateError(f"{where} must be a JSON object, got {value!r}")
    known = {one.name: getattr(kind(), one.name) for one in fields(kind)}
    if unknown := sorted(set(value) - set(known)):
        raise TextgateError(f"{where} have no {unknown[0]!r}; known are {', '.join(known)}")
    read = {}
    for name, given in value.items():
        default = known[name]
        if is_dataclass(default):
            read[name] = _read(type(default), given, f"{where}: those of {name}")
            continue
        allowed = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(given, allowed) or (isinstance(given, bool) and not isinstance(default, bool)):
            raise TextgateError(f"{where}: {name} must be of the kind of {default!r}, got {given!r}")
        if not isinstance(given, str | bool) and given < (least := LEAST.get(name, 0)):
            raise TextgateError(f"{where}: {name} must be at least {least:g}, got {given}")
        read[name] = given
    return kind(**read)

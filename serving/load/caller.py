"""Asks a server again and again, and reports what came of it. Needs nothing beyond Python."""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from components.base.errors import TextgateError
from serving.load.connection import Connection

VERSION = re.compile(rb"\r\nx-model-version: *([^\r]*)", re.IGNORECASE)
VERSION_IN_BODY = re.compile(rb'"model_version": *"([^"]*)"')
# Servers close a connection that was not used for some seconds, which a request must not run into.
IDLE_S = 2.0
CONNECT_S = 10.0
# For answers that are still to come at the end.
PATIENCE_S = 60.0
OK, REFUSALS = 200, (429, 503)
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Load:
    """From `clients` callers, each of whom asks again once it is answered; or at `rate` requests a second, at random
    moments, as of many callers who do not wait for each other. What is asked in the first `warm_up` seconds does not
    count."""

    clients: int = 1
    rate: float = 0.0
    seconds: float = 10.0
    warm_up: float = 1.0


class Exchange(NamedTuple):
    """A request and its answer: `sent` (at a rate, when it was due) and `answered` by time.monotonic(), the `place` of
    its body; status 0, with the `error`, where none came."""

    sent: float
    answered: float
    place: int
    status: int
    version: str = ""
    body: str = ""
    error: str = ""


class Caller:
    """`bodies` are JSON, posted in turn. Raises TextgateError for a URL that is none."""

    def __init__(self, url: str, bodies: Sequence[str], load: Load, keep_bodies: bool = False) -> None:
        if not bodies:
            raise TextgateError("there is nothing to ask; give a JSON body on each line")
        try:
            parts = urlsplit(url)
            address = parts.hostname or "", parts.port or 80
        except ValueError as error:
            raise TextgateError(f"{url} is not a URL: {error}") from None
        if parts.scheme != "http" or not parts.hostname or not url.isascii():
            raise TextgateError(f"{url} is not the URL of an HTTP server, such as http://127.0.0.1:8080")
        self._url, self._address, self._load = url, address, load
        self._requests = [_request(parts.netloc, parts.path or "/", body.encode()) for body in bodies]
        self._places = cycle(range(len(bodies)))
        self._keep_bodies = keep_bodies
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._late: list[float] = []
        self._began = self._ends = 0.0
        self.exchanges: list[Exchange] = []

    async def run(self) -> None:
        """Fills `exchanges`. Raises TextgateError where the server cannot be reached."""
        try:
            self._idle.append(await self._connect())
        except OSError as error:
            raise TextgateError(f"no answer from {self._url} ({error or type(error).__name__})") from None
        self._began = time.monotonic()
        self._ends = self._began + self._load.warm_up + self._load.seconds
        if self._load.rate:
            waiting = await self._at_rate()
        else:
            waiting = {asyncio.ensure_future(self._again_and_again()) for _ in range(self._load.clients)}
        while waiting and (left := self._ends + PATIENCE_S - time.monotonic()) > 0:
            _, waiting = await asyncio.wait(waiting, timeout=min(left, 1.0))
        for connection in self._connections:
            connection.give_up(TimeoutError("no answer in time"))
        await asyncio.gather(*waiting)

    def stop(self) -> None:
        """What was asked is still answered."""
        self._ends = min(self._ends, time.monotonic())

    def report(self) -> dict[str, Any]:
        """Of what was asked between warming up and the end: latencies in milliseconds of answers with status 200, and
        of refusals; `late_ms` is how far the caller itself was behind at a given rate, in 99 of 100."""
        begin, end = self._began + self._load.warm_up, self._ends
        seconds = max(end - begin, 1e-9)
        counted = [one for one in self.exchanges if begin <= one.sent < end]
        answered = [one for one in counted if one.status == OK]
        report = {
            "requests": len(counted),
            "seconds": seconds,
            "per_second": sum(one.status == OK and begin <= one.answered < end for one in self.exchanges) / seconds,
            **_latencies(answered),
            "refused": _latencies([one for one in counted if one.status in REFUSALS]),
            "statuses": dict(Counter(str(one.status) for one in counted if one.status)),
            "errors": dict(Counter(one.error for one in counted if not one.status)),
            "versions": dict(Counter(one.version for one in answered if one.version)),
        }
        return {**report, "late_ms": 1000 * _rank(sorted(self._late), 99)} if self._late else report

    async def _again_and_again(self) -> None:
        while (now := time.monotonic()) < self._ends:
            if not await self._exchange(now):
                await asyncio.sleep(0.05)

    async def _at_rate(self) -> set[asyncio.Future[Any]]:
        """Those that are not answered yet."""
        draws = random.Random(0)
        waiting: set[asyncio.Future[Any]] = set()
        due = self._began
        while (due := due + draws.expovariate(self._load.rate)) < self._ends:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._late.append(time.monotonic() - due)
            task = asyncio.ensure_future(self._exchange(due))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        return set(waiting)

    async def _exchange(self, sent: float) -> bool:
        """False where no answer came."""
        place = next(self._places)
        try:
            connection = self._unused() or await self._connect()
            answer = await connection.ask(self._requests[place])
        except OSError as error:
            self.exchanges.append(Exchange(sent, time.monotonic(), place, 0, error=str(error) or type(error).__name__))
            return False
        if connection.open:
            self._idle.append(connection)
        found = VERSION.search(answer.head) or VERSION_IN_BODY.search(answer.body)
        version = found[1].decode("latin-1") if found else ""
        body = answer.body.decode("utf-8", "replace") if self._keep_bodies else ""
        self.exchanges.append(Exchange(sent, answer.when, place, answer.status, version, body))
        return True

    def _unused(self) -> Connection | None:
        """The one that was used last."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open and time.monotonic() - connection.used < IDLE_S:
                return connection
            connection.give_up(ConnectionResetError("not used for long"))
            self._connections.discard(connection)
        return None

    async def _connect(self) -> Connection:
        connecting = asyncio.get_running_loop().create_connection(Connection, *self._address)
        _, connection = await asyncio.wait_for(connecting, CONNECT_S)
        self._connections.add(connection)
        return connection


def _request(host: str, path: str, body: bytes) -> bytes:
    lines = f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}"
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def _latencies(exchanges: Sequence[Exchange]) -> dict[str, float]:
    """Nothing of nothing."""
    ordered = sorted(1000 * (one.answered - one.sent) for one in exchanges)
    if not ordered:
        return {}
    return {**{f"p{share}_ms": _rank(ordered, share) for share in PERCENTILES}, "max_ms": ordered[-1]}


def _rank(ordered: Sequence[float], share: int) -> float:
    """The percentile by nearest rank."""
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]

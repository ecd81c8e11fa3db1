"""Requests that are wrong as HTTP, or ask for what is not there; drawn by a Random."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from benchmarks.serve import broken_bodies as bodies
from benchmarks.serve.wire import Case

INFER, PREDICT = "/v2/models/tiny/infer", "/v1/models/tiny:predict"
GOOD = json.dumps(bodies.infer("good")).encode()
# How long one waits for a reply that need not come.
SHORT_S = 0.1


def http(
    body: bytes = GOOD, *, method: str = "POST", path: str = INFER, headers: str = "", length: Any = None
) -> bytes:
    size = f"Content-Length: {len(body) if length is None else length}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n{size}{headers}\r\n".encode() + body


def named_wrongly(random: Random) -> Case:
    """A model, version or path that is not there."""
    names = (
        "other",
        "TINY",
        "tiny%00",
        "%2e%2e",
        "tiny%2F",
        "%ff",
        "%",
        "t" * 8_000,
        "%F0%9F%99%82",
        "tiny%20",
        "..",
        "",
    )
    name = random.choice(names)
    path = random.choice((f"/v2/models/{name}/infer", f"/v1/models/{name}:predict", f"/v2/models/tiny/{name}/infer"))
    versioned = f"/v2/models/tiny/versions/{random.choice(('0', '8', '-1', '7.0', name))}/infer"
    return Case("unknown name", (http(path=random.choice((path, path, versioned))),), "refused")


def other_method(random: Random) -> Case:
    method = random.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND", "M-SEARCH"))
    path = INFER if method in ("GET", "get") else random.choice((INFER, PREDICT, "/v2", "/metrics", "/v2/models/tiny"))
    return Case("wrong method", (http(method=method, path=path),), "refused")


def other_content(random: Random) -> Case:
    """Content-types are not looked at, since clients send several; a content-encoding is refused."""
    encoding = random.choice(("gzip", "br", "deflate", "identity, gzip", "zstd", "x", ""))
    if random.random() < 0.5:
        return Case("content-encoding", (http(headers=f"Content-Encoding: {encoding}\r\n"),), "refused")
    kind = random.choice(
        ("text/xml", "", "application/x-www-form-urlencoded", "multipart/form-data", "é", "a/b; c=" * 99)
    )
    return Case("content-type", (http(headers=f"Content-Type: {kind}\r\n"),), "answered")


def chunked(random: Random) -> Case:
    """Without end, with sizes that are none, beside a length; the last is how requests are smuggled."""
    start = f"POST {INFER} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n".encode()
    size = f"{len(GOOD):x}".encode()
    odd = random.choice((b"", b"-1", b"x", b"0x5", b"f" * 30, b" ", b"\0", b"5;" + b"a" * 70_000))
    kinds: tuple[Case, ...] = (
        Case("chunked, whole", (start + b"\r\n", size + b"\r\n", GOOD, b"\r\n0\r\n\r\n"), "answered"),
        Case("chunked, odd size", (start + b"\r\n" + odd + b"\r\n" + GOOD + b"\r\n",), "none or either", 1, SHORT_S),
        Case("chunked, no end", (start + b"\r\n" + size + b"\r\n" + GOOD + b"\r\n",), "none or either", 1, SHORT_S),
        Case("chunked, too long", (start + b"\r\n" + (b"10000\r\n" + b" " * 65_536 + b"\r\n") * 70,), "refused"),
        Case("chunked and length", (start + b"Content-Length: 5\r\n\r\n" + size + b"\r\n" + GOOD,), "refused"),
    )
    return random.choice(kinds)


def cut_off(random: Random) -> Case:
    """Less body than its length says, or a length that is none."""
    if random.random() < 0.5:
        request = http(length=len(GOOD) + random.randint(1, 10**6))[: -random.randrange(len(GOOD)) or None]
        return Case("cut off", (request,), "none or either", 1, SHORT_S)
    length = random.choice(("-1", "x", "1e3", "9" * 40, "5, 6", "0x5", f"{len(GOOD)}\r\nContent-Length: 3"))
    return Case("odd length", (http(length=length),), "refused")


def large_head(random: Random) -> Case:
    size = random.choice((1_000, 60_000, 300_000, 1_000_000))
    odd = random.choice((f"X-A: {'a' * size}\r\n", f"{'X' * size}: a\r\n", "X-A: a\r\n" * (size // 8)))
    if random.random() < 0.5:
        return Case("large head", (http(headers=odd),), "none or either", 1, 2.0)
    return Case("long path", (http(path="/" + "a" * size),), "none or either", 1, 2.0)


def odd_head(random: Random) -> Case:
    """Answered or refused, but never by failing."""
    headers = (
        *("X-Request-ID: \x80\xff\r\n", f"X-Request-ID: {'a' * 500}\r\n", "X-Request-ID: a b\r\n", "A:\r\n"),
        *("Expect: 100-continue\r\n", "Expect: tea\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        *("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n", "Connection: close\r\n", "Accept: \0\r\n"),
        *("A: b\rc\r\n", "A: b\n", " folded: x\r\n", "Host: other\r\n", "Host : x\r\n", "\x01: x\r\n", ": a\r\n"),
        *("X-Request-ID: é\r\n", f"Cookie: {'a=b;' * 99}\r\n"),
    )
    return Case("odd header", (http(headers=random.choice(headers)),), "none or either", 1, 0.5)


def slow(random: Random) -> Case:
    """Byte by byte, and yet whole."""
    request = http()
    start = random.choice((request.index(GOOD), 0, 10))
    places = sorted(random.sample(range(start + 1, len(request)), 8))
    pieces = [request[first:last] for first, last in zip([0, *places], [*places, None], strict=True)]
    return Case("slow", tuple(pieces), "answered")


def garbage(random: Random) -> Case:
    """No HTTP at all."""
    odd = (
        random.randbytes(random.randint(1, 2_000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * random.randint(1, 1_000),
        b"POST\r\n\r\n",
        f"POST {INFER}\r\n\r\n".encode(),
        b"GET http://here:99999999/v2 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n",
        b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET /v2\xff\xfe HTTP/1.1\r\nHost: here\r\n\r\n",
        b"POST //////v2/models/tiny/infer?%ff=\xff HTTP/1.1\r\n\r\n",
    )
    return Case("garbage", (random.choice(odd),), "none or either", 1, SHORT_S)


def pipelined(random: Random) -> Case:
    """Several at once on one connection, good ones alone or with others between."""
    count = random.randint(2, 10)
    if random.random() < 0.5:
        return Case("pipelined", (http() * count,), "answered", count)
    between = (http(), http(b"{}"), http(path="/other"), http(b"", method="GET", path="/v2"), http(method="PUT"))
    return Case("pipelined, mixed", (b"".join(random.choices(between, k=count)),), "either", count)


def cases(seed: int, allowed: Callable[[dict[str, Any]], bool]) -> Iterator[Case]:
    """Without end, each kind in its turn; `allowed` says whether the server's own schema allows a body."""
    random = Random(seed)
    broken = (bodies.nested, bodies.numbers, bodies.beyond_limits, bodies.not_utf8, bodies.surrogates, bodies.twice)
    broken += (bodies.not_json, bodies.raw)
    requests = (
        named_wrongly,
        other_method,
        other_content,
        chunked,
        cut_off,
        large_head,
        odd_head,
        slow,
        garbage,
        pipelined,
    )
    while True:
        for _ in range(6):
            yield _of_body("changed", bodies.changed(random, allowed))
        for body in broken:
            yield _of_body(body.__name__, body(random))
        for request in requests:
            yield request(random)


def _of_body(kind: str, body: bodies.Body) -> Case:
    path = PREDICT if body.older else INFER
    return Case(kind, (http(body.content, path=path, headers=body.headers),), body.expected)

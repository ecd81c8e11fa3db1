"""The page at /, where a person asks the model. It has no assets of others, and asks the server as any client does."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
# Widths of bars are set by script, as styles of elements, which style-src does not concern.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "vary": "accept",
}


def routes() -> list[Route]:
    return [Route(path, _answer) for path in FILES]


async def _answer(request: Request) -> Response:
    if request.url.path == "/" and "text/html" not in request.headers.get("accept", ""):
        # Who is no browser asks here whether the server lives, by the older protocol.
        return Response(b'{"status":"alive"}', media_type="application/json", headers={"vary": "accept"})
    name, media_type = FILES[request.url.path]
    return Response(_read(name), media_type=media_type, headers=HEADERS)


@cache
def _read(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()

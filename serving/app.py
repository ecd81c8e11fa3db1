"""The HTTP face of one served model: health, metadata and inference by the Open Inference Protocol v2."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving.models import ServedModel, Slot
from serving.protocol import Limits, RequestError, dump, infer_response, model_metadata, parse_infer

# Two, so that one long batch does not hold up every short request behind it.
INFERENCE_THREADS = 2
BINARY_HEADER = "inference-header-content-length"


class Endpoints:
    def __init__(self, slot: Slot, limits: Limits) -> None:
        self._slot = slot
        self._limits = limits
        self._threads = ThreadPoolExecutor(INFERENCE_THREADS, "inference")

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    async def server(self, _: Request) -> Response:
        return _json({"name": "textgate", "version": _own_version(), "extensions": []})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        return _json({"ready": True})

    async def models(self, _: Request) -> Response:
        return _json({"models": [self._slot.current.name]})

    async def model(self, request: Request) -> Response:
        return Response(model_metadata(self._asked(request), self._slot.refused), media_type="application/json")

    async def model_ready(self, request: Request) -> Response:
        return _json({"name": self._asked(request).name, "ready": True})

    async def infer(self, request: Request) -> Response:
        model = self._asked(request)
        if BINARY_HEADER in request.headers:
            raise RequestError(400, "the binary tensor extension is not spoken here; send the data as JSON")
        body = await _body(request, self._limits.body)
        loop = asyncio.get_running_loop()
        return Response(
            await loop.run_in_executor(self._threads, _answer, model, body, self._limits), media_type="application/json"
        )

    def _asked(self, request: Request) -> ServedModel:
        model = self._slot.current
        name, number = request.path_params["name"], request.path_params.get("version", model.version)
        if name != model.name:
            raise RequestError(404, f"there is no model {name}; this server serves {model.name}")
        if number != model.version:
            raise RequestError(404, f"there is no version {number} of {name}; this server serves {model.version}")
        return model


def create_app(slot: Slot, limits: Limits, follow: Callable[[], Awaitable[None]] | None = None) -> Starlette:
    """`follow` runs beside the requests until the server stops."""
    endpoints = Endpoints(slot, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        beside = asyncio.ensure_future(follow()) if follow else None
        yield
        if beside:
            beside.cancel()
        endpoints.close()

    routes = [
        Route("/v2", endpoints.server),
        Route("/v2/health/live", endpoints.live),
        Route("/v2/health/ready", endpoints.ready),
        Route("/v2/models", endpoints.models),
    ]
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(path, endpoints.model),
            Route(f"{path}/ready", endpoints.model_ready),
            Route(f"{path}/infer", endpoints.infer, methods=["POST"]),
        ]
    handlers: dict[Any, Any] = {
        RequestError: _refused,
        HTTPException: _not_routed,
        ClientDisconnect: _gone,
        Exception: _fault,
    }
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)


def _answer(model: ServedModel, body: bytes, limits: Limits) -> bytes:
    predictor = model.predictor
    request = parse_infer(body, predictor.task, len(predictor.labels), limits)
    return infer_response(request, model, predictor.probabilities(predictor.task.read(request.columns)))


async def _body(request: Request, most: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise RequestError(413, f"the body is longer than {most} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _own_version() -> str:
    try:
        return version("textgate")
    except PackageNotFoundError:
        return "unknown"


def _json(value: Any, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")


async def _refused(_: Request, error: RequestError) -> Response:
    return _json({"error": str(error)}, error.status)


async def _not_routed(request: Request, error: HTTPException) -> Response:
    response = _json({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return _json({"error": "the caller went away"}, 400)


async def _fault(_: Request, __: Exception) -> Response:
    """The trace goes to the server's log, by uvicorn; the caller gets none of it."""
    return _json({"error": "the server failed to answer; its log says why"}, 500)

"""The HTTP face of one served model: health, metadata and inference by the Open Inference Protocol v2, the older v1,
metrics, and what all of it looks like."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving import page
from serving.batching import Batcher
from serving.binary import HEADER, read_header_size
from serving.errors import RequestError
from serving.metrics import CONTENT_TYPE, Metrics
from serving.models import ServedModel, Slot
from serving.openapi import document, own_version
from serving.options import Options
from serving.prediction_log import PredictionLog
from serving.prediction_table import Answered, slim
from serving.processor import count_cores
from serving.protocol import InferRequest, dump, infer_response, model_metadata, new_id, parse_infer
from serving.v1 import parse_predict, predict_response

REQUEST_ID = "x-request-id"
# Of an id that comes in a header, since it goes back in one.
ID = re.compile(r"[\x21-\x7e]{1,128}")

# The answer's body, and the bytes of its JSON where raw tensors follow.
Rendered = tuple[bytes, int | None]


class Endpoints:
    def __init__(self, slot: Slot, options: Options, metrics: Metrics) -> None:
        self._slot, self._options, self._metrics = slot, options, metrics
        workers = options.workers or max(1, count_cores() // (options.threads or count_cores()))
        self._log = PredictionLog(options.log) if options.log.folder else None
        self._asked_last: Any = None
        self._batcher = Batcher(workers, options.max_batch, options.max_wait_ms / 1000, options.max_queue, metrics)

    def close(self) -> None:
        self._batcher.close()
        if self._log:
            self._log.close()

    async def server(self, _: Request) -> Response:
        return _json({"name": "textgate", "version": own_version(), "extensions": ["binary_tensor_data"]})

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        return _json({"ready": not self._slot.stopping}, 503 if self._slot.stopping else 200)

    async def models(self, _: Request) -> Response:
        return _json({"models": [self._slot.current.name]})

    async def model(self, request: Request) -> Response:
        return Response(model_metadata(self._asked(request), self._slot.refused), media_type="application/json")

    async def model_ready(self, request: Request) -> Response:
        name = self._asked(request).name
        return _json({"name": name, "ready": not self._slot.stopping}, 503 if self._slot.stopping else 200)

    async def metrics(self, _: Request) -> Response:
        if self._log:
            self._metrics.unlogged.set(self._log.dropped)
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def openapi(self, _: Request) -> Response:
        return _json(document(self._slot.current, self._options))

    async def infer(self, request: Request) -> Response:
        def parse(model: ServedModel, body: bytes, known_id: str) -> InferRequest:
            predictor, size = model.predictor, read_header_size(request.headers.get(HEADER), len(body))
            return parse_infer(body, predictor.task, len(predictor.labels), self._options, known_id, size)

        return await self._answer(request, parse, infer_response)

    async def predict(self, request: Request) -> Response:
        def parse(model: ServedModel, body: bytes, known_id: str) -> InferRequest:
            predictor = model.predictor
            return parse_predict(body, predictor.task, len(predictor.labels), self._options, known_id)

        def render(asked: InferRequest, model: ServedModel, answers: dict[str, Any]) -> Rendered:
            return predict_response(asked, model, answers), None

        return await self._answer(request, parse, render)

    async def _answer(
        self,
        request: Request,
        parse: Callable[[ServedModel, bytes, str], InferRequest],
        render: Callable[[InferRequest, ServedModel, dict[str, Any]], Rendered],
    ) -> Response:
        started = time.perf_counter()
        given = request.headers.get(REQUEST_ID, "")
        identity = given if ID.fullmatch(given) else new_id()
        model = self._slot.current
        status = 500
        try:
            model = self._asked(request, model)
            body = await _body(request, self._options)
            self._batcher.refuse_if_full()
            alone = self._is_alone(request)
            asked = parse(model, body, identity)
            if ID.fullmatch(asked.id):
                identity = asked.id
            content, json_size = await self._decide(asked, model, render, alone)
            status = 200
        except RequestError as error:
            status = error.status
            response = refusal(error)
        else:
            response = Response(
                content, media_type="application/json" if json_size is None else "application/octet-stream"
            )
            if json_size is not None:
                response.headers[HEADER] = str(json_size)
        finally:
            _afterwards(self._metrics.request, status, time.perf_counter() - started)
        response.headers[REQUEST_ID] = identity
        response.headers["x-model-version"] = _in_header(model.version)
        return response

    async def _decide(
        self, asked: InferRequest, model: ServedModel, render: Callable[..., Rendered], alone: bool
    ) -> Rendered:
        predictor, timeout_s = model.predictor, self._options.timeout_ms / 1000
        started = time.perf_counter()
        rows = predictor.task.read(asked.columns)
        timeout_s = min(asked.timeout_s or timeout_s, timeout_s)
        probabilities = await self._batcher.probabilities(predictor, rows, timeout_s, alone)
        answers = predictor.task.answers(asked.columns, probabilities, predictor.decider, asked.top_k)
        _afterwards(self._metrics.answered, model, probabilities, answers)
        if self._log:
            took = (time.perf_counter() - started) * 1000
            _afterwards(self._log.put, _answered(asked, model, answers, took))
        return render(asked, model, answers)

    def _is_alone(self, request: Request) -> bool:
        """Whether the last answer, too, was asked for over this connection, which has one request at a time."""
        before, self._asked_last = self._asked_last, request.scope.get("client")
        return before is not None and before == self._asked_last

    def _asked(self, request: Request, model: ServedModel | None = None) -> ServedModel:
        model = model or self._slot.current
        name, number = request.path_params["name"], request.path_params.get("version", model.version)
        if name != model.name:
            raise RequestError(404, f"there is no model {name}; this server serves {model.name}")
        if number != model.version:
            raise RequestError(404, f"there is no version {number} of {name}; this server serves {model.version}")
        return model


def _afterwards(what: Callable[..., None], *arguments: Any) -> None:
    """Once the answer is on its way."""
    asyncio.get_running_loop().call_soon(what, *arguments)


def _answered(asked: InferRequest, model: ServedModel, answers: dict[str, Any], milliseconds: float) -> Answered:
    task, digest = model.predictor.task, model.predictor.digest
    named = (model.name, model.version, digest, task.name, task.inputs)
    return Answered(time.time(), asked.id, *named, asked.columns, slim(answers), milliseconds)


def create_app(slot: Slot, options: Options, follow: Callable[[], Awaitable[None]] | None = None) -> Starlette:
    """`follow` runs beside the requests until the server stops."""
    metrics = Metrics(slot)
    endpoints = Endpoints(slot, options, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        beside = asyncio.ensure_future(follow()) if follow else None
        yield
        if beside:
            beside.cancel()
        await asyncio.to_thread(endpoints.close)

    handlers: dict[Any, Any] = {
        RequestError: _refused,
        HTTPException: _not_routed,
        ClientDisconnect: _gone,
        Exception: _fault,
    }
    return Starlette(routes=_routes(endpoints), lifespan=lifespan, exception_handlers=handlers)


def _routes(endpoints: Endpoints) -> list[Route]:
    """Those of most requests first."""
    routes = []
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(f"{path}/infer", endpoints.infer, methods=["POST"]),
            Route(path, endpoints.model),
            Route(f"{path}/ready", endpoints.model_ready),
        ]
    return [
        *routes,
        Route("/v1/models/{name}:predict", endpoints.predict, methods=["POST"]),
        Route("/v2/health/live", endpoints.live),
        Route("/v2/health/ready", endpoints.ready),
        Route("/metrics", endpoints.metrics),
        Route("/openapi.json", endpoints.openapi),
        Route("/v2", endpoints.server),
        Route("/v2/models", endpoints.models),
        Route("/v1/models", endpoints.models),
        Route("/v1/models/{name}", endpoints.model_ready),
        *page.routes(),
    ]


async def _body(request: Request, options: Options) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError(415, "the body must come as it is, without a content-encoding")
    most, timeout_s = options.max_body_bytes, options.timeout_ms / 1000
    chunks, size = [], 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise RequestError(413, f"the body is longer than {most} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {timeout_s:g} s") from None
    return b"".join(chunks)


def _in_header(text: str) -> str:
    return "".join(character if " " < character < "\x7f" else "?" for character in text)


def _json(value: Any, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")


def refusal(error: RequestError) -> Response:
    response = _json({"error": str(error)}, error.status)
    if error.retry_after_s:
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


async def _refused(_: Request, error: RequestError) -> Response:
    return refusal(error)


async def _not_routed(request: Request, error: HTTPException) -> Response:
    response = _json({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return _json({"error": "the caller went away"}, 400)


async def _fault(_: Request, __: Exception) -> Response:
    """The trace goes to the server's log, by uvicorn; the caller gets none of it."""
    return _json({"error": "the server failed to answer; its log says why"}, 500)

"""Requests that wait together are run together: one thread asks the model, with the texts of as many requests as fit.

While it runs, others gather. Where fewer wait than ran last time, it waits for more, but not for longer than
`max_wait_s`; so a caller who is alone never waits. A request with many texts gives them bit by bit, so that one with a
single text is not behind all of them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.errors import RequestError
from serving.metrics import Metrics
from serving.predictor import Predictor
from serving.tasks.task import Probabilities

log = logging.getLogger("textgate.serving")


class _Request:
    """Rows of one request: those from `taken` on wait still."""

    def __init__(self, predictor: Predictor, rows: Sequence[Any], deadline: float, answered: Any, loop: Any) -> None:
        self.predictor, self.rows, self.deadline = predictor, rows, deadline
        self.arrived, self.taken = time.monotonic(), 0
        self.parts: list[Probabilities] = []
        self._answered, self._loop = answered, loop

    def answer(self, value: Probabilities | Exception) -> None:
        """From any thread; what was answered already, or given up, stays so."""
        self._loop.call_soon_threadsafe(self._answer, value)

    def _answer(self, value: Probabilities | Exception) -> None:
        if self._answered.done():
            return
        if isinstance(value, Exception):
            self._answered.set_exception(value)
        else:
            self._answered.set_result(value)

    def given_up(self) -> bool:
        return bool(self._answered.done())


class Batcher:
    """Rows (texts) wait in order of their coming, `max_queue` of them at most; `max_batch` run together.

    `close` lets those that wait be run first.
    """

    def __init__(self, max_batch: int, max_wait_s: float, max_queue: int, metrics: Metrics) -> None:
        self._max_batch, self._max_wait_s, self._max_queue = max_batch, max_wait_s, max_queue
        self._metrics = metrics
        self._waiting: deque[_Request] = deque()
        self._rows = 0
        self._expected = 1
        self._row_s = 0.01  # a row's share of the latest batch's time
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    async def probabilities(self, predictor: Predictor, rows: Sequence[Any], timeout_s: float) -> Probabilities:
        """As Predictor.probabilities gives them.

        Raises RequestError 429 where too many rows wait, 504 where `timeout_s` passed, 503 once closed.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Probabilities] = loop.create_future()
        request = _Request(predictor, rows, time.monotonic() + timeout_s, answered, loop)
        with self._changed:
            if self._closed:
                raise RequestError(503, "the server is stopping; ask again", 1)
            if self._rows and self._rows + len(rows) > self._max_queue:
                self._metrics.refused.inc()
                waiting_s = max(1, math.ceil(self._rows * self._row_s))
                raise RequestError(
                    429, f"{self._rows} texts are waiting already; ask again in {waiting_s} s", waiting_s
                )
            self._waiting.append(request)
            self._count(len(rows))
            self._changed.notify()
        late = RequestError(504, f"not answered within {timeout_s:g} s")
        timer = loop.call_later(timeout_s, request._answer, late)
        try:
            return await answered
        finally:
            timer.cancel()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _count(self, rows: int) -> None:
        self._rows += rows
        self._metrics.waiting.set(self._rows)

    def _work(self) -> None:
        while batch := self._take():
            started = time.monotonic()
            rows = [row for request, start, end in batch for row in request.rows[start:end]]
            predictor = batch[0][0].predictor
            try:
                found = predictor.probabilities(rows, self._max_batch)
            except Exception as error:
                log.exception("a batch of %d texts could not be answered", len(rows))
                for request, _, _ in batch:
                    request.answer(error)
                continue
            seconds = time.monotonic() - started
            self._row_s = seconds / len(rows)
            self._metrics.batch(len(rows), seconds)
            _deliver(batch, found)

    def _take(self) -> list[tuple[_Request, int, int]]:
        """Requests of one model with the spans of their rows that run next; none once closed and empty."""
        with self._changed:
            while True:
                self._drop_expired()
                if self._waiting and (self._closed or not self._patience()):
                    break
                if self._closed and not self._waiting:
                    return []
                self._changed.wait(self._patience() if self._waiting else None)
            batch: list[tuple[_Request, int, int]] = []
            room, predictor = self._max_batch, self._waiting[0].predictor
            unfinished = []
            while room and self._waiting and self._waiting[0].predictor is predictor:
                request = self._waiting.popleft()
                start, request.taken = request.taken, min(request.taken + room, len(request.rows))
                batch.append((request, start, request.taken))
                room -= request.taken - start
                if not start:
                    self._metrics.queue_seconds.observe(time.monotonic() - request.arrived)
                if request.taken < len(request.rows):
                    unfinished.append(request)
            self._waiting.extend(unfinished)
            self._expected = self._max_batch - room
            self._count(-self._expected)
            return batch

    def _patience(self) -> float:
        """The seconds that those who wait are to wait yet; 0 where they are to run."""
        if self._rows >= min(self._expected, self._max_batch):
            return 0.0
        return max(0.0, self._waiting[0].arrived + self._max_wait_s - time.monotonic())

    def _drop_expired(self) -> None:
        now = time.monotonic()
        while self._waiting and (self._waiting[0].given_up() or self._waiting[0].deadline <= now):
            request = self._waiting.popleft()
            self._count(request.taken - len(request.rows))


def _deliver(batch: list[tuple[_Request, int, int]], found: Probabilities) -> None:
    place = 0
    for request, start, end in batch:
        size = request.predictor.task.size
        places = sum(size(row) for row in request.rows[start:end])
        request.parts.append(found[place : place + places])
        place += places
        if end == len(request.rows):
            request.answer(request.parts[0] if len(request.parts) == 1 else np.concatenate(request.parts))

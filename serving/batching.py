"""Texts that wait together are run together: the one that is next, with those that are about as long.

Worker threads run the model; while they do, others gather. Where fewer wait than ran last, they wait for more, but not
for longer than `max_wait_s`; so a caller who is alone never waits. Of a request of many texts `max_batch` have its
turn, and the rest those after it, so that a single text is not behind all of them. The short text of a caller who is
alone is run in the loop's own thread: to wake a worker and be woken by it would cost a tenth of the answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
import threading
import time
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from serving.errors import RequestError
from serving.metrics import Metrics
from serving.predictor import Predictor, cut
from serving.tasks.task import Probabilities

log = logging.getLogger("textgate.serving")

# Of those that wait the oldest are chosen from, so many times a batch.
CHOICE = 2
NICE = 10
# What the loop may run itself: it reads nothing meanwhile.
SHORT_TOKENS, SHORT_S = 64, 0.005


class _Request:
    def __init__(self, predictor: Predictor, count: int, deadline: float, answered: Any, loop: Any) -> None:
        self.predictor, self.deadline = predictor, deadline
        self.arrived = time.monotonic()
        self.missing = count
        self.found: list[Any] = [None] * count
        self._answered, self._loop = answered, loop

    @property
    def ended(self) -> bool:
        """Answered, or given up."""
        return bool(self._answered.done())

    def answer(self, value: Probabilities | Exception) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self.end, value)

    def end(self, value: Probabilities | Exception) -> None:
        """In the loop's thread; what has ended stays so."""
        if self._answered.done():
            return
        if isinstance(value, Exception):
            self._answered.set_exception(value)
        else:
            self._answered.set_result(value)


@dataclass(order=True, slots=True)
class _Row:
    """A text of a request; those of earlier turns are run first."""

    turn: int
    number: int
    length: int = field(compare=False)
    content: Any = field(compare=False)
    request: _Request = field(compare=False)
    place: int = field(compare=False)


class Batcher:
    """`workers` runs at once, each of at most `max_batch` texts; `max_queue` texts wait at most.

    `close` lets those that wait be run first.
    """

    def __init__(self, workers: int, max_batch: int, max_wait_s: float, max_queue: int, metrics: Metrics) -> None:
        self._max_batch, self._max_wait_s, self._max_queue = max_batch, max_wait_s, max_queue
        self._metrics = metrics
        self._waiting: list[_Row] = []
        self._turn = self._number = 0
        self._expected = 1
        self._row_s = 0.01 / workers  # of the latest batch, one text's share
        self._single_s = math.inf  # of the latest batch of one short text
        self._closed = False
        self._changed = threading.Condition()
        self._choosing = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"inference {number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    async def probabilities(
        self, predictor: Predictor, rows: Sequence[Any], timeout_s: float, alone: bool = False
    ) -> Probabilities:
        """As Predictor.probabilities gives them; `alone` says that nobody else is expected to ask meanwhile.

        Raises RequestError 429 where too many texts wait, 504 where `timeout_s` passed, 503 once closed.
        """
        if alone and not self._waiting and self._single_s < SHORT_S and _is_short(predictor, rows):
            self.refuse_if_full()
            found, seconds = self._run(predictor, rows)
            asyncio.get_running_loop().call_soon(self._metrics.batch, 1, seconds, [0.0])
            return found
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Probabilities] = loop.create_future()
        request = _Request(predictor, len(rows), time.monotonic() + timeout_s, answered, loop)
        with self._changed:
            self._enter(request, rows)
            self._changed.notify()
        timer = loop.call_later(timeout_s, request.end, RequestError(504, f"not answered within {timeout_s:g} s"))
        try:
            return await answered
        finally:
            timer.cancel()

    def refuse_if_full(self, rows: int = 1) -> None:
        """Raises RequestError where so many more may not wait."""
        if self._closed:
            raise RequestError(503, "the server is stopping; ask again", 1)
        waiting = len(self._waiting)
        if waiting and waiting + rows > self._max_queue:
            self._metrics.refused.inc()
            pause = max(1, math.ceil(waiting * self._row_s))
            raise RequestError(429, f"{waiting} texts are waiting already; ask again in {pause} s", pause)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _enter(self, request: _Request, rows: Sequence[Any]) -> None:
        self.refuse_if_full(len(rows))
        length = request.predictor.task.length
        for place, content in enumerate(rows):
            self._number += 1
            turn = self._turn + 2 * (place // self._max_batch)  # the rest comes after who comes next
            row = _Row(turn, self._number, length(content), content, request, place)
            if not self._waiting or self._waiting[-1] < row:
                self._waiting.append(row)
            else:
                insort(self._waiting, row)
        self._turn += 1
        self._metrics.waiting.set(len(self._waiting))

    def _work(self) -> None:
        _yield_to_the_loop()
        while batch := self._take():
            started = time.monotonic()
            try:
                found, seconds = self._run(batch[0].request.predictor, [row.content for row in batch])
            except Exception as error:
                for row in batch:
                    row.request.answer(error)
                continue
            waited = [started - row.request.arrived for row in batch if not row.place]
            self._metrics.batch(len(batch), seconds, waited)  # first: who is answered finds the batch counted
            self._deliver(batch, found)

    def _run(self, predictor: Predictor, rows: Sequence[Any]) -> tuple[Probabilities, float]:
        """And the seconds that it took."""
        started = time.monotonic()
        try:
            found = predictor.probabilities(rows, self._max_batch)
        except Exception:
            log.exception("a batch of %d texts could not be answered", len(rows))
            raise
        seconds = time.monotonic() - started
        self._row_s = seconds / len(rows) / len(self._threads)
        if _is_short(predictor, rows):
            self._single_s = seconds
        return found, seconds

    def _take(self) -> list[_Row]:
        """What runs next, of one model; nothing once closed and empty. One worker at a time chooses."""
        with self._choosing:
            with self._changed:
                if not self._wait():
                    return []
                oldest = self._waiting[: CHOICE * self._max_batch]
            batch = choose(oldest, self._max_batch)
            chosen = {row.number for row in batch}
            with self._changed:
                self._expected = len(batch)
                self._waiting = [row for row in self._waiting if row.number not in chosen]
                self._metrics.waiting.set(len(self._waiting))
        return batch

    def _wait(self) -> bool:
        """Until there is something to run; False once closed and empty."""
        while True:
            self._waiting = [row for row in self._waiting if not row.request.ended]
            if not self._waiting:
                if self._closed:
                    return False
                self._changed.wait()
            elif self._closed or not (patience := self._patience()):
                return True
            else:
                self._changed.wait(patience)

    def _patience(self) -> float:
        """The seconds that those who wait are to wait yet; 0 where they are to run."""
        if len(self._waiting) >= min(self._expected, self._max_batch):
            return 0.0
        return max(0.0, self._waiting[0].request.arrived + self._max_wait_s - time.monotonic())

    def _deliver(self, batch: list[_Row], found: Probabilities) -> None:
        start = 0
        ready = []
        with self._changed:
            for row in batch:
                request = row.request
                end = start + request.predictor.task.size(row.content)
                request.found[row.place] = found[start:end]
                request.missing -= 1
                start = end
                if not request.missing:
                    ready.append(request)
        for request in ready:
            request.answer(request.found[0] if len(request.found) == 1 else np.concatenate(request.found))


def _is_short(predictor: Predictor, rows: Sequence[Any]) -> bool:
    return len(rows) == 1 and predictor.task.length(rows[0]) <= SHORT_TOKENS


def _yield_to_the_loop() -> None:
    """Where both want a core, requests are read, refused and answered first; Linux alone has threads of less weight."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def choose(waiting: Sequence[_Row], most: int) -> list[_Row]:
    """Of those that wait for the same model as the first one, cut by length into the cheapest batches of `most` or
    fewer, the batch with the first one."""
    first = waiting[0]
    alike = [row for row in waiting if row.request.predictor is first.request.predictor]
    alike.sort(key=attrgetter("length"))
    start, end = 0, 0
    for end in cut([row.length for row in alike], most):
        if first in alike[start:end]:
            break
        start = end
    return alike[start:end]

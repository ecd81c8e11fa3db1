from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from serving import batching
from serving.batching import SHORT_TOKENS, Batcher
from serving.errors import RequestError
from serving.metrics import Metrics
from serving.tasks import TASKS
from serving.tasks.task import CHARACTERS_A_TOKEN
from tests.serving.slots import slot_of

PATIENCE_S = 10


class Recorder:
    """Answers a text with its length; keeps what ran together, and waits where it is held."""

    def __init__(self, task: str = "single-label") -> None:
        self.task, self.batches, self.threads = TASKS[task], [], []
        self.reached, self.go = threading.Event(), threading.Event()
        self.go.set()

    def hold(self) -> None:
        self.go.clear()

    def probabilities(self, rows: list[Any], batch_size: int) -> Any:
        self.batches.append(list(rows))
        self.threads.append(threading.current_thread())
        self.reached.set()
        assert self.go.wait(PATIENCE_S)
        if "broken" in rows:
            raise RuntimeError("secret detail")
        if self.task.per_word:
            return np.array([[len(word)] for row in rows for word in row], np.float32).reshape(-1, 1)
        return np.array([[len(row)] for row in rows], np.float32)


@contextmanager
def batcher(max_batch: int = 4, max_wait_s: float = 0.0, max_queue: int = 100) -> Iterator[Batcher]:
    made = Batcher(1, max_batch, max_wait_s, max_queue, Metrics(slot_of(Recorder())))
    try:
        yield made
    finally:
        made.close()


async def while_held(recorder: Recorder, made: Batcher, ask: Callable[[], list[Awaitable[Any]]]) -> list[Any]:
    """What comes of `ask`, all of which waited while the text "first" was run."""
    recorder.hold()
    first = asyncio.ensure_future(made.probabilities(recorder, ["first"], PATIENCE_S))
    assert await asyncio.to_thread(recorder.reached.wait, PATIENCE_S)
    asked = [asyncio.ensure_future(one) for one in ask()]
    await asyncio.sleep(0.05)
    recorder.go.set()
    await first
    return await asyncio.gather(*asked, return_exceptions=True)


def test_requests_that_wait_together_run_together_and_each_gets_its_own() -> None:
    recorder = Recorder()
    with batcher(max_batch=4) as made:
        texts = [["a"], ["bb", "ccc"], ["dddd"], ["eeeee"]]
        found = asyncio.run(
            while_held(recorder, made, lambda: [made.probabilities(recorder, rows, PATIENCE_S) for rows in texts])
        )
    assert [one.ravel().tolist() for one in found] == [[1], [2, 3], [4], [5]]
    assert recorder.batches == [["first"], ["a", "bb", "ccc"], ["dddd", "eeeee"]]


def test_a_request_of_many_texts_does_not_keep_a_single_one_waiting_to_its_end() -> None:
    recorder = Recorder()
    many = [f"{number:02d}" for number in range(10)]
    with batcher(max_batch=4) as made:
        found = asyncio.run(
            while_held(
                recorder,
                made,
                lambda: [
                    made.probabilities(recorder, many, PATIENCE_S),
                    made.probabilities(recorder, ["one"], PATIENCE_S),
                ],
            )
        )
    assert [len(one) for one in found] == [10, 1]
    assert recorder.batches == [["first"], many[:4], ["one", *many[4:7]], many[7:]]


def test_the_rows_of_a_text_are_its_words_where_words_are_tagged() -> None:
    recorder = Recorder("token-tags")
    rows = [[["a", "bb"], []], [["ccc"]], [[]]]
    with batcher(max_batch=3) as made:
        found = asyncio.run(
            while_held(recorder, made, lambda: [made.probabilities(recorder, each, PATIENCE_S) for each in rows])
        )
    assert [one.ravel().tolist() for one in found] == [[1, 2], [3], []]


def test_another_version_s_texts_run_apart() -> None:
    old, new = Recorder(), Recorder()
    with batcher() as made:
        asyncio.run(
            while_held(
                old,
                made,
                lambda: [made.probabilities(one, [text], PATIENCE_S) for one, text in ((old, "a"), (new, "b"))],
            )
        )
    assert (old.batches, new.batches) == ([["first"], ["a"]], [["b"]])


def test_beyond_the_queue_a_request_is_refused_at_once_and_told_when_to_ask_again() -> None:
    recorder = Recorder()
    with batcher(max_queue=3) as made:
        texts = [["a", "b"], ["c", "d"], ["e"]]
        found = asyncio.run(
            while_held(recorder, made, lambda: [made.probabilities(recorder, rows, PATIENCE_S) for rows in texts])
        )
        assert (found[1].status, found[1].retry_after_s >= 1) == (429, True)
        assert "2 texts are waiting already" in str(found[1])
        assert [len(found[0]), len(found[2])] == [2, 1]
        whole = ["x"] * 9  # more than may wait, but nobody else does
        assert len(asyncio.run(made.probabilities(recorder, whole, PATIENCE_S))) == 9


def test_one_that_waited_too_long_is_given_up_and_never_run() -> None:
    recorder = Recorder()
    with batcher() as made:
        (late,) = asyncio.run(while_held(recorder, made, lambda: [made.probabilities(recorder, ["late"], 0.01)]))
        assert (late.status, str(late)) == (504, "not answered within 0.01 s")
        assert asyncio.run(made.probabilities(recorder, ["next"], PATIENCE_S)).tolist() == [[4]]
    assert recorder.batches == [["first"], ["next"]]


def test_a_batch_that_fails_takes_only_its_own_requests_with_it() -> None:
    recorder = Recorder()
    with batcher(max_batch=2) as made:
        texts = [["good"], ["broken"], ["after"]]
        found = asyncio.run(
            while_held(recorder, made, lambda: [made.probabilities(recorder, rows, PATIENCE_S) for rows in texts])
        )
    assert [type(one) for one in found[:2]] == [RuntimeError] * 2
    assert found[2].tolist() == [[5]]


def test_fewer_than_ran_last_wait_for_more_but_not_for_ever() -> None:
    recorder = Recorder()

    async def ask(made: Batcher) -> None:
        await asyncio.gather(*(made.probabilities(recorder, [text], PATIENCE_S) for text in ("a", "b")))
        first = asyncio.ensure_future(made.probabilities(recorder, ["c"], PATIENCE_S))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, made.probabilities(recorder, ["d"], PATIENCE_S))
        await made.probabilities(recorder, ["alone"], PATIENCE_S)

    with batcher(max_wait_s=0.5) as made:
        made._expected = 2
        asyncio.run(ask(made))
    assert recorder.batches == [["a", "b"], ["c", "d"], ["alone"]]


def test_who_is_answered_finds_the_batch_counted() -> None:
    recorder, counted = Recorder(), []
    metrics = Metrics(slot_of(recorder))

    def slow(texts: int, seconds: float, waited: list[float]) -> None:
        time.sleep(0.2)
        counted.append(texts)

    metrics.batch = slow  # type: ignore[method-assign, assignment]
    made = Batcher(1, 4, 0.0, 100, metrics)

    async def ask() -> list[int]:
        await made.probabilities(recorder, ["a", "b"], PATIENCE_S)
        return list(counted)

    assert asyncio.run(ask()) == [2]
    made.close()


def test_closing_answers_those_who_wait_and_refuses_who_comes_then() -> None:
    recorder = Recorder()
    with batcher(max_wait_s=60) as made:
        made._expected = 4

        async def ask() -> Any:
            waiting = asyncio.ensure_future(made.probabilities(recorder, ["a"], PATIENCE_S))
            await asyncio.sleep(0.02)
            await asyncio.to_thread(made.close)
            with pytest.raises(RequestError, match="stopping") as refused:
                await made.probabilities(recorder, ["b"], PATIENCE_S)
            return await waiting, refused.value.status

        found, status = asyncio.run(ask())
    assert (found.tolist(), status) == ([[1]], 503)


def test_the_one_that_waited_longest_runs_next_with_those_that_are_about_as_long() -> None:
    recorder = Recorder()
    short, long = ["s" * 20, "t" * 24, "u" * 28], ["l" * 300, "m" * 310]
    with batcher(max_batch=4) as made:
        texts = [[long[0]], [short[0]], [short[1]], [long[1]], [short[2]]]
        found = asyncio.run(
            while_held(recorder, made, lambda: [made.probabilities(recorder, rows, PATIENCE_S) for rows in texts])
        )
    assert [one.ravel().tolist() for one in found] == [[300], [20], [24], [310], [28]]
    assert recorder.batches == [["first"], long, short]


def test_workers_run_at_once() -> None:
    recorder = Recorder()
    made = Batcher(2, 1, 0.0, 100, Metrics(slot_of(recorder)))

    async def ask() -> Any:
        recorder.hold()
        asked = [asyncio.ensure_future(made.probabilities(recorder, [text], PATIENCE_S)) for text in "ab"]
        while len(recorder.batches) < 2:
            await asyncio.sleep(0.01)
        recorder.go.set()
        return await asyncio.gather(*asked)

    assert [one.tolist() for one in asyncio.run(asyncio.wait_for(ask(), PATIENCE_S))] == [[[1]], [[1]]]
    made.close()


SHORT, LONG = ["a"], ["a" * CHARACTERS_A_TOKEN * SHORT_TOKENS]


@pytest.mark.parametrize(
    ("rows", "alone", "inline"),
    [(SHORT, True, True), (SHORT, False, False), (SHORT * 2, True, False), (LONG, True, False)],
)
def test_the_loop_runs_the_short_text_of_one_who_is_alone(rows: list[str], alone: bool, inline: bool) -> None:
    recorder = Recorder()

    async def ask(made: Batcher) -> Any:
        await made.probabilities(recorder, SHORT, PATIENCE_S, alone=True)
        return await made.probabilities(recorder, rows, PATIENCE_S, alone)

    with batcher() as made:
        found = asyncio.run(ask(made))
    assert found.ravel().tolist() == [len(row) for row in rows]
    first, second = recorder.threads
    assert first is not threading.main_thread(), "how long a text takes is known only after the first"
    assert (second is threading.main_thread()) is inline


def test_the_loop_leaves_a_model_that_is_slow_to_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr(batching, "SHORT_S", 0.0)

    async def ask(made: Batcher) -> None:
        for _ in range(3):
            await made.probabilities(recorder, SHORT, PATIENCE_S, alone=True)

    with batcher() as made:
        asyncio.run(ask(made))
    assert threading.main_thread() not in recorder.threads


def test_the_loop_runs_nothing_while_others_wait_or_once_it_is_closed() -> None:
    recorder = Recorder()

    async def beside_others(made: Batcher) -> None:
        await made.probabilities(recorder, SHORT, PATIENCE_S)
        waiting = await while_held(
            recorder, made, lambda: [made.probabilities(recorder, SHORT, PATIENCE_S, alone) for alone in (False, True)]
        )
        assert not any(isinstance(one, Exception) for one in waiting)

    async def after_closing(made: Batcher) -> None:
        await made.probabilities(recorder, SHORT, PATIENCE_S)
        made.close()
        with pytest.raises(RequestError, match="stopping"):
            await made.probabilities(recorder, SHORT, PATIENCE_S, alone=True)

    for ask in (beside_others, after_closing):
        with batcher() as made:
            asyncio.run(ask(made))
    assert threading.main_thread() not in recorder.threads


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux alone")
def test_the_loop_goes_before_the_workers() -> None:
    with batcher() as made:
        (thread,) = made._threads
        asyncio.run(made.probabilities(Recorder(), ["a"], PATIENCE_S))
        priorities = [os.getpriority(os.PRIO_PROCESS, one) for one in (thread.native_id or 0, 0)]
    assert priorities[0] > priorities[1]

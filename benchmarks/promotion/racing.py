"""Long-lived processes that, round after round, promote different versions at once in the same champion's place."""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import Figure, at_most
from components.base import registry
from components.base.errors import TextgateError
from components.base.promotion_log import LostRace, open_log
from components.base.settings import RunStep
from components.promote.checks import AS_COMPARED
from components.promote.promote import promote
from components.promote.verification import verify
from tests.mlflow_store import make_version

PROCESSES = 8
ROUNDS = 200
# After which all processes have heard of the round.
NOTICE_S = 0.05
WON, LOST, STALE = "won", "lost", "stale"


class Round(NamedTuple):
    """`answers` are what each process came to: WON, LOST (the entry), STALE (seen before) or a fault in its own words;
    `winner` is its version, `head` the log's and `alias` MLflow's once all had answered."""

    answers: list[str]
    winner: str
    head: str
    alias: str

    @property
    def faults(self) -> list[str]:
        return [answer for answer in self.answers if answer not in (WON, LOST, STALE)]

    @property
    def is_right(self) -> bool:
        return self.answers.count(WON) == 1 and self.winner == self.head == self.alias and not self.faults


class Race(NamedTuple):
    """`entries` is how many the log has at the end, and `wrong` what is found wrong of the log and of MLflow."""

    rounds: list[Round]
    entries: int
    wrong: list[str]
    seconds: float


def rounds_wanted() -> int:
    return int(os.environ.get("ROUNDS") or ROUNDS)


def race(folder: Path, run: RunStep, rounds: int, processes: int = PROCESSES) -> Race:
    """In the workspace and MLflow that the environment names; files of versions go to `folder`."""
    numbers = [
        make_version(folder, f"job-{number}", temperature=1.0 + number, run=run).version
        for number in range(processes + 1)
    ]
    with redirect_stdout(io.StringIO()):
        promote(run, numbers[0], "", why="first")
    started = time.monotonic()
    with _racers(run, processes) as racers:
        found = [_round(run, numbers, racers, number) for number in range(rounds)]
    seconds = time.monotonic() - started
    wrong = [finding.what for finding in verify(run) if finding.wrong]
    return Race(found, len(open_log(run).entries()), wrong, seconds)


def race_figures(where: str, result: Race) -> list[Figure]:
    rounds = len(result.rounds)
    answers = [answer for one in result.rounds for answer in one.answers]
    faults = sorted({fault for one in result.rounds for fault in one.faults})
    right, whole = sum(one.is_right for one in result.rounds), result.entries == rounds + 1
    processes = len(result.rounds[0].answers)
    return [
        Figure(
            f"{where}: rounds of {processes} processes with one winner, who is head and alias, and no fault",
            right,
            f"of {rounds}",
            "all",
            right == rounds,
        ),
        Figure(f"{where}: entries of the log, after the first", result.entries - 1, f"of {rounds}", "all", whole),
        at_most(f"{where}: findings of history --verify", len(result.wrong), "findings", 0),
        Figure(f"{where}: lost for the entry", answers.count(LOST), f"of {len(answers)}"),
        Figure(f"{where}: refused before, as stale", answers.count(STALE), f"of {len(answers)}"),
        Figure(f"{where}: a round", result.seconds / rounds, "s"),
        *(Figure(f"{where}: fault", fault, "") for fault in [*faults, *result.wrong]),
    ]


def _round(run: RunStep, numbers: list[str], racers: list[Connection], number: int) -> Round:
    before = open_log(run).head()
    assert before
    challengers = [version for version in numbers if version != before.version]
    for version in challengers:
        registry.tag_version(run.name, version, {registry.COMPARED_WITH: before.version})
    start = time.monotonic() + NOTICE_S
    for racer, version in zip(racers, challengers, strict=True):
        racer.send((version, before.version, f"round {number}", start))
    answers = [str(racer.recv()) for racer in racers]
    head = open_log(run).head()
    won = [version for version, answer in zip(challengers, answers, strict=True) if answer == WON]
    alias = registry.alias_of(run.name, registry.CHAMPION)
    return Round(answers, won[0] if won else "", head.version if head else "", alias)


@contextmanager
def _racers(run: RunStep, processes: int) -> Iterator[list[Connection]]:
    """Of each process, the end of a pipe."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    connections, started = [], []
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_racer, args=(theirs, dict(os.environ), run), daemon=True)
            process.start()
            theirs.close()
            connections.append(ours)
            started.append(process)
        yield connections
    finally:
        for connection in connections:
            connection.close()
        for process in started:
            process.join()


def _racer(connection: Connection, environment: Mapping[str, str], run: RunStep) -> None:
    """Answers until the other end of the pipe is closed. The process that it was forked from knows nothing of the
    environment."""
    os.environ.clear()
    os.environ.update(environment)
    while True:
        try:
            version, champion, why, start = connection.recv()
        except EOFError:
            return
        time.sleep(max(0.0, start - time.monotonic()))
        connection.send(_promote(run, version, champion, why))


def _promote(run: RunStep, version: str, champion: str, why: str) -> str:
    try:
        with redirect_stdout(io.StringIO()):
            promote(run, version, AS_COMPARED, why=why, expect=champion)
    except LostRace:
        return LOST
    except TextgateError as error:
        return STALE if str(error).startswith(f"the champion of {run.name} is version ") else f"TextgateError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return WON

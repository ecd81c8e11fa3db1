"""Processes that outlive the command that started them, found again by their number and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

STOP_S, KILL_S, PAUSE_S = 60, 10, 0.05
ENDS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Detached:
    """`pid` leads a session of its own in `folder`; `started` tells it from a later process with the same number.
    `program` is the file that runs."""

    pid: int
    started: float
    folder: str
    program: str

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return _is_alive(process) and abs(process.create_time() - self.started) < 1
        except psutil.NoSuchProcess:
            return False

    def stop(self, first: signal.Signals = signal.SIGTERM) -> None:
        """`first` to its process group; SIGKILL to all that are left when the leader has ended, or after a minute."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, first)
            _wait(self.alive, STOP_S)
        left = self._left()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _wait(lambda: any(map(_is_alive, left)), KILL_S)

    def _left(self) -> list[psutil.Process]:
        """It and its children, which it leaves behind where it is killed: the same program in its folder, or below."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.exe() == self.program and Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
        return found


def start(
    command: list[str], folder: Path, log: Path, variables: Mapping[str, str], who: Mapping[str, Any]
) -> Detached:
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, **variables},
            start_new_session=True,
            **who,
        )
    try:
        found = psutil.Process(process.pid)
        return Detached(process.pid, found.create_time(), str(folder.resolve()), found.exe())
    except psutil.Error:  # it ended at once
        return Detached(process.pid, 0.0, str(folder.resolve()), "")


def run_whole(command: list[str], folder: Path, who: Mapping[str, Any]) -> tuple[int, str]:
    """The exit status and what it said of errors. Where the wait is interrupted, its children end with it."""
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes, **who)
    try:
        said = process.communicate()[1]
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, said.strip()


def is_zombie(pid: int) -> bool:
    """Whether it has ended, and nobody has asked how: where the first process of a container does not, it stays so."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM come as KeyboardInterrupt when the block is over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait(goes_on: Callable[[], bool], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while goes_on() and time.monotonic() < deadline:
        time.sleep(PAUSE_S)

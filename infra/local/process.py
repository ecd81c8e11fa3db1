"""Processes that outlive the command that started them, found again by their number and start time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

STOP_S, KILL_S = 60, 10


@dataclass(frozen=True)
class Detached:
    """`pid` leads a session of its own; `started` tells it from a later process that was given the same number."""

    pid: int
    started: float
    folder: str

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same: bool = abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        return same

    def stop(self, first: signal.Signals = signal.SIGTERM) -> None:
        """`first` to its process group; SIGKILL to all that are left when the leader has ended, or after a minute."""
        leader = psutil.Process(self.pid) if self.alive() else None
        everybody = self._group() + ([leader] if leader else [])
        children = [child for process in everybody for child in _children(process)]
        if leader:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, first)
            psutil.wait_procs([leader], STOP_S)
        left = [process for process in {*everybody, *children} if process.is_running()]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, KILL_S)

    def _group(self) -> list[psutil.Process]:
        """The others of its session, which it leaves behind where it is killed. They stand in its folder: a session of
        the same number that somebody else began later does not."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.getsid(process.pid) == self.pid != process.pid and process.cwd() == self.folder:
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
        began = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        began = 0.0
    return Detached(process.pid, began, str(folder.resolve()))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found

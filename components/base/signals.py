"""Being told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noting_stop() -> Iterator[list[int]]:
    """Gives a list that gets the number of the first SIGTERM, SIGHUP or SIGINT, so that work can be left in good
    order; a second one ends this process as ever."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number: int, _: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        noted.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def holding_stop() -> Iterator[None]:
    """What is begun here is not cut off: SIGTERM, SIGHUP and SIGINT take effect at its end."""
    with noting_stop() as noted:
        yield
    if noted:
        raise KeyboardInterrupt if noted[0] == signal.SIGINT else SystemExit(128 + noted[0])


@contextmanager
def unwinding_on_terminate() -> Iterator[None]:
    """SIGTERM and SIGHUP would end this process on the spot and leave its children behind: let it unwind instead."""

    def unwind(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, unwind) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Follows a pin: a new version is loaded beside the old one and takes its place; one that fails changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from components.base.errors import TextgateError
from serving.models import Refusal, Slot, load_pinned
from serving.pins import Pin, read_pin

log = logging.getLogger("textgate.serving")

Stamp = tuple[int, int] | None


class Follower:
    """Looks at the pin at `path` every `interval` seconds; one that was seen is not tried again until rewritten.

    `ahead` is called before each look, and may rewrite the pin; what it raises is reported as a pin that failed is.
    """

    def __init__(
        self,
        slot: Slot,
        path: Path,
        pin: Pin,
        threads: int = 0,
        interval: float = 1.0,
        ahead: Callable[[], None] | None = None,
    ) -> None:
        self._slot = slot
        self._path = path
        self._pinned = pin
        self._threads = threads
        self._interval = interval
        self._ahead = ahead
        stamp = _stamp(path)
        self._seen: Stamp = stamp if _is_still(path, pin) else None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._interval)

    def look(self) -> None:
        """Takes up the pin if it was rewritten since the last look. Raises nothing: a failure is kept in the slot."""
        if self._ahead:
            try:
                self._ahead()
            except TextgateError as error:
                self._refuse("", str(error))
                return
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        wanted = ""
        try:
            pin = read_pin(self._path)
            wanted = pin.version
            self._take(pin)
        except TextgateError as error:
            self._refuse(wanted, str(error))
        except Exception as error:
            log.exception("the pinned version %s could not be loaded", wanted)
            self._refuse(wanted, f"{type(error).__name__}: {error}")

    def _take(self, pin: Pin) -> None:
        old = self._slot.current
        if pin.name != old.name:
            raise TextgateError(f"{self._path} names the model {pin.name}; this server serves {old.name}")
        if pin != self._pinned:
            self._slot.take(load_pinned(pin, self._threads))
            self._pinned = pin
            log.info("now serving %s version %s in place of version %s", pin.name, pin.version, old.version)
        self._slot.refused = None

    def _refuse(self, version: str, error: str) -> None:
        self._slot.refuse(Refusal(version, error))
        log.error("still serving version %s; what is to follow it failed: %s", self._slot.current.version, error)


def _is_still(path: Path, pin: Pin) -> bool:
    try:
        return read_pin(path) == pin
    except TextgateError:
        return False


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino

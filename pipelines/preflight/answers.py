"""What servers answered last, by the thread that asked; their clients ask again, and tell it only in the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

# All clients that ask again are built on urllib3, which tells it each answer.
LOGGER = logging.getLogger("urllib3.connectionpool")
TROUBLE, STATUS = 400, 6


@contextmanager
def noted() -> Iterator[dict[int, str]]:
    """The last answers that were no success, by the number of the thread; what is logged stays as it was."""
    found: dict[int, str] = {}
    level = LOGGER.level

    def note(record: logging.LogRecord) -> bool:
        told = record.args
        if isinstance(told, tuple) and len(told) > STATUS and isinstance(status := told[STATUS], int):
            thread = record.thread or 0
            found.pop(thread, None)
            if status >= TROUBLE:
                found[thread] = "HTTP {6} of {0}://{1}:{2}".format(*told)
        shown = level or (LOGGER.parent or LOGGER).getEffectiveLevel()
        return record.levelno >= shown

    LOGGER.addFilter(note)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeFilter(note)

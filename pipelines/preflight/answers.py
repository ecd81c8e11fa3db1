"""What servers answered last to each check; their clients ask again, and tell it only in the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# All clients that ask again are built on urllib3, which tells it each answer.
LOGGER = logging.getLogger("urllib3.connectionpool")
TROUBLE, STATUS = 400, 6
_kept: ContextVar[list[str] | None] = ContextVar("_kept", default=None)


def keep(latest: list[str]) -> None:
    """From here on `latest` holds what was answered last to this context, where that was no success."""
    _kept.set(latest)


@contextmanager
def noted() -> Iterator[None]:
    """Answers are kept within; what is logged stays as it was."""
    level = LOGGER.level

    def note(record: logging.LogRecord) -> bool:
        told, latest = record.args, _kept.get()
        if latest is not None and isinstance(told, tuple) and len(told) > STATUS:
            status = told[STATUS]
            if isinstance(status, int):
                latest[:] = ["HTTP {6} of {0}://{1}:{2}".format(*told)] if status >= TROUBLE else []
        shown = level or (LOGGER.parent or LOGGER).getEffectiveLevel()
        return record.levelno >= shown

    LOGGER.addFilter(note)
    LOGGER.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        LOGGER.removeFilter(note)

"""One process at a time, among those that share this machine's workspace."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.base.errors import TextgateError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on the file `path`; a process that dies lets go of it.

    Raises TextgateError when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise TextgateError(f"{path} cannot be written: {error.strerror}; TEXTGATE_HOME names another place") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""How a step fails: one message, a non-zero exit, and a line for the exit handler, which may take nothing from it."""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from components.base.errors import TextgateError
from components.base.files import write_text

VARIABLE = "TEXTGATE_FAILURES"


class Failure(TypedDict):
    step: str
    message: str


@contextmanager
def reported(step: str) -> Iterator[None]:
    """Turns an exception of the step into its message and exit status 1.

    Appends the failure to the file named by TEXTGATE_FAILURES, where a runner set it. A TextgateError is shown as its
    message alone; anything else is a fault of ours and keeps its stack trace in the task's log.

    When the process ends, Python does not look for cycles in all that a step imported, which took 0.5 to 1.3 s.
    """
    atexit.register(gc.freeze)
    try:
        yield
    except Exception as error:
        expected = isinstance(error, TextgateError)
        message = str(error) if expected else f"{type(error).__name__}: {error}"
        if not expected or os.environ.get("TEXTGATE_DEBUG"):
            traceback.print_exc()
        print(f"textgate: {step}: {message}", file=sys.stderr, flush=True)
        if target := os.environ.get(VARIABLE):
            add(Path(target), step, message)
        sys.exit(1)


def add(path: Path, step: str, message: str) -> None:
    """Appends a failure to the file that a run's steps report to."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(Failure(step=step, message=message)) + "\n")


def forget(path: Path, step: str) -> None:
    """Takes out the failures of a step that is tried again."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    write_text(path, "".join(line for line in lines if json.loads(line)["step"] != step))


def first(path: Path | None = None) -> Failure | None:
    """The failure that was reported first, in `path` or in the file that this run's steps report to, if any."""
    target = path or Path(os.environ.get(VARIABLE) or os.devnull)
    if not target.exists():
        return None
    lines = target.read_text(encoding="utf-8").splitlines()
    return json.loads(lines[0]) if lines else None

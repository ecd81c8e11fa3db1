"""Stacks, each in a folder of its own that every user may enter."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.postgres import programs
from infra.local.stack import Stack

NewStack = Callable[[], Stack]


@pytest.fixture(scope="module")
def new_stack() -> Iterator[NewStack]:
    """Stacks that are stopped in the end, whatever came of them."""
    if programs() is None:
        pytest.skip("there is no PostgreSQL here: apt-get install postgresql")
    with ExitStack() as ends:

        def new() -> Stack:
            # Not in pytest's folder, which other users may not enter.
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="textgate-stack-")))
            folder.chmod(0o711)
            stack = Stack(folder / "the stack")
            ends.callback(stack.stop)
            return stack

        yield new


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "AWS_", "TEXTGATE_HOME"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)

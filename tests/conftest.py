"""What all tests share: telemetry off, an image to compile with, and fixtures that start real servers."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

for name, value in {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TEXTGATE_IMAGE": f"textgate/pipeline-cpu@sha256:{'0123456789abcdef' * 4}",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}.items():
    os.environ.setdefault(name, value)
# A shell that starts the tests in the background has them and their children ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.chromium", "tests.mlflow_store", "tests.postgres", "tests.seaweed", "tests.tiny_project"]


def pytest_configure() -> None:
    """What libraries hold stays: to look through it for cycles as often as Python does takes a tenth of the time."""
    gc.set_threshold(50_000, 50, 50)


@pytest.fixture(autouse=True, scope="session")
def _short_stacks() -> Iterator[None]:
    """At each setting of a task kfp asks for the whole stack with its lines of source, and takes one name of it. Below
    pytest, and beside all modules of TensorFlow, that makes a second of compiling twenty."""

    from kfp.dsl import pipeline_task

    def two_frames() -> list[tuple[Any, ...]]:
        return [(None,) * 6, (None, None, None, sys._getframe(2).f_code.co_name, None, None)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_task, "inspect", SimpleNamespace(stack=two_frames))
        yield


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """tests/serving/tiny.py, which writes bundles."""
    from tests.serving import tiny

    return tiny


@pytest.fixture(scope="session")
def running() -> ModuleType:
    """tests/serving/running.py, which runs the server."""
    from tests.serving import running

    return running


@pytest.fixture(scope="session")
def public_data() -> Callable[[str], Path]:
    """Gives the folder of a public data set by its name, or skips with where it comes from."""
    from benchmarks.public_data import Absent, find

    def folder(name: str) -> Path:
        try:
            return find(name)
        except Absent as reason:
            pytest.skip(str(reason))

    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Under continuous integration, which installs every tool, a test that skips for the lack of one fails.

    What is not installed may be named by a variable: where DATA names no folder, TORCH_PYTHON no python, or KFP_HOST no
    Kubeflow, skips stay.
    """
    report = (yield).get_result()
    if report.skipped and os.environ.get("TEXTGATE_CI"):
        optional = any(
            not os.environ.get(name) and f"{name} names no" in str(call)
            for name in ("DATA", "KFP_HOST", "TORCH_PYTHON")
        )
        report.outcome = "skipped" if optional else "failed"

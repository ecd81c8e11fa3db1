"""Python imports this first, where its folder leads PYTHONPATH: each step's process then leaves in TEXTGATE_PROBE what
it imported, in seconds by package, and how long its work took."""

from __future__ import annotations

import atexit
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = ("benchmarks", "components", "pipelines", "serving", "sitecustomize", "__main__")
bootstrap: Any = importlib._bootstrap  # type: ignore[attr-defined]
find_and_load = bootstrap._find_and_load

third_party: dict[str, float] = {}
work: dict[str, Any] = {}
depth = {"third-party": 0, "all": 0}
spent = {"all": 0.0}


def load(name: str, import_: Any) -> Any:
    """The outermost import of a package that is neither ours nor Python's has all that it brings along."""
    top = name.partition(".")[0]
    foreign = top not in OURS and top not in sys.stdlib_module_names and not depth["third-party"]
    depth["third-party"] += 1 if foreign or depth["third-party"] else 0
    depth["all"] += 1
    started = time.perf_counter()
    try:
        module = find_and_load(name, import_)
    finally:
        seconds = time.perf_counter() - started
        depth["all"] -= 1
        depth["third-party"] -= 1 if depth["third-party"] else 0
        spent["all"] += 0.0 if depth["all"] else seconds
        if foreign:
            third_party[top] = third_party.get(top, 0.0) + seconds
    if name == "components.base.failures":
        _watch(module)
    return module


def _watch(module: ModuleType) -> None:
    """The work is what a step's body does, without what is imported meanwhile."""
    reported: Any = module.reported  # type: ignore[attr-defined]

    @contextmanager
    def watched(step: str) -> Iterator[None]:
        imports, started = spent["all"], time.perf_counter()
        try:
            with reported(step):
                yield
        finally:
            seconds = time.perf_counter() - started - (spent["all"] - imports)
            work.update(step=step, seconds=seconds)

    module.reported = watched  # type: ignore[attr-defined]


def leave(folder: Path) -> None:
    if work:
        content = {**work, "imports": third_party}
        (folder / f"{os.getpid()}.json").write_text(json.dumps(content), encoding="utf-8")


if "TEXTGATE_PROBE" in os.environ:
    bootstrap._find_and_load = load
    atexit.register(leave, Path(os.environ["TEXTGATE_PROBE"]))

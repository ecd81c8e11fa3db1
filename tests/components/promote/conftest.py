"""Fixtures: two versions, the first of them champion."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base.settings import RunStep
from components.promote.promote import promote


@pytest.fixture
def two(workspace: Path, register_version: Callable[..., Any]) -> tuple[str, str]:
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0, champion="1")
    promote(RunStep(name="tiny"), first.version, "", why="first", who="ann@desk")
    return first.version, second.version


@pytest.fixture
def sealed_again() -> Callable[..., None]:
    return seal_again


def seal_again(bundle: Path, **changes: Any) -> None:
    """Gives bundle.json the digests of the files as they are now, and other values of some keys."""
    manifest = json.loads((bundle / "bundle.json").read_text())
    files = {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (bundle / "bundle.json").write_text(json.dumps({**manifest, "files": files, **changes}))

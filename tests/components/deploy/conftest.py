"""Fixtures: a cluster to talk to, and settings that deploy to it without long waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.base.settings import DeployStep, RunStep
from components.deploy import cluster as clusters
from components.deploy import rollout
from components.promote.promote import promote
from tests.components.deploy.loopback_kserve import TOKEN, State, kserve

IMAGE = "registry.example/textgate@sha256:" + "5" * 64
Step = Callable[..., DeployStep]
Register = Callable[..., Any]
RUN = RunStep(name="tiny")
MODES = ["serverless", "standard"]
# For what never comes; what does come has the time that a busy machine needs.
BRIEF = 0.5


def make_step(mode: str = "serverless", canary: dict[str, Any] | None = None, **changes: Any) -> DeployStep:
    held = {"hold_s": 0.05, "min_requests": 5, "max_p95_ms": 2000.0, **(canary or {})}
    options = {"namespace": "models", "image": IMAGE, "deployment_mode": mode, "timeout_s": 20.0, "canary": held}
    return DeployStep.model_validate({"options": {"target": "kserve", "kserve": {**options, **changes}}})


@pytest.fixture
def step() -> Step:
    return make_step


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """What the API server holds that KUBECONFIG leads to."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(clusters, "PAUSES", (0.01,) * 5)
    monkeypatch.setattr(rollout, "POLL_S", 0.01)
    monkeypatch.setattr(rollout, "FAILED_S", 0.2)
    with kserve() as (url, state):
        write_kubeconfig(tmp_path / "kubeconfig", url, TOKEN)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield state


def write_kubeconfig(path: Path, url: str, token: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(config))


@pytest.fixture
def served_from_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the storage, which has tests of its own."""
    monkeypatch.setattr(
        "components.deploy.kserve.locate", lambda name, version, digest, *_: f"s3://bundles/{name}/{digest}"
    )


@pytest.fixture
def two(workspace: Any, register_version: Register) -> tuple[str, str]:
    """Two versions, the first of them champion."""
    first, second = register_version("job-1"), register_version("job-2", temperature=3.0, champion="1")
    promote(RUN, first.version, "", why="first")
    return first.version, second.version


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt

"""A promotion that is killed, at each boundary and at random points: reconcile has log, alias and tags agree."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.base import registry
from components.base.champion import reconcile
from components.base.mlflow_client import mlflow
from components.base.objects import FolderStore
from components.base.promotion_log import open_log
from components.base.settings import DeploySettings, DeployStep, RunStep
from components.deploy import local
from components.deploy.deploy import deploy
from components.promote.promote import promote
from components.promote.verification import verify
from serving.pins import pin_path, read_pin

ROOT = Path(__file__).resolve().parents[3]
RUN = RunStep(name="tiny")
LOCAL = DeployStep(options=DeploySettings())
# What a promotion does to the world: a tag as it is (may it write?), entry, alias, challenger, tags of both versions,
# pin.
ACTS = [
    (FolderStore, "create"),
    (mlflow.MlflowClient, "set_registered_model_alias"),
    (mlflow.MlflowClient, "delete_registered_model_alias"),
    (mlflow.MlflowClient, "set_model_version_tag"),
    (local, "write_pin"),
]
# Imports once, then forks for each promotion that is asked for: [version, expected champion, seconds to live].
FORKS = """
import json, os, signal, sys, time
from components.base import mlflow_client
from components.base.settings import DeploySettings, DeployStep, RunStep
from components.deploy.deploy import deploy
from components.promote.promote import promote
run, step = RunStep(name="tiny"), DeployStep(options=DeploySettings())
for line in sys.stdin:
    version, expected, seconds = json.loads(line)
    started, child = time.monotonic(), os.fork()
    if child == 0:
        os.dup2(2, 1)
        promote(run, version, expected, why="random")
        deploy(run, version, step)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([status, time.monotonic() - started]), flush=True)
"""


class Killed(BaseException):
    """No `except Exception` sees it, as none sees a process that is killed."""


class Boundaries:
    """Counts what is done to the world, and kills right before or right after the act with the given number."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.fatal, self.after = -1, False
        for owner, name in ACTS:
            patch.setattr(owner, name, self._wrapped(name, getattr(owner, name)))

    def arm(self, fatal: int, after: bool) -> None:
        self.done, self.fatal, self.after = [], fatal, after

    def _wrapped(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            deadly = len(self.done) == self.fatal
            self.done.append(name)
            if deadly and not self.after:
                raise Killed
            result = act(*args, **kwargs)
            if deadly:
                raise Killed
            return result

        return wrapped


@pytest.fixture
def boundaries(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Boundaries:
    deploy(RUN, "1", LOCAL)
    return Boundaries(monkeypatch)


@pytest.fixture
def forks(two: tuple[str, str]) -> Iterator[Callable[..., Any]]:
    """Has one process after the other promote and deploy: gives its exit status and how long it lived."""
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def ask(*request: Any) -> Any:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def head() -> str:
    entry = open_log(RUN).head()
    assert entry
    return entry.version


def challenge(version: str) -> None:
    """It may become the champion in the other's place."""
    registry.set_alias("tiny", "challenger", version)


def settled() -> None:
    """After reconcile: log, alias, tags and bundles agree, no version is lost, and the head can be deployed."""
    reconcile(RUN, open_log(RUN))
    assert [finding.what for finding in verify(RUN) if finding.wrong] == []
    assert registry.alias_of("tiny", "champion") == head()
    assert registry.alias_of("tiny", "challenger") != head()
    assert all(registry.version_tags("tiny", version)["textgate.bundle_digest"] for version in "12")


def test_killed_at_each_boundary_and_reconciled(boundaries: Boundaries, workspace: Path) -> None:
    acts, versions = 0, ["2", "1"]
    for number in range(40):
        for after in (False, True):
            version, other = versions
            challenge(version)
            boundaries.arm(number, after)
            try:
                promote(RUN, version, other, why="better")
                deploy(RUN, version, LOCAL)
            except Killed:
                acts += 1
                boundaries.arm(-1, False)
                won = head() == version
                assert won == ((number, after) >= (1, True))
                settled()
                assert read_pin(pin_path(workspace, "tiny")).version in versions
                promote(RUN, version, other, why="once more")
                deploy(RUN, version, LOCAL)
                assert read_pin(pin_path(workspace, "tiny")).version == version == head()
                versions.reverse()
            else:
                assert (acts, number, boundaries.done[-1]) == (2 * number, len(boundaries.done), "write_pin")
                assert set(boundaries.done) == {name for _, name in ACTS}
                return
    raise AssertionError("a promotion has no end")


@pytest.mark.slow
def test_killed_at_random_points_and_reconciled(forks: Callable[..., Any], workspace: Path) -> None:
    status, whole = forks("2", "1", None)
    assert (status, head()) == (0, "2")
    seconds, killed = random.Random(8), []
    for _ in range(50):
        current = head()
        version = {"1": "2", "2": "1"}[current]
        challenge(version)
        status, _ = forks(version, current, seconds.uniform(0, whole))
        killed.append(status == -9)
        settled()
    assert sum(killed) > 25
    assert 1 < len(open_log(RUN).entries()) < 52
    deploy(RUN, head(), LOCAL)
    assert read_pin(pin_path(workspace, "tiny")).version == head()

"""Servers that go away and come back while something is promoted."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import registry, s3
from components.base.champion import reconcile
from components.base.errors import TextgateError
from components.base.objects import FolderStore
from components.base.promotion_log import open_log
from components.base.s3 import S3Store
from components.base.settings import RunStep
from components.promote.promote import promote
from components.promote.verification import verify
from tests.mlflow_store import MlflowServer
from tests.weed import Weed

RUN = RunStep(name="tiny")
Register = Callable[..., Any]


def dying_after_the_entry(monkeypatch: pytest.MonkeyPatch, die: Callable[[], None]) -> None:
    create = FolderStore.create

    def last(store: FolderStore, key: str, content: bytes) -> bool:
        done = create(store, key, content)
        die()
        return done

    monkeypatch.setattr(FolderStore, "create", last)


def agrees(run: RunStep) -> bool:
    return not [finding for finding in verify(run) if finding.wrong]


@pytest.mark.slow
def test_mlflow_dies_after_the_entry_and_comes_back(
    mortal_mlflow: MlflowServer, register_version: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First too late for the promotion, then, by the same command, in time."""
    first, second = register_version("job-1").version, register_version("job-2", temperature=3.0).version
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with monkeypatch.context() as patch:
        dying_after_the_entry(patch, mortal_mlflow.kill)
        with pytest.raises(TextgateError) as told:
            promote(RUN, first, "", why="first")
    said = str(told.value)
    assert said.startswith("version 1 of tiny is the champion by entry 1 of the promotion log, but alias and tags in")
    assert "failed to give version 1 of tiny the alias champion" in said and "\n" not in said
    assert "`textgate reconcile tiny` finishes it, and so does the next promotion" in said
    mortal_mlflow.start()
    assert registry.alias_of("tiny", "champion") == ""
    assert reconcile(RUN, open_log(RUN)) and agrees(RUN)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6")
    restarting: list[threading.Thread] = []

    def restart() -> None:
        mortal_mlflow.kill()
        restarting.append(threading.Thread(target=mortal_mlflow.start))
        restarting[0].start()

    with monkeypatch.context() as patch:
        dying_after_the_entry(patch, restart)
        promote(RUN, second, first, why="better")
    restarting[0].join()
    assert agrees(RUN) and registry.aliases("tiny") == {"champion": second}


def test_mlflow_is_away_before_anything_is_changed(
    workspace: Path, register_version: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(
        TextgateError, match="MLflow at http://127.0.0.1:9 failed to answer: .*check MLFLOW_TRACKING_URI"
    ):
        promote(RUN, "1", "", why="first")
    assert open_log(RUN).head() is None


@pytest.fixture
def on_s3(private_seaweed: Weed, monkeypatch: pytest.MonkeyPatch) -> RunStep:
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    return RunStep(name="tiny", log=f"s3://{private_seaweed.bucket}/{uuid.uuid4().hex}")


@pytest.mark.slow
def test_s3_dies_before_the_entry_and_comes_back(
    on_s3: RunStep, private_seaweed: Weed, workspace: Path, register_version: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register_version("job-1").version
    create = S3Store.create

    def unreached(store: S3Store, key: str, content: bytes) -> bool:
        private_seaweed.kill()
        return create(store, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "create", unreached)
        with pytest.raises(TextgateError, match="whether the entry .* version 1 of tiny .* was written is not known"):
            promote(on_s3, version, "", why="first")
    with pytest.raises(TextgateError, match="does not answer"):
        promote(on_s3, version, "", why="first")
    assert registry.aliases("tiny") == {"challenger": version}
    private_seaweed.start()
    assert open_log(on_s3).head() is None
    assert promote(on_s3, version, "", why="first").number == 1
    assert agrees(on_s3)


def test_s3_dies_once_it_has_the_entry_and_comes_back(
    on_s3: RunStep, private_seaweed: Weed, workspace: Path, register_version: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is lost, and so is the question whether it was written."""
    version = register_version("job-1").version
    create = S3Store.create

    def unanswered(store: S3Store, key: str, content: bytes) -> bool:
        create(store, key, content)
        private_seaweed.kill()
        return create(store, key, content)

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "create", unanswered)
        with pytest.raises(TextgateError, match="was written is not known: the same command goes on from what the log"):
            promote(on_s3, version, "", why="first")
    assert registry.aliases("tiny") == {"challenger": version}
    private_seaweed.start()
    assert promote(on_s3, version, "", why="first").number == 1
    assert agrees(on_s3) and registry.aliases("tiny") == {"champion": version}

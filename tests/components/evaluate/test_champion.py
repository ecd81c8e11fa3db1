from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from components.base.settings import DataSchema, EvaluateStep, EvaluationSettings
from components.evaluate.champion import load_champion
from serving import bundle as bundles
from tests.mlflow_store import DATA_MD5
from tests.tiny_project import LABELS

STEP = EvaluateStep(name="tiny", data=DataSchema(labels=LABELS), options=EvaluationSettings())


def test_without_a_champion_mlflow_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert load_champion("", "", "", DATA_MD5, STEP) is None


def test_the_champion_comes_with_its_bundle_and_what_is_known_of_its_data(
    workspace: Path, register_version: Callable[..., Any]
) -> None:
    version, digest = register_version("job-1")
    champion = load_champion(version, digest, DATA_MD5, DATA_MD5, STEP)
    assert champion and champion.bundle
    assert bundles.digest(champion.bundle) == digest
    assert champion.texts is not None and len(champion.texts) == 0
    elsewhere = load_champion(version, digest, DATA_MD5, "0" * 32 + ".dir", STEP)
    assert elsewhere and elsewhere.bundle and elsewhere.texts is None
    assert elsewhere.unknown.startswith(f"no remote holds the data {DATA_MD5} any more")


def test_a_champion_without_its_files_has_a_problem(workspace: Path, register_version: Callable[..., Any]) -> None:
    version, digest = register_version("job-1")
    shutil.rmtree(workspace / "mlartifacts")
    champion = load_champion(version, digest, DATA_MD5, DATA_MD5, STEP)
    assert champion and champion.bundle is None
    assert "version 1 of tiny" in champion.problem and "has no files any more" in champion.problem
    other = load_champion(version, "0" * 64, DATA_MD5, DATA_MD5, STEP)
    assert other and other.bundle is None


def test_an_mlflow_that_does_not_answer_fails_the_step(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TextgateError, match="failed to answer"):
        load_champion("1", "0" * 64, DATA_MD5, DATA_MD5, STEP)

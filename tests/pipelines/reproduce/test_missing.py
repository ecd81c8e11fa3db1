from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.base import base_models, registry
from components.base.mlflow_client import connect
from components.base.running import ROOT
from pipelines.lineage.code import read_code
from pipelines.reproduce.like import like
from pipelines.reproduce.missing import missing
from tests.pipelines.reproduce.recorded_runs import record_run
from tests.tiny_project import make_rows, split_rows, write_base_model, write_config, write_version


@pytest.fixture
def project(workspace: Path, tmp_path: Path) -> Path:
    write_version(tmp_path, split_rows(make_rows(30)))
    write_base_model(tmp_path / "base_model")
    write_config(tmp_path)
    return tmp_path


@pytest.fixture
def pins(project: Path) -> dict[str, str]:
    digest = base_models.digest(str(project / "base_model"))
    return {"base_model_digest": digest, "git_commit": read_code(ROOT).commit}


def test_nothing_is_missing_where_all_is_there(
    project: Path, pins: dict[str, str], register_version: Callable[..., Any]
) -> None:
    champion = register_version("job-1")
    run = record_run(project, "first", champion_version=champion.version, champion_digest=champion.digest, **pins)
    assert missing(like(run, "again")) == []


def test_all_that_is_missing_is_said_at_once_with_a_way_to_have_it(
    project: Path, pins: dict[str, str], register_version: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = register_version("job-1")
    pinned = {**pins, "git_commit": "1" * 40, "champion_version": champion.version, "champion_digest": champion.digest}
    run = record_run(project, "first", params={"versions.python": "3.99.1"}, **pinned)
    shutil.rmtree(project / "remote")
    shutil.rmtree(project / "base_model")
    connect().delete_model_version("tiny", champion.version)
    code, python, data, base_model, former = missing(like(run, "again"))
    assert f"git push REMOTE refs/textgate/{'1' * 40}" in code
    assert "Python 3.99.1: no such interpreter" in python
    assert "the data: the file list of the version" in data and f"{project / 'remote'}: holds no file list" in data
    assert "textgate data push" in data and "data.remotes=[...]" in data
    assert pins["base_model_digest"] in base_model and "base_model.reference=..." in base_model
    assert f"has no version {champion.version} of tiny" in former


def test_data_that_left_the_cache_is_taken_from_the_remote(project: Path, pins: dict[str, str]) -> None:
    (project / "cache").mkdir()
    run = record_run(project, "first", **pins)
    wanted = like(run, "again", remotes=[str(project / "cache")])
    assert missing(wanted) == []


def test_another_base_model_in_its_place_is_missing(project: Path, pins: dict[str, str]) -> None:
    run = record_run(project, "first", **{**pins, "base_model_digest": "0" * 64})
    (said,) = missing(like(run, "again"))
    assert f"{project / 'base_model'} has the digest {pins['base_model_digest']}" in said


def test_changes_that_were_not_stored_are_missing(project: Path, pins: dict[str, str]) -> None:
    run = record_run(project, "first", diff_missing="2 MB", **pins)
    (said,) = missing(like(run, "again"))
    assert "changes to its commit that were not stored: 2 MB" in said


def test_a_champion_of_other_bytes_is_missing(
    project: Path, pins: dict[str, str], register_version: Callable[..., Any]
) -> None:
    champion = register_version("job-1")
    run = record_run(project, "first", champion_version=champion.version, champion_digest="0" * 64, **pins)
    (said,) = missing(like(run, "again"))
    assert "is not the bundle that was pinned" in said
    registry.tag_version("tiny", champion.version, {registry.BUNDLE_DIGEST: "0" * 64})
    (said,) = missing(like(run, "again"))
    assert "is damaged" in said

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from components.base.errors import TextgateError
from pipelines.comparing.rows import data
from tests.pipelines.comparing.made import MD5, SETTINGS, record
from tests.pipelines.data.repositories import add, objects, repository, rows


@pytest.fixture
def repo(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git and DVC repository with one version of data/."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    folder = repository(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def settings(version: Path, *remotes: Path) -> dict[str, Any]:
    described = {"version": str(version), "remotes": list(map(str, remotes or [version.parent / "remote"]))}
    return {**SETTINGS, "data": {**described, "labels": ["good", "bad"]}}


def versions(repo: Path) -> tuple[str, str]:
    first = add(repo, {})
    changed = [*rows(1, 20), *rows(20, 39, "bad"), *rows(39, 40), *rows(90, 92)]
    return first, add(repo, {"train": changed})


def test_rows_are_named_by_what_became_of_them(repo: Path) -> None:
    old, new = versions(repo)
    runs = [record(md5, settings=settings(repo / "data.dvc"), data_md5=md5) for md5 in (old, new)]
    found = data(*runs, rows=True)
    counts = found["splits"]["train"]
    assert (counts["added"], counts["removed"], counts["relabelled"]) == (2, 1, 1)
    assert {kind: [row["id"] for row in changed] for kind, changed in found["rows"].items() if changed} == {
        "added": ["0090", "0091"],
        "removed": ["0000"],
        "relabelled": ["0039"],
    }
    assert (found["same"], found["labels"]) == (False, ["good", "bad"])
    assert found["old"] == {"name": f"data of tiny-{old}", "md5": old}
    assert "rows" not in data(*runs)


@pytest.mark.usefixtures("workspace")
def test_data_that_is_the_same_needs_no_tables() -> None:
    assert data(record("old", settings={}), record("new", settings={})) == {"same": True, "md5": MD5}


def test_a_version_that_was_pruned_comes_from_the_remote_of_either_run(repo: Path) -> None:
    old, new = versions(repo)
    cache = repo / ".dvc/cache"
    shutil.move(cache / "files", repo / "elsewhere/files")
    here = settings(repo / "data.dvc", repo / "nothing")
    other = record("other", settings=settings(repo / "data.dvc", repo / "elsewhere"), data_md5=old)
    assert data(other, record("here", settings=here, data_md5=new))["splits"]["train"]["added"] == 2
    assert objects(cache / "files")


def test_of_a_run_from_another_machine_the_project_here_is_taken(repo: Path, tmp_path: Path) -> None:
    old, new = versions(repo)
    away = settings(tmp_path / "of another machine" / "data.dvc")
    found = data(*(record(md5, settings=away, data_md5=md5) for md5 in (old, new)))
    assert found["splits"]["train"]["removed"] == 1


def test_what_cannot_be_had_is_named(repo: Path, tmp_path: Path) -> None:
    old, _ = versions(repo)
    (repo / "remote").mkdir()
    gone = record("gone", settings=settings(repo / "data.dvc"))
    with pytest.raises(TextgateError, match=rf"the data of tiny-gone \({MD5}\) cannot be had: no remote gives"):
        data(record("old", settings=settings(repo / "data.dvc"), data_md5=old), gone)
    with pytest.raises(TextgateError, match="settings of the run tiny-new"):
        data(gone, record("new", settings={"name": "tiny"}, data_md5=old))

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.base.dvc_tree import md5_file, object_key
from components.base.errors import TextgateError
from pipelines.data import remote
from pipelines.data.status import Finding, status
from pipelines.data.sync import push
from pipelines.data.version import read_version
from tests.pipelines.data.repositories import (
    SPLITS,
    add,
    fresh_clone,
    git,
    overwrite,
    rows,
    settings_of,
    write_tables,
)


@pytest.fixture
def pushed(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    push(settings_of(repo), lambda _: None)
    monkeypatch.chdir(repo)
    return repo


def found(project: Path, *overrides: str) -> dict[str, Finding]:
    return {finding.topic: finding for finding in status(settings_of(project, *overrides), " --config c.yaml")[1]}


def test_where_everything_agrees_there_is_nothing_to_do(pushed: Path) -> None:
    md5, findings = status(settings_of(pushed, "data.remotes=[remote, .dvc/cache]"))
    assert md5 == read_version(pushed / "data.dvc").md5
    assert findings == [
        Finding("folder data", "is the version"),
        Finding("cache .dvc/cache", "holds the version whole"),
        Finding("remote remote", "holds all 4 objects"),
        Finding("remote .dvc/cache", "is the project's own cache"),
        Finding("git data.dvc", "is committed"),
    ]


def test_changed_rows_are_counted_by_split(pushed: Path) -> None:
    train, test = SPLITS["train"], SPLITS["test"]
    changed = [{**train[0], "label": "bad"}, {**train[1], "text": "other"}, *train[3:]]
    write_tables(pushed / "data", {"train": changed, "test": [*test, train[2], *rows(90, 92)]})
    (pushed / "data/notes.txt").write_text("mine")
    folder = found(pushed)["folder data"]
    assert folder.says == (
        "differs: notes.txt added, test.parquet changed, train.parquet changed; train: 1 relabelled, 1 edited,"
        " 1 moved out; test: 2 added, 1 moved in"
    )
    assert folder.advice == (
        "`dvc add data` makes it the version, `textgate data pull --force --config c.yaml` goes back"
    )
    assert [finding.topic for finding in found(pushed).values() if finding.advice] == ["folder data"]


def test_other_bytes_of_the_same_rows(pushed: Path) -> None:
    write_tables(pushed / "data", {"test": SPLITS["test"][::-1]})
    assert found(pushed)["folder data"].says == "differs: test.parquet changed; the rows are the same"


def test_a_folder_that_cannot_be_compared_is_still_told(pushed: Path) -> None:
    (pushed / "data/test.parquet").write_text("no table")
    assert "test.parquet of data/ cannot be read" in found(pushed)["folder data"].says
    (pushed / ".dvc/cache" / object_key(md5_file(pushed / "data/train.parquet"))).unlink()
    assert "in which rows is not known" in found(pushed)["folder data"].says
    (pushed / ".dvc/cache" / object_key(read_version(pushed / "data.dvc").md5)).unlink()
    assert "is another version" in found(pushed)["folder data"].says


def test_going_back_needs_no_force_where_nothing_is_lost(pushed: Path) -> None:
    (pushed / "data/test.parquet").unlink()
    assert "`textgate data pull --config c.yaml` goes back" in found(pushed)["folder data"].advice


def test_what_the_cache_and_the_remotes_lack_is_named(pushed: Path) -> None:
    for store, name in ((".dvc/cache", "train.parquet"), ("remote", "test.parquet")):
        (pushed / store / object_key(md5_file(pushed / "data" / name))).unlink()
    findings = found(pushed, "data.remotes=[remote, .dvc/cache, none]")
    assert findings["cache .dvc/cache"].says == "lacks train.parquet, or has other bytes"
    assert findings["cache .dvc/cache"].advice == "`textgate data pull --config c.yaml` fills it"
    assert findings["remote remote"].says == "holds 3 of 4 objects; missing: test.parquet"
    assert findings["remote remote"].advice == "`textgate data push --config c.yaml` sends it"
    assert findings["remote .dvc/cache"].advice == "`textgate data pull --config c.yaml` fills it"
    assert findings["remote none"].says == "holds no file list of that version"
    assert findings["remote none"].advice


def test_a_damaged_object_is_seen(pushed: Path) -> None:
    overwrite(pushed / "remote" / object_key(md5_file(pushed / "data/test.parquet")), b"PAR1")
    finding = found(pushed)["remote remote"]
    assert finding.says == "holds 3 of 4 objects; damaged: test.parquet"
    assert finding.advice


def test_a_fresh_clone(pushed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = fresh_clone(pushed, pushed.parent / "clone")
    monkeypatch.chdir(clone)
    findings = found(clone, f"data.remotes=[{pushed / 'remote'}]")
    assert findings["folder data"] == Finding(
        "folder data", "is not there", "`textgate data pull --config c.yaml` brings it"
    )
    assert findings["cache .dvc/cache"].advice
    assert findings[f"remote {pushed / 'remote'}"] == Finding(f"remote {pushed / 'remote'}", "holds all 4 objects")


def test_a_version_that_is_not_committed(pushed: Path) -> None:
    add(pushed, {"test": rows(90, 95)})
    assert found(pushed)["git data.dvc"] == Finding(
        "git data.dvc", "differs from the last commit", "`git commit data.dvc` keeps the version"
    )
    git(pushed, "rm", "-q", "--cached", "data.dvc")
    git(pushed, "commit", "-qm", "gone")
    assert "`git add data.dvc`" in found(pushed)["git data.dvc"].advice
    (pushed / ".git").rename(pushed / "away")
    assert found(pushed)["git data.dvc"] == Finding("git data.dvc", "is in no git repository")


def test_the_default_data_is_built_where_no_remote_could_give_it(pushed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(pushed / ".dvc/cache")
    shutil.rmtree(pushed / "data")
    assert "textgate data pull" in found(pushed, "data.remotes=[.dvc/cache]")["folder data"].advice
    monkeypatch.setattr(remote, "ROOT", pushed)
    findings = found(pushed, "data.remotes=[.dvc/cache]")
    assert findings["folder data"].advice == "`textgate data import` brings it"
    assert findings["cache .dvc/cache"].advice == "`textgate data import` fills it"
    assert "textgate data pull" in found(pushed)["folder data"].advice


def test_without_a_version_there_is_no_status(pushed: Path) -> None:
    (pushed / "data.dvc").unlink()
    with pytest.raises(TextgateError, match=r"data.dvc does not exist: no data was imported yet"):
        status(settings_of(pushed))

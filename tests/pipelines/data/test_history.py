from __future__ import annotations

from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.data.history import Committed, committed, version_at
from pipelines.data.version import read_version, tracked
from tests.pipelines.data.repositories import SPLITS, add, git, rows


def test_each_revision_has_its_version(repo: Path) -> None:
    data, first = tracked(repo / "data.dvc"), read_version(repo / "data.dvc")
    second = add(repo, {"test": rows(90, 95)}, "second")
    git(repo, "tag", "v2")
    assert version_at(data, "HEAD~1") == first
    assert version_at(data, "HEAD").md5 == version_at(data, "v2").md5 == second


def test_a_project_below_the_top_of_the_repository(repo: Path) -> None:
    (repo / "inner/.dvc").mkdir(parents=True)
    (repo / "inner/data.dvc").write_bytes((repo / "data.dvc").read_bytes())
    inner = tracked(repo / "inner/data.dvc")
    assert committed(inner) is Committed.UNTRACKED
    git(repo, "add", "inner/data.dvc")
    assert committed(inner) is Committed.CHANGED
    git(repo, "commit", "-qm", "inner")
    assert committed(inner) is Committed.YES
    assert version_at(inner, "HEAD") == read_version(repo / "data.dvc")
    with pytest.raises(TextgateError, match=r"HEAD~1 has no data.dvc.*git log"):
        version_at(inner, "HEAD~1")


@pytest.mark.parametrize("revision", ["nonsense", "--help", "", "HEAD:data.dvc"])
def test_no_revision(repo: Path, revision: str) -> None:
    with pytest.raises(TextgateError, match=r"is no revision of the git repository of .*git log"):
        version_at(tracked(repo / "data.dvc"), revision)


def test_nothing_committed_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".dvc").mkdir()
    with pytest.raises(TextgateError, match=r"nothing is committed yet .*commit data.dvc first"):
        version_at(tracked(tmp_path / "data.dvc"), "HEAD")


def test_a_revision_whose_file_names_no_folder_says_which(repo: Path) -> None:
    content = (repo / "data.dvc").read_bytes()
    (repo / "data.dvc").write_text("outs: []")
    git(repo, "commit", "-qam", "broken")
    (repo / "data.dvc").write_bytes(content)
    with pytest.raises(TextgateError, match="data.dvc of HEAD is not a DVC file"):
        version_at(tracked(repo / "data.dvc"), "HEAD")


def test_how_the_file_stands_to_git(repo: Path) -> None:
    data = tracked(repo / "data.dvc")
    assert committed(data) is Committed.YES
    add(repo, {**SPLITS, "test": rows(90, 95)})
    assert committed(data) is Committed.CHANGED
    git(repo, "rm", "-q", "--cached", "data.dvc")
    git(repo, "commit", "-qm", "gone")
    assert committed(data) is Committed.UNTRACKED
    (repo / ".git/info/exclude").write_text("*.dvc")
    assert committed(data) is Committed.IGNORED
    (repo / ".git").rename(repo / "away")
    assert committed(data) is Committed.NO_GIT
    with pytest.raises(TextgateError, match="is in no git repository"):
        version_at(data, "HEAD")


def test_git_that_is_not_there(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(TextgateError, match="git is not installed"):
        committed(tracked(repo / "data.dvc"))

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.comparing import code as module
from pipelines.comparing.code import changed_files, code
from tests.pipelines.comparing.made import record
from tests.pipelines.data.repositories import git

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the first tagged `first`; the code of the runs."""
    folder = tmp_path / "a repo"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "one.py", "a\nb\n")
    (folder / "picture.png").write_bytes(b"\0\1")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--amend", "-m", "first")
    git(folder, "tag", "first")
    (folder / "picture.png").write_bytes(b"\0\2")
    commit(folder, "ü two.py", "c\n")
    monkeypatch.setattr(module, "ROOT", folder)
    return folder


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", name)
    return head(folder)


def head(folder: Path, revision: str = "HEAD") -> str:
    return git(folder, "rev-parse", revision).strip()


def uncommitted(folder: Path, **files: str) -> bytes:
    """The diff of these files against HEAD; the folder stays as it was."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "add", "-A")
    found = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=folder, capture_output=True, check=True).stdout
    git(folder, "reset", "-q", "--hard")
    return found


def test_files_between_commits_are_counted_in_lines(repo: Path) -> None:
    old, new = record("old", git_commit=head(repo, "first")), record("new", git_commit=head(repo))
    assert code(old, new) == {
        "old": {"commit": head(repo, "first"), "dirty": False},
        "new": {"commit": head(repo), "dirty": False},
        "files": [
            {"path": "picture.png", "added": None, "removed": None},
            {"path": "ü two.py", "added": 1, "removed": 0},
        ],
        "notes": [],
    }


def test_what_was_not_committed_counts_and_nothing_is_written(repo: Path) -> None:
    dirty = f"{head(repo)}-dirty"
    old = record("old", git_commit=dirty, diff=uncommitted(repo, one="a\nB\n"))
    new = record("new", git_commit=dirty, diff=uncommitted(repo, one="a\nB\nC\n", three="d\n"))
    before = sorted(repo.rglob("*"))
    found = code(old, new)
    assert found["files"] == [
        {"path": "one.py", "added": 1, "removed": 0},
        {"path": "three.py", "added": 1, "removed": 0},
    ]
    assert found["new"] == {"commit": head(repo), "dirty": True} and found["notes"] == []
    assert sorted(repo.rglob("*")) == before and git(repo, "status", "--porcelain") == ""
    assert code(new, new)["files"] == []


def test_changes_that_were_not_stored_are_said(repo: Path) -> None:
    new = record("new", git_commit=f"{head(repo)}-dirty", diff_missing="more than 1 MB")
    found = code(record("old", git_commit=head(repo, "first")), new)
    assert [file["path"] for file in found["files"]] == ["picture.png", "ü two.py"]
    (note,) = found["notes"]
    assert "tiny-new ran with changes" in note and note.endswith("more than 1 MB; it is compared without them")


def test_the_same_commit_needs_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert code(record("old"), record("new"))["files"] == []


def test_an_image_with_other_code_is_said(tmp_path: Path) -> None:
    found = code(record("old", running_code_digest="1"), record("new", running_code_digest="2"))
    assert found["files"] == [] and "an image held other code" in found["notes"][0]


def test_a_commit_that_is_not_here_is_named(repo: Path) -> None:
    with pytest.raises(TextgateError, match=r"the commit 0123.* is not in the git repository .*a repo; `git fetch`"):
        code(record("old", git_commit=head(repo)), record("new"))
    with pytest.raises(TextgateError, match="tiny-none was started outside of a git repository"):
        code(record("old"), record("none", git_commit=""))


def test_objects_of_a_worktree_are_found(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "-q", "--detach", str(tmp_path / "beside"), "first")
    (file,) = changed_files(tmp_path / "beside", ("first", b""), ("HEAD", uncommitted(repo, one="a\n")))
    assert file == {"path": "one.py", "added": 0, "removed": 1}

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce import code

IDENTITY = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]


class Run(RecordedRun):
    """Of a commit, with a stored diff."""

    def diff(self) -> bytes:
        return str(self.params["diff"]).encode()


def run(commit: str, diff: str = "", dirty: bool = False) -> RecordedRun:
    tags: Mapping[str, str] = {"textgate.git_commit": f"{commit}{'-dirty' if dirty else ''}"}
    return Run("id", "tiny", "job", "run", tags, {"diff": diff}, {})


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, **files: str) -> str:
    for name, content in files.items():
        path = folder / "components" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "-q")
    monkeypatch.setattr(code, "ROOT", folder)
    return folder


def test_a_worktree_has_the_files_of_the_run_and_goes_away(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, gate="one\n")
    (repository / "components" / "gate.py").write_text("changed\n")
    (repository / "components" / "new.py").write_text("new\n")
    git(repository, "add", "-N", "components/new.py")
    diff = git(repository, "diff", "--binary", "HEAD") + "\n"
    git(repository, "checkout", "-q", "-f", "HEAD")
    commit(repository, gate="three\n")
    with code.worktree(first, diff.encode(), tmp_path / "again") as folder:
        assert (folder / "components" / "gate.py").read_text() == "changed\n"
        assert (folder / "components" / "new.py").read_text() == "new\n"
    assert not (tmp_path / "again").exists() and "again" not in git(repository, "worktree", "list")
    assert (repository / "components" / "gate.py").read_text() == "three\n"


def test_changes_that_do_not_fit_the_commit_are_refused_and_leave_nothing(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, gate="one\n")
    diff = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    with (
        pytest.raises(TextgateError, match="git could not make the recorded changes"),
        code.worktree(first, diff, tmp_path / "again"),
    ):
        pass
    assert not (tmp_path / "again").exists()


def test_a_commit_of_a_branch_that_is_gone_comes_by_the_ref_that_keeps_it(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    git(tmp_path, "init", "-q", "--bare", str(origin))
    git(repository, "remote", "add", "origin", str(origin))
    commit(repository, gate="one\n")
    main = git(repository, "branch", "--show-current")
    git(repository, "checkout", "-q", "-b", "idea")
    lost = commit(repository, gate="two\n")
    git(repository, "push", "-q", "origin", main, f"{lost}:refs/textgate/{lost}")
    elsewhere = tmp_path / "elsewhere"
    git(tmp_path, "clone", "-q", "--branch", main, origin.as_uri(), str(elsewhere))
    monkeypatch.setattr(code, "ROOT", elsewhere)
    assert code.show(lost, "components/gate.py") is None
    assert code.find_commit(lost)
    assert code.show(lost, "components/gate.py") == b"two\n"
    assert not code.find_commit("1" * 40)


def test_files_that_differ_are_those_of_commits_and_of_changes(repository: Path) -> None:
    first = commit(repository, gate="one\n", close="one\n")
    second = commit(repository, gate="two\n")
    (repository / "README.md").write_text("no code")
    third = commit(repository)
    assert code.changed_files(run(first), run(second)) == ["components/gate.py"]
    assert code.changed_files(run(second, dirty=True), run(third)) == []
    diff = "diff --git a/components/{0}.py b/components/{0}.py\n{1}\n"
    one, other = diff.format("a", 1) + diff.format("b", 1), diff.format("a", 1) + diff.format("b", 2)
    assert code.changed_files(run(first, one), run(first, other)) == ["components/b.py"]
    assert code.changed_files(run(first), run("1" * 40)) is None

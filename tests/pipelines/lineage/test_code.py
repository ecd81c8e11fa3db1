"""The patch of a working tree, applied to a fresh checkout of its commit by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipelines.lineage import code
from pipelines.lineage.code import Code, read_code


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["git", "-C", str(folder), *arguments], input=given, capture_output=True, check=True).stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    folder = tmp_path / "the project"
    git(tmp_path, "init", "-q", str(folder))
    for key, value in (("user.name", "ann"), ("user.email", "ann@desk"), ("diff.noprefix", "true")):
        git(folder, "config", key, value)
    (folder / ".gitignore").write_text("*.log\n")
    for name in ("kept.py", "changed.py", "gone.py"):
        (folder / name).write_text(f"# {name}\n" * 5)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def _content(folder: Path) -> dict[str, bytes | str]:
    files = [path for path in folder.rglob("*") if ".git" not in path.relative_to(folder).parts and not path.is_dir()]
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in files
    }


def test_a_commit_and_its_patch_give_the_tree_again(repository: Path, tmp_path: Path) -> None:
    (repository / "changed.py").write_bytes("# ä\r\nno newline at the end".encode())
    (repository / "gone.py").unlink()
    (repository / "new folder").mkdir()
    (repository / "new folder/new ä.py").write_text("new = 1\n")
    (repository / "binary.bin").write_bytes(bytes(range(256)) * 9)
    (repository / "script.sh").write_text("true\n")
    (repository / "script.sh").chmod(0o755)
    (repository / "link").symlink_to("kept.py")
    (repository / "staged.py").write_text("staged = 1\n")
    git(repository, "add", "staged.py")
    (repository / "ignored.log").write_text("nothing")
    before = git(repository, "status", "--porcelain")
    found = read_code(repository)
    assert (found.left_out, found.problem) == ((), "")
    assert git(repository, "status", "--porcelain") == before
    again = tmp_path / "again"
    git(repository, "worktree", "add", "-q", "--detach", str(again), found.commit)
    git(again, "apply", "--index", given=found.diff)
    expected = _content(repository)
    del expected["ignored.log"]
    assert _content(again) == expected
    assert os.access(again / "script.sh", os.X_OK)


def test_a_clean_tree_has_no_patch(repository: Path) -> None:
    assert read_code(repository) == Code(git(repository, "rev-parse", "HEAD").decode().strip())
    assert read_code(repository / ".git") == Code()


def test_a_commit_outlives_its_branch(repository: Path) -> None:
    git(repository, "checkout", "-qb", "tried")
    (repository / "changed.py").write_text("tried = 1\n")
    git(repository, "commit", "-qam", "tried")
    commit = read_code(repository).commit
    git(repository, "checkout", "-q", "-")
    git(repository, "branch", "-qD", "tried")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "-q", "--prune=now")
    assert git(repository, "show", f"{commit}:changed.py") == b"tried = 1\n"


@pytest.mark.parametrize("name", [".env", "server.PEM", "deep/.netrc"])
def test_secrets_stay_out_of_the_patch(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("password = hunter2\n")
    (repository / "tokens.py").write_text("tokens = 1\n")
    found = read_code(repository)
    assert b"hunter2" not in found.diff and b"tokens = 1" in found.diff
    assert found.left_out == (f"{name} (its name is one of secrets)",)


def test_large_new_files_and_repositories_within_are_named_and_left_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "LARGE", 1_000_000)
    (repository / "export.csv").write_text("a,b\n" * 500_000)
    git(repository, "init", "-q", str(repository / "within"))
    git(repository / "within", "-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "one")
    found = read_code(repository)
    assert (found.diff, found.left_out) == (b"", ("export.csv (2 MB)", "within/ (a repository of its own)"))


def test_outside_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert read_code(tmp_path) == Code()


def test_what_git_cannot_read_is_a_problem_and_the_commit_stays_known(repository: Path) -> None:
    (repository / ".gitattributes").write_text("*.py filter=broken\n")
    git(repository, "config", "filter.broken.clean", "exit 3")
    git(repository, "config", "filter.broken.required", "true")
    (repository / "changed.py").write_text("changed = 1\n")
    found = read_code(repository)
    assert found.commit and not found.diff and "clean filter" in found.problem

"""The code of recorded runs: a clean worktree of it, and the files in which two runs' code differs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.base.errors import TextgateError
from components.base.running import ROOT
from pipelines.lineage.recorded import RecordedRun

RAN = ("components/", "pipelines/", "serving/")
DIRTY = "-dirty"
CHANGED = re.compile(rb"^diff --git a/(.+) b/\1$", re.MULTILINE)


def commit_of(run: RecordedRun) -> str:
    return run.tag("git_commit").removesuffix(DIRTY)


def find_commit(commit: str) -> bool:
    """Whether this repository has it; remotes are asked for it, and for the ref that runs keep it by, where not."""
    if _has(commit):
        return True
    for remote in _git("remote").stdout.decode().split():
        for name in (commit, f"refs/textgate/{commit}"):
            _git("fetch", "--quiet", "--no-tags", remote, name)
            if _has(commit):
                return True
    return False


def show(commit: str, path: str) -> bytes | None:
    """A file of a commit; None where it has none."""
    found = _git("show", f"{commit}:./{path}")
    return found.stdout if found.returncode == 0 else None


@contextmanager
def worktree(commit: str, diff: bytes, folder: Path) -> Iterator[Path]:
    """The place in `folder` of the commit's files, changed as `diff` says, where the code lies; taken away afterwards.

    Raises TextgateError where git cannot make it, or the diff does not fit the commit.
    """
    _must(_git("worktree", "add", "--detach", "--quiet", str(folder), commit), f"a worktree of {commit[:12]}")
    try:
        if diff:
            _must(_git("apply", "--binary", "--whitespace=nowarn", "-", at=folder, given=diff), "the recorded changes")
        yield folder / _prefix()
    finally:
        _git("worktree", "remove", "--force", str(folder))


def changed_files(one: RecordedRun, other: RecordedRun) -> list[str] | None:
    """The files of code in which two runs differ; None where a commit is not here, or changes to it are not known."""
    commits = commit_of(one), commit_of(other)
    files: set[str] = set()
    if commits[0] != commits[1]:
        found = _git("diff", "--name-only", "-z", *commits)
        if found.returncode != 0 or not all(commits):
            return None
        files = set(found.stdout.decode().split("\0"))
    try:
        before, after = one.diff(), other.diff()
    except TextgateError:  # not stored
        return None
    if before != after:
        parts, others = _parts(before), _parts(after)
        files |= {name for name in parts.keys() | others.keys() if parts.get(name) != others.get(name)}
    inside = [name.removeprefix(_prefix()) for name in files if name.startswith(_prefix())]
    return sorted(name for name in inside if name.startswith(RAN))


def _parts(diff: bytes) -> dict[str, bytes]:
    """What a diff says of each file."""
    starts = list(CHANGED.finditer(diff))
    ends = [*(found.start() for found in starts[1:]), len(diff)]
    return {found[1].decode(): diff[found.start() : end] for found, end in zip(starts, ends, strict=True)}


def _prefix() -> str:
    """Where the code lies in its repository: empty, or a folder with a / at its end."""
    return _git("rev-parse", "--show-prefix").stdout.decode().strip()


def _has(commit: str) -> bool:
    return bool(commit) and _git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _git(*arguments: str, at: Path | None = None, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(at or ROOT), *arguments]
    try:
        return subprocess.run(command, input=given, capture_output=True, check=False)
    except OSError as error:
        raise TextgateError(
            f"git cannot be started ({error.strerror}); a run's code is taken from its repository"
        ) from None


def _must(done: subprocess.CompletedProcess[bytes], what: str) -> None:
    if done.returncode:
        raise TextgateError(f"git could not make {what}: {done.stderr.decode(errors='replace').strip()}")

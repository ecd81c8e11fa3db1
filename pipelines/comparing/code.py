"""The code of two runs: which files differ, what was not committed included."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.running import ROOT
from pipelines.lineage.recorded import RecordedRun

DIRTY = "-dirty"


def code(old: RecordedRun, new: RecordedRun) -> dict[str, Any]:
    """`old` and `new` have commit and whether it was dirty; `files` the lines added and removed, None in binary ones.

    Changes that were not committed count as the runs stored them; `notes` says where they did not, and where other code
    ran. Raises TextgateError where a commit is not known, or not in the repository.
    """
    sides = [{"commit": _commit(run), "dirty": run.tag("git_commit").endswith(DIRTY)} for run in (old, new)]
    notes: list[str] = []
    diffs = [_diff(run, notes) for run in (old, new)]
    files = []
    if (sides[0]["commit"], diffs[0]) != (sides[1]["commit"], diffs[1]):
        commits = [str(side["commit"]) for side in sides]
        files = changed_files(Path(ROOT), *zip(commits, diffs, strict=True))
    ran = {run.tag("running_code_digest") for run in (old, new)} - {""}
    if not files and len(ran) > 1:
        notes.append("the code that ran was not the same: an image held other code than that of its commit")
    return {"old": sides[0], "new": sides[1], "files": files, "notes": notes}


def changed_files(repository: Path, old: tuple[str, bytes], new: tuple[str, bytes]) -> list[dict[str, Any]]:
    """Between two commits, each with a diff that is applied to it. Writes nothing into the repository."""
    top = Path(_git(repository, "rev-parse", "--show-toplevel").decode().strip())
    objects = (top / _git(top, "rev-parse", "--git-path", "objects").decode().strip()).resolve()
    with tempfile.TemporaryDirectory(prefix="textgate-code.") as folder:
        (Path(folder) / "objects").mkdir()
        environment = {
            "GIT_INDEX_FILE": f"{folder}/index",
            "GIT_OBJECT_DIRECTORY": f"{folder}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        trees = [_tree(top, environment, *side) for side in (old, new)]
        listed = _git(top, "diff-tree", "-r", "-z", "--numstat", "--no-renames", *trees, environment=environment)
    lines = (entry.split("\t", 2) for entry in listed.decode(errors="replace").split("\0") if entry)
    return [{"path": path, "added": _number(added), "removed": _number(gone)} for added, gone, path in lines]


def _tree(top: Path, environment: Mapping[str, str], commit: str, diff: bytes) -> str:
    try:
        _git(top, "read-tree", f"{commit}^{{commit}}", environment=environment)
    except TextgateError:
        raise TextgateError(
            f"the commit {commit} is not in the git repository {top}; `git fetch` it from where it was pushed to, or"
            " from the clone that the run was started in"
        ) from None
    if diff:
        _git(top, "apply", "--cached", "--whitespace=nowarn", "-", environment=environment, given=diff)
    return _git(top, "write-tree", environment=environment).decode().strip()


def _commit(run: RecordedRun) -> str:
    if commit := run.tag("git_commit").removesuffix(DIRTY):
        return commit
    raise TextgateError(f"the run {run.shown} was started outside of a git repository: no commit is recorded")


def _diff(run: RecordedRun, notes: list[str]) -> bytes:
    try:
        return run.diff()
    except TextgateError as error:
        notes.append(f"{error}; it is compared without them")
        return b""


def _number(lines: str) -> int | None:
    return None if lines == "-" else int(lines)


def _git(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, given: bytes | None = None
) -> bytes:
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=variables, input=given or b"", capture_output=True, check=True
        )
    except FileNotFoundError:
        raise TextgateError("git is not installed, or not on the PATH") from None
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.decode(errors="replace").split())
        raise TextgateError(f"`git {arguments[0]}` in {folder} failed: {said}") from None
    return done.stdout

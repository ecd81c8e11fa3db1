"""What git knows of a data version: the one that a revision had, and whether the present one is committed."""

from __future__ import annotations

import os
import subprocess
from enum import Enum
from pathlib import Path

from components.base.errors import TextgateError
from pipelines.data.version import Tracked, Version, parse_version


class Committed(Enum):
    """How the DVC file stands to the last commit; the value says it."""

    YES = "is committed"
    CHANGED = "differs from the last commit"
    UNTRACKED = "is not in git"
    IGNORED = "is ignored by git"
    NO_GIT = "is in no git repository"


def version_at(data: Tracked, revision: str) -> Version:
    """The version that the DVC file had at a git revision.

    Raises TextgateError where there is no such revision, where it has no such file, or no git.
    """
    folder, name = data.version_file.parent, data.version_file.name
    if not _in_repository(folder):
        raise TextgateError(f"{folder} is in no git repository, so that there is no earlier version to compare with")
    if _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").returncode:
        if _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
            raise TextgateError(f"nothing is committed yet in the git repository of {folder}: commit {name} first")
        raise TextgateError(f"{revision!r} is no revision of the git repository of {folder}; `git log` shows them")
    shown = _git(folder, "show", "--end-of-options", f"{revision}:./{name}")
    if shown.returncode:
        raise TextgateError(
            f"{revision} has no {name}; `git log --oneline -- {data.version_file}` shows the revisions that have it"
        )
    return parse_version(shown.stdout, data.version_file, f"{name} of {revision}")


def committed(data: Tracked) -> Committed:
    """Raises TextgateError where git answers with an error."""
    folder = data.version_file.parent
    if not _in_repository(folder):
        return Committed.NO_GIT
    status = _git(folder, "status", "--porcelain", "--ignored", "--", data.version_file.name)
    if status.returncode:
        raise TextgateError(f"git status in {folder} failed: {' '.join(status.stderr.split())}")
    code = status.stdout[:2]
    return {"": Committed.YES, "??": Committed.UNTRACKED, "!!": Committed.IGNORED}.get(code, Committed.CHANGED)


def _in_repository(folder: Path) -> bool:
    asked = _git(folder, "rev-parse", "--git-dir")
    if asked.returncode and "not a git repository" not in asked.stderr:
        raise TextgateError(f"git does not work in {folder}: {' '.join(asked.stderr.split())}")
    return not asked.returncode


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise TextgateError("git is not installed, or not on the PATH") from None

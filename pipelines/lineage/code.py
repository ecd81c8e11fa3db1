"""The code of a run: its commit, and what differs from it, as a patch."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType

REF = "refs/textgate"
LARGE = 5_000_000
# Names under which keys and passwords lie, in small letters: such a file is kept out of a patch unless git has it.
SECRET = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", ".netrc", ".pypirc", ".git-credentials", "id_rsa*",
    "id_ed25519*", "credentials", "credentials.json", "kubeconfig", "secret.y*ml", "secrets.y*ml", "secret*.json",
)  # fmt: skip
PATCH = ["-p", "--cached", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"]


@dataclass(frozen=True)
class Code:
    """`commit` is empty outside a repository. `diff` is what `git apply` makes the code of, from the commit, `problem`
    why it is not known; `left_out` are the new files that are not in it, each with why."""

    commit: str = ""
    diff: bytes = b""
    left_out: tuple[str, ...] = ()
    problem: str = ""


def read_code(root: Path) -> Code:
    """Of the repository in which `root` lies, new files with the changed ones, but not what git ignores.

    The commit is kept from git's cleaning by a ref of its own; nothing else is changed.
    """
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel").decode().strip())
        commit = _git(top, "rev-parse", "--verify", "HEAD").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return Code()
    subprocess.run(["git", "-C", str(top), "update-ref", f"{REF}/{commit}", commit], capture_output=True, check=False)
    try:
        taken, left_out = _new_files(top)
        return Code(commit, _patch(top, taken), left_out)
    except OSError as error:
        return Code(commit, problem=f"{error.filename} cannot be read: {error.strerror}")
    except subprocess.CalledProcessError as error:
        return Code(commit, problem=" ".join(error.stderr.decode(errors="replace").split())[:400])


def _patch(top: Path, new: Sequence[str]) -> bytes:
    """Made in a copy of the index, and a store of objects beside the repository's own."""
    objects, index = (_inside(top, name) for name in ("objects", "index"))
    with tempfile.TemporaryDirectory() as beside:
        (Path(beside) / "objects").mkdir()
        environment = {
            "GIT_INDEX_FILE": f"{beside}/index",
            "GIT_OBJECT_DIRECTORY": f"{beside}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        shutil.copyfile(index, environment["GIT_INDEX_FILE"])
        _git(top, "add", "--update", environment=environment)
        if new:
            paths = b"\0".join(map(os.fsencode, new))
            names = ["--pathspec-from-file=-", "--pathspec-file-nul"]
            _git(top, "--literal-pathspecs", "add", *names, given=paths, environment=environment)
        return _git(top, "diff-index", *PATCH, "HEAD", environment=environment)


def _new_files(top: Path) -> tuple[list[str], tuple[str, ...]]:
    """Those that git neither has nor ignores, and which of them are left out."""
    listed = _git(top, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
    taken, left_out = [], []
    for name in map(os.fsdecode, filter(None, listed)):
        if why := _unfit(top / name):
            left_out.append(f"{name} ({why})")
        else:
            taken.append(name)
    return taken, tuple(left_out)


def _unfit(path: Path) -> str:
    if path.is_dir() and not path.is_symlink():
        return "a repository of its own"
    if any(fnmatch(path.name.lower(), pattern) for pattern in SECRET):
        return "its name is one of secrets"
    size = path.lstat().st_size
    return f"{size / 1e6:.0f} MB" if size > LARGE else ""


def _inside(top: Path, name: str) -> Path:
    """Of the repository's own files."""
    return (top / _git(top, "rev-parse", "--git-path", name).decode().strip()).resolve()


def _git(
    folder: Path, *arguments: str, given: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, check=True, env={**os.environ, **environment}
    ).stdout

"""The DVC version of a data folder: what its DVC file names, what the cache lacks of it, and committing to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from components.base.dvc_tree import (
    DIR_SUFFIX,
    TreeEntry,
    hash_folder,
    is_tree_hash,
    md5_file,
    object_key,
    parse_tree,
)
from components.base.errors import TextgateError
from components.base.files import write_text

VERSION_FILE = "data.dvc"


@dataclass(frozen=True)
class Tracked:
    """A folder that DVC tracks, `data/` beside its `data.dvc`, in a DVC project."""

    version_file: Path
    project: Path

    @property
    def folder(self) -> Path:
        return self.version_file.with_suffix("")

    @property
    def cache(self) -> Path:
        """Where DVC keeps the project's objects: cache.dir of its config, .dvc/cache where that names none."""
        return _cache_folder(self.project)

    @property
    def lock(self) -> Path:
        """Held by whoever replaces the folder."""
        return self.project / ".dvc/tmp/textgate-import.lock"


class Version(NamedTuple):
    """A folder as a DVC file names it: its tree hash with `.dir`, all its files' bytes, how many files."""

    md5: str
    size: int
    nfiles: int


def shown(path: Path) -> str:
    """As one types it: relative to the current folder where it lies there."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def tracked(version_file: Path) -> Tracked:
    """The file itself need not be there yet. Raises TextgateError where it lies in no DVC project."""
    version_file = version_file.absolute()
    if version_file.suffix != ".dvc":
        raise TextgateError(f"{version_file} is not the name of a DVC file; data.version must end in .dvc")
    for folder in version_file.parents:
        if (folder / ".dvc").is_dir():
            return Tracked(version_file, folder)
    raise TextgateError(
        f"{version_file.parent} is in no DVC project; run `git init` (where there is no"
        " repository) and `dvc init` at its top first"
    )


def find_project(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds data.dvc. Raises TextgateError where there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / VERSION_FILE).is_file():
            return folder
    raise TextgateError(
        f"no {VERSION_FILE} in {start} or a folder above it; go to a clone of the project or name it with --project"
    )


def read_version(path: Path) -> Version:
    """Raises TextgateError when the DVC file is absent or does not name one folder."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TextgateError(
            f"{path} does not exist: no data was imported yet (`textgate data import`), or data.version names"
            " another file"
        ) from None
    except OSError as error:
        raise TextgateError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        content = ""
    return parse_version(content, path)


def parse_version(content: str, path: Path, where: str = "") -> Version:
    """`where` is how messages name the content, for that of another day; empty, it is what `path` holds now.

    Raises TextgateError when it is not the DVC file of one folder, of the one that has the name of `path`.
    """
    where = where or str(path)
    try:
        outs: Any = yaml.safe_load(content)["outs"]
        (out,) = outs
        version = Version(str(out["md5"]), int(out["size"]), int(out["nfiles"]))
        kind, name = out.get("hash"), out.get("path", path.stem)
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError):
        raise TextgateError(f"{where} is not a DVC file of one folder; `git checkout` brings it back") from None
    if not is_tree_hash(version.md5):
        raise TextgateError(f"{where} names {version.md5!r}, not a folder tracked by DVC (32 hex digits and .dir)")
    if kind != "md5":
        raise TextgateError(f"{where} was written by DVC 2, which hashed otherwise; `dvc add {path.stem}` renews it")
    if name != path.stem:
        raise TextgateError(f"{where} names the folder {name!r}, and must name {path.stem!r}, which lies beside it")
    return version


def write_version(path: Path, version: Version) -> None:
    """The DVC file of the folder that has its name without the ending."""
    fields = {**version._asdict(), "hash": "md5", "path": path.stem}
    write_text(path, yaml.safe_dump({"outs": [fields]}, sort_keys=False))


def folder_version(folder: Path) -> Version:
    md5, entries = hash_folder(folder)
    return Version(md5, sum((folder / entry.relpath).stat().st_size for entry in entries), len(entries))


def is_cached(cache: Path, md5: str) -> bool:
    """Whether DVC's cache holds the tree and each file that it lists, whole."""
    return not lacking(cache, md5)


def lacking(cache: Path, md5: str) -> list[TreeEntry]:
    """The objects of a tree that DVC's cache does not hold whole; without its file list, that alone, as the path ""."""
    if not is_whole(cache, md5):
        return [TreeEntry(md5, "")]
    entries = parse_tree((cache / object_key(md5)).read_bytes())
    return [entry for entry in entries if not is_whole(cache, entry.md5)]


def discard_damaged(cache: Path, entries: Sequence[TreeEntry]) -> None:
    """Takes what is not whole out of the cache: DVC trusts whatever is read-only there."""
    for entry in entries:
        if not is_whole(cache, entry.md5):
            (cache / object_key(entry.md5)).unlink(missing_ok=True)


@cache
def _cache_folder(project: Path) -> Path:
    from dvc.config import Config, ConfigError

    try:
        folder = Config(str(project / ".dvc")).get("cache", {}).get("dir")
    except ConfigError as error:
        raise TextgateError(f"{project / '.dvc/config'} cannot be read: {error}") from None
    return Path(folder) if folder else project / ".dvc/cache"


def is_whole(cache: Path, md5: str) -> bool:
    """Whether DVC's cache holds that object, with the bytes of its name."""
    path = cache / object_key(md5)
    return path.is_file() and md5_file(path) == md5.removesuffix(DIR_SUFFIX)


def commit_version(data: Tracked) -> None:
    """Puts the folder into DVC's cache, so that `dvc status` is clean. Raises TextgateError with what DVC said.

    A damaged object is taken out first: DVC trusts whatever is read-only in its cache.
    """
    md5, entries = hash_folder(data.folder)
    discard_damaged(data.cache, [TreeEntry(md5, ""), *entries])
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "commit", "-f", "-q", data.version_file.name],
        cwd=data.version_file.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit status {done.returncode}"
        raise TextgateError(f"`dvc commit` of {data.version_file} failed: {said}")

"""DVC's name for a folder: the md5 of a JSON list of its files, without DVC itself."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from components.base.errors import TextgateError
from components.base.files import CHUNK, files_below

DIR_SUFFIX = ".dir"
_MD5 = re.compile(r"[0-9a-f]{32}")


class TreeEntry(NamedTuple):
    """One file of a folder: its md5 in hex, and its path relative to the folder, with forward slashes."""

    md5: str
    relpath: str


def object_key(md5: str) -> str:
    """Where the object of that md5 (a tree's with its `.dir`) lies in a remote or in DVC's cache."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def is_tree_hash(text: str) -> bool:
    return text.endswith(DIR_SUFFIX) and _MD5.fullmatch(text.removesuffix(DIR_SUFFIX)) is not None


def tree_bytes(entries: list[TreeEntry]) -> bytes:
    """The `.dir` object: byte for byte what `dvc add` stores for a folder of these files."""
    listing = [entry._asdict() for entry in sorted(entries, key=lambda entry: entry.relpath)]
    return json.dumps(listing, sort_keys=True).encode("utf-8")


def tree_hash(entries: list[TreeEntry]) -> str:
    """The md5 that a `.dvc` file gives for a folder of these files, with its `.dir`."""
    return hashlib.md5(tree_bytes(entries), usedforsecurity=False).hexdigest() + DIR_SUFFIX


def md5_file(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_folder(folder: Path) -> tuple[str, list[TreeEntry]]:
    """Tree hash and entries of every file below `folder`."""
    entries = [TreeEntry(md5_file(folder / name), name.as_posix()) for name in files_below(folder)]
    return tree_hash(entries), entries


def parse_tree(content: bytes) -> list[TreeEntry]:
    """The entries of a `.dir` object.

    Raises TextgateError when it is not a list of md5 and relpath, when a relpath would leave the folder, or when two
    entries claim one place.
    """
    try:
        raw = json.loads(content)
        entries = [TreeEntry(item["md5"], item["relpath"]) for item in raw]
        malformed = [entry for entry in entries if not _MD5.fullmatch(entry.md5)]
        leaving = [entry.relpath for entry in entries if not _stays_inside(entry.relpath)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TextgateError(f"the data's file list is not DVC's list of md5 and relpath: {error!r}") from None
    if malformed:
        raise TextgateError(f"the data's file list gives {malformed[0].relpath!r} the md5 {malformed[0].md5!r}")
    if leaving:
        raise TextgateError(
            f"the data's file list names a path outside its folder: {leaving[0]!r}; nothing was fetched"
        )
    paths = {entry.relpath for entry in entries}
    if len(paths) < len(entries) or any(
        parent.as_posix() in paths for path in paths for parent in PurePosixPath(path).parents
    ):
        raise TextgateError("the data's file list gives one path to two files")
    return entries


def _stays_inside(relpath: str) -> bool:
    return not any(part in {"", ".", ".."} or "\0" in part for part in relpath.split("/"))

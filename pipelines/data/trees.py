"""The files of a data version, or of the folder as it stands, and which of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from components.base.dvc_tree import hash_folder, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.settings import SPLITS
from pipelines.data.version import Tracked, is_whole

NAMED = 5


class Tree(NamedTuple):
    """`md5` is the tree hash, `files` each file's md5 and `paths` where its bytes lie, by its path in the folder."""

    name: str
    md5: str
    files: Mapping[str, str]
    paths: Mapping[str, Path]

    @property
    def tables(self) -> dict[str, Path]:
        """By split."""
        return {split: self.paths[f"{split}.parquet"] for split in SPLITS if f"{split}.parquet" in self.paths}


def cached_tree(data: Tracked, md5: str, name: str = "") -> Tree | None:
    """Of a version; None where the cache lacks its file list. Its files need not be there."""
    if not is_whole(data.cache, md5):
        return None
    files = {entry.relpath: entry.md5 for entry in parse_tree((data.cache / object_key(md5)).read_bytes())}
    paths = {path: data.cache / object_key(of) for path, of in files.items()}
    return Tree(name or data.version_file.name, md5, files, paths)


def folder_tree(data: Tracked) -> Tree | None:
    """Of the folder; None where it is absent or empty. Raises TextgateError where it is not a plain folder."""
    folder = data.folder
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TextgateError(f"{folder} is not a plain folder; move it away")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    md5, entries = hash_folder(folder)
    files = {entry.relpath: entry.md5 for entry in entries}
    return Tree(f"{folder.name}/", md5, files, {path: folder / path for path in files})


def file_changes(old: Tree, new: Tree) -> dict[str, str]:
    """Of the files that are not the same in both: "changed", "added" or "removed"."""
    both = {path: "changed" for path in old.files.keys() & new.files.keys() if old.files[path] != new.files[path]}
    added = dict.fromkeys(new.files.keys() - old.files.keys(), "added")
    removed = dict.fromkeys(old.files.keys() - new.files.keys(), "removed")
    return dict(sorted({**both, **added, **removed}.items()))


def in_words(changes: Mapping[str, str]) -> str:
    return few([f"{path} {change}" for path, change in changes.items()])


def few(words: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more

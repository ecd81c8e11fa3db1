"""Remotes as `dvc push` fills them, and what came out of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.base import base_models
from components.base.dvc_tree import TreeEntry, object_key, tree_bytes, tree_hash
from components.base.objects import open_store


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def push(url: str, files: dict[str, bytes]) -> str:
    """Puts the files where `dvc push` would, and gives the tree's hash."""
    store = open_store(url)
    entries = [TreeEntry(md5(content), path) for path, content in files.items()]
    for content in files.values():
        store.create(object_key(md5(content)), content)
    store.create(object_key(tree_hash(entries)), tree_bytes(entries))
    return tree_hash(entries)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_model(folder: Path) -> Path:
    folder.mkdir()
    for name in base_models.REQUIRED:
        (folder / name).write_text(name)
    return folder

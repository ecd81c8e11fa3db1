"""Brings the data and the base model that a run is pinned to, by content hash; neither git nor DVC is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from components.base import base_models
from components.base.dvc_tree import DIR_SUFFIX, TreeEntry, is_tree_hash, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.objects import ObjectStore, open_store
from components.base.progress import Progress
from components.base.settings import FetchStep

CONCURRENT_OBJECTS = 8

Content = TypeVar("Content")


class _Unavailable(Exception):
    """One remote does not have the object, or not its bytes."""


def fetch(data_md5: str, base_model_digest: str, settings: FetchStep, tables: Path, base_model: Path) -> None:
    """Fills `tables` with the files of the DVC tree `data_md5` and `base_model` with the referenced model's files.

    `data_md5` ends in `.dir`, as in a `.dvc` file. Each folder appears whole or not at all. Raises TextgateError when
    no remote holds an object's exact bytes, when the tree would write outside its folder, when the model's files do
    not have `base_model_digest`, or when the disk is full.
    """
    if not is_tree_hash(data_md5):
        raise TextgateError(
            f"{data_md5!r} is not the hash of a DVC folder; it should be 32 hex digits and {DIR_SUFFIX}"
        )
    remotes = [open_store(url) for url in settings.remotes]
    try:
        fetch_tree(data_md5, remotes, tables)
        base_models.copy(settings.base_model, base_model_digest, base_model)
    except OSError as error:
        place = error.filename or tables.parent
        raise TextgateError(
            f"what was fetched cannot be written at {place}: {error.strerror or error};"
            " free space or give access there and run again"
        ) from error


def fetch_tree(data_md5: str, remotes: list[ObjectStore], target: Path) -> None:
    """Writes every file of the tree into `target`, several at once, each from the first remote that has its bytes."""
    entries = parse_tree(_from_any(remotes, data_md5, "the data's file list", b"".join))
    progress = Progress("fetch", len(entries), "files")
    with new_folder(target) as folder, ThreadPoolExecutor(CONCURRENT_OBJECTS) as pool:
        files = {pool.submit(_fetch_file, remotes, entry, folder): entry for entry in entries}
        try:
            for file in as_completed(files):
                file.result()
                progress.advance(1, files[file].relpath)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_file(remotes: list[ObjectStore], entry: TreeEntry, folder: Path) -> None:
    path = folder / entry.relpath
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(chunks: Iterator[bytes]) -> None:
        with path.open("wb") as file:
            file.writelines(chunks)

    _from_any(remotes, entry.md5, entry.relpath, write)


def _from_any(
    remotes: list[ObjectStore], md5: str, what: str, consume: Callable[[Iterator[bytes]], Content]
) -> Content:
    tried = []
    for remote in remotes:
        try:
            return consume(_verified(remote, md5))
        except _Unavailable as reason:
            tried.append(f"  {remote.url}: {reason}")
    raise TextgateError(
        f"no remote holds {what} (object {object_key(md5)}):\n" + "\n".join(tried) + "\n"
        "Delete a corrupt object first; then `dvc push` from a checkout that has the data,"
        " or rebuild the default data with `textgate data import`"
    )


def _verified(remote: ObjectStore, md5: str) -> Iterator[bytes]:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        for chunk in remote.chunks(object_key(md5)):
            digest.update(chunk)
            yield chunk
    except FileNotFoundError:
        raise _Unavailable("no such object") from None
    except (OSError, TextgateError) as error:
        raise _Unavailable(str(error)) from error
    if digest.hexdigest() != md5.removesuffix(DIR_SUFFIX):
        raise _Unavailable(f"the object is corrupt, its md5 is {digest.hexdigest()}")

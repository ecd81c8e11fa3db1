"""Brings the data and the base model that a run is pinned to, by content hash; neither git nor DVC is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import TypeVar

from components.base import base_models
from components.base.dvc_tree import DIR_SUFFIX, TreeEntry, is_tree_hash, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.objects import ObjectStore, open_store
from components.base.progress import Progress
from components.base.settings import FetchStep
from components.base.signals import unwinding_on_terminate

CONCURRENT_OBJECTS = 8

Content = TypeVar("Content")


def fetch(
    data_md5: str, reference: str, base_model_digest: str, settings: FetchStep, tables: Path, base_model: Path
) -> None:
    """Fills `tables` with the files of the DVC tree `data_md5` and `base_model` with those that `reference` leads to.

    `data_md5` ends in `.dir`, as in a `.dvc` file. Each folder appears whole or not at all. Raises TextgateError when
    no remote holds an object's exact bytes, when the tree would write outside its folder, when the model's files do
    not have `base_model_digest`, or when the disk is full.
    """
    if not is_tree_hash(data_md5):
        raise TextgateError(
            f"{data_md5!r} is not the hash of a DVC folder; it should be 32 hex digits and {DIR_SUFFIX}"
        )
    remotes = [open_store(url, settings.s3) for url in settings.remotes]
    try:
        with unwinding_on_terminate():
            fetch_tree(data_md5, remotes, tables)
            with new_folder(base_model) as folder:
                base_models.copy(reference, base_model_digest, folder, settings.s3)
    except OSError as error:
        place = error.filename or tables.parent
        raise TextgateError(
            f"what was fetched cannot be written at {place}: {error.strerror or error};"
            " free space or give access there and run again"
        ) from error


def fetch_tree(data_md5: str, stores: Sequence[ObjectStore], target: Path) -> None:
    """Writes every file of the tree into `target`, several at once, each from the first store that has its bytes."""
    remotes = _Remotes(stores)
    entries = parse_tree(remotes.read(data_md5, "the data's file list", b"".join))
    progress = Progress("fetch", len(entries), "files")
    with new_folder(target) as folder, ThreadPoolExecutor(CONCURRENT_OBJECTS) as pool:
        try:
            files = {pool.submit(_fetch_file, remotes, entry, folder): entry for entry in entries}
            for file in as_completed(files):
                file.result()
                progress.advance(1, files[file].relpath)
        except BaseException:
            remotes.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_file(remotes: _Remotes, entry: TreeEntry, folder: Path) -> None:
    path = folder / entry.relpath
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(chunks: Iterator[bytes]) -> None:
        with path.open("wb") as file:
            file.writelines(chunks)

    remotes.read(entry.md5, entry.relpath, write)


class _Stopped(Exception):
    """Another file failed, or somebody interrupted."""


class _Unavailable(Exception):
    """One remote does not have the object, or not its bytes."""


class _Remotes:
    """The stores in their order; one that failed for another reason than that an object is missing or corrupt is asked
    last from then on. `stop` ends what is being read."""

    def __init__(self, stores: Sequence[ObjectStore]) -> None:
        self.stores, self.stop = stores, Event()
        self._failed: set[str] = set()

    def read(self, md5: str, what: str, consume: Callable[[Iterator[bytes]], Content]) -> Content:
        """What `consume` makes of the object's chunks; it is called again where a store gave wrong bytes."""
        tried = {}
        for store in sorted(self.stores, key=lambda store: store.url in self._failed):
            try:
                return consume(self._verified(store, md5))
            except _Unavailable as reason:
                tried[store.url] = f"  {store.url}: {reason}"
        raise TextgateError(
            f"no remote holds {what} (object {object_key(md5)}):\n"
            + "\n".join(tried[store.url] for store in self.stores)
            + "\n`textgate data push --config FILE` from a checkout that has the data puts there what is missing"
            " (`textgate data import` builds the default data); delete a corrupt object first"
        )

    def _verified(self, store: ObjectStore, md5: str) -> Iterator[bytes]:
        digest = hashlib.md5(usedforsecurity=False)
        try:
            for chunk in store.chunks(object_key(md5)):
                if self.stop.is_set():
                    raise _Stopped
                digest.update(chunk)
                yield chunk
        except FileNotFoundError:
            raise _Unavailable("no such object") from None
        except (OSError, TextgateError) as error:
            self._failed.add(store.url)
            raise _Unavailable(str(error)) from error
        if digest.hexdigest() != md5.removesuffix(DIR_SUFFIX):
            raise _Unavailable(f"the object is corrupt, its md5 is {digest.hexdigest()}")

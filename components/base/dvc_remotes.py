"""Fetches what a DVC tree names, by content hash, from the first remote that has it; neither git nor DVC is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import TypeVar

from components.base.dvc_tree import DIR_SUFFIX, TreeEntry, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.objects import ObjectStore
from components.base.progress import Progress

CONCURRENT_OBJECTS = 8

Content = TypeVar("Content")


class NotHeld(TextgateError):
    """Every remote answered, and none has the object's bytes."""


def fetch_tree(data_md5: str, stores: Sequence[ObjectStore], target: Path, only: Collection[str] | None = None) -> None:
    """Writes every file of the tree, or those named in `only`, into `target`, several at once, each from the first
    store that has its bytes.

    Raises NotHeld where none has them, and TextgateError where one that might have them does not answer.
    """
    remotes = _Remotes(stores)
    entries = parse_tree(remotes.read(data_md5, "the data's file list", b"".join))
    entries = [entry for entry in entries if only is None or entry.relpath in only]
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


class _Failed(_Unavailable):
    """One remote cannot say whether it has the object."""


class _Remotes:
    """The stores in their order; one that failed for another reason than that an object is missing or corrupt is asked
    last from then on. `stop` ends what is being read."""

    def __init__(self, stores: Sequence[ObjectStore]) -> None:
        self.stores, self.stop = stores, Event()
        self._failed: set[str] = set()

    def read(self, md5: str, what: str, consume: Callable[[Iterator[bytes]], Content]) -> Content:
        """What `consume` makes of the object's chunks; it is called again where a store gave wrong bytes."""
        tried: dict[str, str] = {}
        kind: type[TextgateError] = NotHeld
        for store in sorted(self.stores, key=lambda store: store.url in self._failed):
            try:
                return consume(self._verified(store, md5))
            except _Unavailable as reason:
                tried[store.url] = f"  {store.url}: {reason}"
                kind = TextgateError if isinstance(reason, _Failed) else kind
        raise kind(
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
            raise _Failed(str(error)) from error
        if digest.hexdigest() != md5.removesuffix(DIR_SUFFIX):
            raise _Unavailable(f"the object is corrupt, its md5 is {digest.hexdigest()}")

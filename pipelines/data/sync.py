"""`textgate data push` and `pull`: a version between folder, DVC's cache and remotes, verified each way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.filesize import decimal

from components.base.dvc_tree import TreeEntry, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.locks import locked
from components.base.objects import open_store
from components.base.settings import Settings
from pipelines.data.remote import holding, is_default, names, objects_of
from pipelines.data.transfer import Transfer, transfer
from pipelines.data.trees import Tree, few, folder_tree
from pipelines.data.version import (
    Tracked,
    commit_version,
    folder_version,
    is_cached,
    is_whole,
    lacking,
    read_version,
    shown,
    tracked,
)

PUSHING = "`textgate data push` in a clone that has the data puts it there"

Tell = Callable[[str], None]


class Pulled(NamedTuple):
    """`objects` came from remotes; `written` is whether the folder was replaced, `before` the version that it was,
    where the cache has it."""

    md5: str
    objects: int
    written: bool
    before: str = ""


def cached_objects(data: Tracked, md5: str) -> dict[TreeEntry, int]:
    """The objects of a version that the cache holds whole, each once, the file list last; and their sizes in bytes."""
    objects = objects_of(md5, parse_tree((data.cache / object_key(md5)).read_bytes()))
    return {entry: (data.cache / object_key(entry.md5)).stat().st_size for entry in objects}


def is_own_cache(data: Tracked, url: str) -> bool:
    return "://" not in url and Path(url).resolve() == data.cache.resolve()


def push(settings: Settings, tell: Tell) -> None:
    """Puts the version of data.version into each of data.remotes and checks that it is there; `tell` hears of each.

    What a remote holds already is not sent again. Raises TextgateError, with nothing sent, where the cache does not
    hold the version whole and the folder is not it, and after all remotes were tried where one of them lacks objects.
    """
    data = tracked(Path(settings.data.version))
    md5 = read_version(data.version_file).md5
    if absent := _fill_from_folder(data, md5):
        fetch = "import` builds it" if is_default(data.version_file) else "pull` fetches it where another remote has it"
        raise TextgateError(
            f"nothing was pushed: DVC's cache {data.cache} does not hold {names(absent)} of {data.version_file.name}"
            f" ({md5}), and {data.folder} is not that version. `textgate data {fetch};"
            f" `dvc add {shown(data.folder)}` makes the folder as it is the version"
        )
    objects = cached_objects(data, md5)
    failed = []
    with transfer(data, settings.data.remotes, settings.s3) as dvc:
        for url in settings.data.remotes:
            if is_own_cache(data, url):
                tell(f"{url} is the project's own cache, which holds all {len(objects)} objects and needs no push")
                continue
            try:
                tell(_push_to(url, objects, settings, dvc))
            except TextgateError as error:
                failed.append(str(error))
    if failed:
        raise TextgateError("\n".join(failed))
    if (found := folder_tree(data)) and found.md5 != md5:
        tell(f"{data.folder} differs from that version; `dvc add {shown(data.folder)}` makes it one, to be pushed then")


def pull(settings: Settings, force: bool = False) -> Pulled:
    """Makes the folder what data.version names, by way of DVC's cache; both are verified.

    Raises TextgateError, with the folder as it was, where a file of it is in no version that the cache holds (unless
    `force`), and where no remote gives an object.
    """
    data = tracked(Path(settings.data.version))
    with locked(data.lock):
        md5 = read_version(data.version_file).md5
        found = folder_tree(data)
        objects = fill_cache(data, md5, settings)
        if found and not force and (lost := unsaved(data, found)):
            raise TextgateError(
                f"{data.folder} holds what DVC's cache does not: {few(lost)} would be lost;"
                f" `dvc add {shown(data.folder)}` makes it the version, --force discards it"
            )
        if found and found.md5 == md5:
            return Pulled(md5, objects, False)
        with transfer(data, [], settings.s3) as dvc, new_folder(data.folder) as folder:
            dvc.check_out(md5, folder)
            if (written := folder_version(folder).md5) != md5:
                raise TextgateError(f"the folder came out as {written} instead of {md5}; {data.folder} is as it was")
        before = found.md5 if found and is_cached(data.cache, found.md5) else ""
        return Pulled(md5, objects, True, before)


def fill_cache(data: Tracked, md5: str, settings: Settings) -> int:
    """Gets into DVC's cache what it lacks of a version, from the folder where that is it, else from the remotes.

    Gives how many objects came from remotes. Raises TextgateError naming what no remote gave, and why.
    """
    if not (wanted := _fill_from_folder(data, md5)):
        return 0
    urls = [url for url in settings.data.remotes if not is_own_cache(data, url)]
    with transfer(data, urls, settings.s3) as dvc:
        count = 0
        if not wanted[0].relpath:
            count = _receive(dvc, urls, wanted, data, md5)
            wanted = lacking(data.cache, md5)
        return count + _receive(dvc, urls, objects_of(md5, wanted)[:-1], data, md5)


def unsaved(data: Tracked, found: Tree) -> list[str]:
    """The files of the folder whose bytes the cache does not hold."""
    return [path for path, md5 in sorted(found.files.items()) if not is_whole(data.cache, md5)]


def _push_to(url: str, sizes: Mapping[TreeEntry, int], settings: Settings, dvc: Transfer) -> str:
    """What was done, in one line. Raises TextgateError naming what is not there afterwards."""
    store, objects = open_store(url, settings.s3), list(sizes)
    before = holding(store, objects, sizes)
    if before.problem:
        raise TextgateError(f"nothing was pushed to {url}: {before.problem}")
    if before.whole:
        return f"{url} holds all {len(objects)} objects already"
    *files, tree = objects
    absent = {*before.missing, *before.damaged}
    failures = dvc.send(url, [entry for entry in files if entry in absent], before.damaged)
    if tree in absent and not failures:
        failures = dvc.send(url, [tree], before.damaged)
    after = holding(store, objects, sizes)
    if failures or not after.whole:
        why = "".join(f"\n  {reason}" for reason in sorted(set(failures.values())))
        raise TextgateError(f"the push to {url} failed: it {after.problem or f'holds {after}'}{why}")
    sent = sum(sizes[entry] for entry in absent)
    return f"{url} holds all {len(objects)} objects now; sent: {len(absent)} ({decimal(sent)})"


def _fill_from_folder(data: Tracked, md5: str) -> list[TreeEntry]:
    """What the cache lacks then. `dvc commit` takes any content; so only where the folder is that version."""
    absent = lacking(data.cache, md5)
    if not absent or read_version(data.version_file).md5 != md5 or not data.folder.is_dir():
        return absent
    if folder_version(data.folder).md5 != md5:
        return absent
    commit_version(data)
    return lacking(data.cache, md5)


def _receive(dvc: Transfer, urls: Sequence[str], wanted: Sequence[TreeEntry], data: Tracked, md5: str) -> int:
    """Each from the first remote that gives it; how many there were."""
    left, said = list(wanted), {}
    for url in urls:
        if left:
            failures = dvc.receive(url, left)
            left = [entry for entry in left if entry.md5 in failures]
            said[url] = "; ".join(sorted(set(failures.values())))
    if left:
        raise TextgateError(
            f"no remote gives {names(left)} of {data.version_file.name} ({md5}):\n"
            + "".join(f"  {url}: {reason}\n" for url, reason in said.items())
            + ("`textgate data import` builds it" if is_default(data.version_file) else PUSHING)
        )
    return len(wanted)

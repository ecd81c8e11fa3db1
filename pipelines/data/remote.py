"""What the remotes hold of a data version, object by object, asked of the object stores without DVC."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from components.base.dvc_tree import DIR_SUFFIX, TreeEntry, object_key, parse_tree
from components.base.errors import TextgateError
from components.base.objects import ObjectStore, open_store
from components.base.settings import Settings
from pipelines.data.trees import few
from pipelines.data.version import VERSION_FILE, read_version

CONCURRENT_REQUESTS = 16
NO_LIST = "holds no file list of that version"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
ROOT = Path(__file__).resolve().parents[2]
Problem = TextgateError | OSError


@dataclass(frozen=True)
class Holding:
    """What one remote holds of `total` objects; `problem` is why it could not be asked, its lists are empty then.

    `damaged` objects have another size than they should.
    """

    url: str
    total: int
    missing: tuple[TreeEntry, ...] = ()
    damaged: tuple[TreeEntry, ...] = ()
    problem: Problem | None = None

    @property
    def whole(self) -> bool:
        return not (self.problem or self.missing or self.damaged)

    def __str__(self) -> str:
        wrong = len(self.missing) + len(self.damaged)
        said = f"{self.total - wrong if wrong else 'all'} {'of ' if wrong else ''}{self.total} objects"
        said += f"; missing: {names(self.missing)}" if self.missing else ""
        return said + (f"; damaged: {names(self.damaged)}" if self.damaged else "")


class Lacking(TextgateError):
    """No remote holds all of the data, as far as they could be asked.

    `unasked` are those that could not be, by their addresses.
    """

    def __init__(self, message: str, unasked: Mapping[str, Problem]) -> None:
        super().__init__(message)
        self.unasked = unasked


def is_default(version_file: Path) -> bool:
    """Whether the data is the project's own, which `textgate data import` builds."""
    return version_file.resolve() == ROOT / VERSION_FILE


def objects_of(md5: str, entries: Sequence[TreeEntry]) -> list[TreeEntry]:
    """Each object of a tree once, the file list last, as the path ""."""
    once = {entry.md5: entry for entry in reversed(entries)}
    return [*sorted(once.values(), key=lambda entry: entry.relpath), TreeEntry(md5, "")]


def names(objects: Sequence[TreeEntry]) -> str:
    """The first few, by what a person calls them."""
    return few([entry.relpath or "the file list" for entry in objects])


def holding(store: ObjectStore, objects: Sequence[TreeEntry], sizes: Mapping[TreeEntry, int] | None = None) -> Holding:
    """Asks a remote for each object, several at once; `sizes` are in bytes, where they are known."""
    sizes = sizes or {}

    def is_held(entry: TreeEntry) -> bool | None:
        """None where it is there with another size."""
        size = store.size(object_key(entry.md5))
        if size is None:
            return False
        return True if size == sizes.get(entry, size) and (size == 0) == (entry.md5 == EMPTY) else None

    try:
        # The first alone: where there is no answer, it is waited for once.
        held = [is_held(entry) for entry in objects[:1]]
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            held += pool.map(is_held, objects[1:])
    except (TextgateError, OSError) as error:
        return Holding(store.url, len(objects), problem=error)
    missing = tuple(entry for entry, there in zip(objects, held, strict=True) if there is False)
    damaged = tuple(entry for entry, there in zip(objects, held, strict=True) if there is None)
    return Holding(store.url, len(objects), missing, damaged)


def check_remotes(settings: Settings, options: str = " --config FILE") -> None:
    """That each object of the version in data.version is held by one of data.remotes, before a run depends on it.

    `options` are those of the command that messages name. Raises Lacking naming the missing files, what each remote
    holds, and the command that puts them there, where one of the remotes could be asked at all.
    """
    path = Path(settings.data.version)
    md5 = read_version(path).md5
    missing, said = lacking_everywhere(md5, settings)
    if not missing:
        return
    unasked = {url: answer for url, answer in said.items() if not isinstance(answer, str)}
    lines = "".join(f"\n  {url}: {answer}" for url, answer in said.items())
    if unasked.keys() == said.keys():
        raise Lacking(
            f"no remote could be asked for {missing} of {path.name} ({md5}), which a run fetches:{lines}", unasked
        )
    command = "textgate data import" if is_default(path) else f"textgate data push{options}"
    raise Lacking(
        f"no remote{' that could be asked' if unasked else ''} holds {missing} of {path.name} ({md5}), so that a run"
        f" could not fetch the data:{lines}\n`{command}` puts there what is missing",
        unasked,
    )


def lacking_everywhere(md5: str, settings: Settings) -> tuple[str, dict[str, str | Problem]]:
    """What of the version no remote of the settings holds, "" where they have all of it between them; and what each of
    them said, or why it could not be asked."""
    stores = [open_store(url, settings.s3) for url in settings.data.remotes]
    tree, said = find_tree(md5, stores)
    wanted = objects_of(md5, tree)[:-1] if tree is not None else [TreeEntry(md5, "")]
    for store in stores:
        if not wanted or tree is None:
            break
        if said.get(store.url, NO_LIST) == NO_LIST:
            held = holding(store, wanted)
            wanted = wanted if held.problem else [*held.missing, *held.damaged]
            said[store.url] = held.problem or f"holds {held}"
    return (names(wanted) if wanted else ""), said


def find_tree(md5: str, stores: Sequence[ObjectStore]) -> tuple[list[TreeEntry] | None, dict[str, str | Problem]]:
    """The tree's entries from the first remote that has them whole, and what those before it said, or why they could
    not be asked."""
    said: dict[str, str | Problem] = {}
    for store in stores:
        try:
            content = b"".join(store.chunks(object_key(md5)))
        except FileNotFoundError:
            said[store.url] = NO_LIST
        except (TextgateError, OSError) as error:
            said[store.url] = error
        else:
            if hashlib.md5(content, usedforsecurity=False).hexdigest() == md5.removesuffix(DIR_SUFFIX):
                return parse_tree(content), said
            said[store.url] = "its file list of that version is corrupt"
    return None, said

"""`textgate data status`: whether folder, DVC's cache, remotes and git all agree on the data's version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from components.base.dvc_tree import TreeEntry
from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.settings import SPLITS, Settings
from pipelines.data.changes import comparison
from pipelines.data.diff import Comparison
from pipelines.data.history import Committed, committed
from pipelines.data.remote import find_tree, holding, is_default, names, objects_of
from pipelines.data.sync import cached_objects, is_own_cache, unsaved
from pipelines.data.trees import Tree, cached_tree, file_changes, folder_tree, in_words
from pipelines.data.version import Tracked, lacking, read_version, shown, tracked

KINDS = {
    "added": "added",
    "removed": "removed",
    "relabelled": "relabelled",
    "edited": "edited",
    "moved_in": "moved in",
    "moved_out": "moved out",
    "other": "otherwise changed",
}


class Finding(NamedTuple):
    """`advice` says what to do, with the command; it is empty where everything is in order."""

    topic: str
    says: str
    advice: str = ""


def status(settings: Settings, options: str = "") -> tuple[str, list[Finding]]:
    """The version's md5 and what was found; `options` are added to the commands that are named.

    Raises TextgateError where there is no DVC file or no DVC project.
    """
    data = tracked(Path(settings.data.version))
    md5 = read_version(data.version_file).md5
    check = _Check(data, md5, lacking(data.cache, md5), settings, options)
    remotes = [check.remote(url) for url in settings.data.remotes]
    return md5, [check.folder(), check.cache(), *remotes, check.git()]


def row_changes(compared: Comparison) -> dict[str, str]:
    """By split, what became of its rows: `3 added, 1 relabelled`."""
    counts = compared.splits()
    return {
        split: ", ".join(f"{counts[split][kind]:,} {word}" for kind, word in KINDS.items() if kind in counts[split])
        for split in SPLITS
        if split in counts
    }


@dataclass(frozen=True)
class _Check:
    """`absent` is what the cache lacks of the version `md5`."""

    data: Tracked
    md5: str
    absent: list[TreeEntry]
    settings: Settings
    options: str

    def folder(self) -> Finding:
        data, topic, found = self.data, f"folder {shown(self.data.folder)}", folder_tree(self.data)
        if not found:
            return Finding(topic, "is not there", f"{self._bring()} brings it")
        if found.md5 == self.md5:
            return Finding(topic, "is the version")
        force = " --force" if unsaved(data, found) else ""
        keep = f"`dvc add {shown(data.folder)}` makes it the version"
        advice = f"{keep}, `textgate data pull{force}{self.options}` goes back"
        wanted = cached_tree(data, self.md5)
        said = self._difference(wanted, found) if wanted else f"is another version, {found.md5}"
        return Finding(topic, said, advice)

    def cache(self) -> Finding:
        topic = f"cache {shown(self.data.cache)}"
        if not self.absent:
            return Finding(topic, "holds the version whole")
        return Finding(topic, f"lacks {names(self.absent)}, or has other bytes", f"{self._bring()} fills it")

    def remote(self, url: str) -> Finding:
        topic = f"remote {url if '://' in url else shown(Path(url))}"
        if is_own_cache(self.data, url):
            return Finding(topic, "is the project's own cache", f"{self._bring()} fills it" if self.absent else "")
        store, push = open_store(url, self.settings.s3), f"`textgate data push{self.options}`"
        if self.absent:
            tree, said = find_tree(self.md5, [store])
            if tree is None:
                if isinstance(answer := said[store.url], str):
                    return Finding(topic, answer, f"{push} where the data is")
                return Finding(topic, "cannot be asked", str(answer))
            held = holding(store, objects_of(self.md5, tree))
        else:
            sizes = cached_objects(self.data, self.md5)
            held = holding(store, list(sizes), sizes)
        if held.problem:
            return Finding(topic, "cannot be asked", str(held.problem))
        return Finding(topic, f"holds {held}", "" if held.whole else f"{push} sends it")

    def git(self) -> Finding:
        state, path = committed(self.data), shown(self.data.version_file)
        advice = {
            Committed.CHANGED: f"`git commit {path}` keeps the version",
            Committed.UNTRACKED: f"`git add {path}` and commit it",
            Committed.IGNORED: f"`git add -f {path}` and commit it",
        }
        return Finding(f"git {path}", state.value, advice.get(state, ""))

    def _bring(self) -> str:
        """The command that makes cache and folder whole."""
        elsewhere = [url for url in self.settings.data.remotes if not is_own_cache(self.data, url)]
        if self.absent and not elsewhere and is_default(self.data.version_file):
            return "`textgate data import`"
        return f"`textgate data pull{self.options}`"

    def _difference(self, wanted: Tree, found: Tree) -> str:
        said = f"differs: {in_words(file_changes(wanted, found))}"
        if self.absent:
            return f"{said} (in which rows is not known, since the cache lacks files of the version)"
        try:
            with comparison(wanted, found, self.settings.data) as compared:
                rows = row_changes(compared)
        except TextgateError as error:
            return f"{said} ({error})"
        if not rows:
            return f"{said}; the rows are the same"
        return said + "".join(f"; {split}: {change}" for split, change in rows.items())

"""The two sides of `textgate data diff`: a version of git's history, and the folder or another version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.settings import LISTS, SPLITS, DataSchema, Settings
from pipelines.data.diff import KINDS, Comparison, Side, compare
from pipelines.data.history import version_at
from pipelines.data.sync import fill_cache
from pipelines.data.trees import Tree, cached_tree, file_changes, folder_tree
from pipelines.data.version import Tracked, tracked


@contextmanager
def changes(settings: Settings, old: str, new: str = "") -> Iterator[tuple[Tree, Tree, Comparison]]:
    """What changed between the versions of two git revisions; without `new`, up to the folder as it stands.

    A version that DVC's cache does not hold is fetched from the remotes. Raises TextgateError where a revision has no
    version, where its objects are nowhere, or where there is no folder.
    """
    data = tracked(Path(settings.data.version))
    before = _of_revision(data, old, settings)
    after = _of_revision(data, new, settings) if new else folder_tree(data)
    if not after:
        raise TextgateError(f"{data.folder} is not there; `textgate data pull` brings it")
    with comparison(before, after, settings.data) as compared:
        yield before, after, compared


@contextmanager
def comparison(old: Tree, new: Tree, data: DataSchema) -> Iterator[Comparison]:
    """Of the rows of two trees whose tables are there."""
    names = {f"{split}.parquet": split for split in SPLITS}
    same = [split for name, split in names.items() if name in new.files and old.files.get(name) == new.files[name]]
    with compare(Side(old.name, old.tables), Side(new.name, new.tables), data, same) as compared:
        yield compared


def _of_revision(data: Tracked, revision: str, settings: Settings) -> Tree:
    md5 = version_at(data, revision).md5
    try:
        fill_cache(data, md5, settings)
    except TextgateError as error:
        raise TextgateError(f"the data of {revision} cannot be had: {error}") from None
    tree = cached_tree(data, md5, f"{data.version_file.name} of {revision}")
    assert tree
    return tree


def as_json(old: Tree, new: Tree, compared: Comparison, data: DataSchema, rows: bool = False) -> dict[str, Any]:
    """All of a comparison; `rows` adds the ids of the rows of each kind."""
    kinds, labels = compared.splits(), compared.labels()
    lists = "label" in LISTS[data.task] or "tags" in LISTS[data.task]
    found: dict[str, Any] = {
        "old": {"name": old.name, "md5": old.md5},
        "new": {"name": new.name, "md5": new.md5},
        "files": file_changes(old, new),
        "splits": {
            split: {"before": before, "after": after, **kinds.get(split, {}), "labels": labels.get(split, {})}
            for split, (before, after) in sorted(compared.rows().items(), key=lambda item: SPLITS.index(item[0]))
        },
        "relabelled": [
            {"split": split, "before": was, "after": now, "rows": count}
            for split, was, now, count in ([] if lists else compared.relabelled())
        ],
        "moved": [{"before": was, "after": now, "rows": count} for was, now, count in compared.moves()],
        "notes": list(compared.notes),
    }
    if rows:
        found["rows"] = {
            kind: [{"id": row.id, "splits": row.splits, "labels": row.labels} for row in compared.changed(kind)]
            for kind in KINDS
        }
    return found

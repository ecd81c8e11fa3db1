"""The data of two runs, in the terms of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from components.base.errors import TextgateError
from components.base.settings import Settings
from components.base.settings.faults import explain
from pipelines.data.changes import as_json, comparison
from pipelines.data.sync import fill_cache
from pipelines.data.trees import Tree, cached_tree
from pipelines.data.version import Tracked, tracked
from pipelines.lineage.recorded import RecordedRun


def data(old: RecordedRun, new: RecordedRun, rows: bool = False) -> dict[str, Any]:
    """The md5 alone where both have the same data; else as changes.as_json has it, with the ids where `rows`, and the
    labels in their order.

    Versions come from DVC's cache, or from the remotes of either run into it. Raises TextgateError where one cannot be
    had.
    """
    before, after = (run.tag("data_md5") for run in (old, new))
    if before == after:
        return {"same": True, "md5": before}
    settings = _settings(new)
    remotes = [*settings.data.remotes, *_settings(old).data.remotes]
    described = settings.data.model_copy(update={"remotes": list(dict.fromkeys(remotes))})
    settings = settings.model_copy(update={"data": described})
    place = _place(Path(described.version))
    trees = [_tree(place, md5, f"data of {run.shown}", settings) for run, md5 in ((old, before), (new, after))]
    with comparison(trees[0], trees[1], described) as compared:
        return {"same": False, "labels": described.labels, **as_json(trees[0], trees[1], compared, described, rows)}


def _settings(run: RecordedRun) -> Settings:
    try:
        return Settings.model_validate(run.settings())
    except ValidationError as error:
        raise TextgateError(explain(error, f"the settings of the run {run.shown}", Settings)) from None


def _place(version: Path) -> Tracked:
    """Where the run had its data; of a run from another machine, the folder of that name in the project here."""
    return tracked(version if version.exists() else Path(version.name))


def _tree(place: Tracked, md5: str, name: str, settings: Settings) -> Tree:
    try:
        fill_cache(place, md5, settings)
    except TextgateError as error:
        raise TextgateError(f"the {name} ({md5}) cannot be had: {error}") from None
    tree = cached_tree(place, md5, name)
    assert tree
    return tree

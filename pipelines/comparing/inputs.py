"""Settings, pinned inputs, environment and stages of two runs: the names whose values differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.record.digests import STAGES as LATER
from pipelines.lineage.recorded import RecordedRun

INPUTS = ("data_md5", "base_model", "base_model_digest", "champion_version", "champion_digest")
ENVIRONMENT = ("image", "lock_digest", "pipeline_digest", "processor", "threads", "precision")
STAGES = ("data", *LATER)
VERSIONS = "versions."


def settings(old: RecordedRun, new: RecordedRun) -> list[dict[str, Any]]:
    """By their dotted keys, as differing has them."""
    return differing(flattened(old.settings()), flattened(new.settings()))


def inputs(old: RecordedRun, new: RecordedRun) -> list[dict[str, Any]]:
    """What resolve pinned."""
    return differing(*(_tagged(run, INPUTS) for run in (old, new)))


def environment(old: RecordedRun, new: RecordedRun) -> list[dict[str, Any]]:
    """Image, locks and machine, and the libraries' versions by their names."""
    return differing(*({**_tagged(run, ENVIRONMENT), **_versions(run)} for run in (old, new)))


def stages(old: RecordedRun, new: RecordedRun) -> dict[str, str]:
    """Of each stage whose digest a run recorded whether both made the same, in their order."""
    found = {}
    for stage in STAGES:
        made = [run.tag(f"digest.{stage}") for run in (old, new)]
        if any(made):
            found[stage] = "the same" if made[0] == made[1] else "differs" if all(made) else "of one run alone"
    return found


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`key`, `old` and `new` of each; a side that does not have the key has no value."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        sides = {name: side[key] for name, side in (("old", old), ("new", new)) if key in side}
        if len(sides) < 2 or sides["old"] != sides["new"]:
            found.append({"key": key, **sides})
    return found


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots; an empty section stands as it is."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _tagged(run: RecordedRun, names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in names if (value := run.tag(name))}


def _versions(run: RecordedRun) -> dict[str, str]:
    return {key.removeprefix(VERSIONS): value for key, value in run.params.items() if key.startswith(VERSIONS)}

"""What differs in that which two runs were made from: the causes that can be seen of different results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipelines.data.trees import few
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce.code import changed_files

# What decides the result, and what only machines differ in.
Kind = Literal["data", "settings", "code", "lock", "base model", "champion", "threads", "processor", "versions"]
SHOWN = 40
OF_THE_MACHINE = ("threads", "processor", "versions")
# The sections of the settings that a stage is made by, beside what the stage before it gave.
SECTIONS = {
    "data": (),
    "encoded": ("tokenize_settings",),
    "weights": ("finetune_settings",),
    "bundle": ("quantize_settings", "validate_settings"),
    "predictions": ("evaluate_settings",),
    "metrics": ("evaluate_settings",),
    "verdict": ("gate_settings",),
}
# Where things lie, what marks a reproduction, and what is a cause of its own.
LEFT_OUT = {
    "evaluate_settings": ("remotes", "s3"),
    "finetune_settings": ("s3", "training.checkpoint", "training.threads", "training.devices"),
    "gate_settings": ("reproduction", "bench"),
    "quantize_settings": ("chosen",),
    "tokenize_settings": ("options.shards",),
}


@dataclass(frozen=True)
class Cause:
    """`what` names it; `before` is the original's."""

    kind: Kind
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} {self.before or 'none'} → {self.after or 'none'}"


def causes(original: RecordedRun, again: RecordedRun, stage: str) -> list[Cause]:
    """What differs in what `stage` is made from; the results of the stages before it are not looked at."""
    if stage == "data":
        return list(_tags(original, again, "data", {"the version": "textgate.data_md5"}))
    found = [*_settings(original, again, stage)]
    if stage in ("encoded", "weights"):
        found += _tags(original, again, "base model", {"its digest": "textgate.base_model_digest"})
    if stage in ("metrics", "verdict"):
        names = {"its version": "textgate.champion_version", "its bundle": "textgate.champion_digest"}
        found += _tags(original, again, "champion", names)
    found += _code(original, again)
    found += _tags(original, again, "lock", {"requirements.lock": "textgate.lock_digest"})
    return found + _machine(original, again, stage)


def _settings(original: RecordedRun, again: RecordedRun, stage: str) -> Iterator[Cause]:
    one, other = original.arguments(), again.arguments()
    for section in SECTIONS[stage]:
        before, after = (_flattened(arguments.get(section, "")) for arguments in (one, other))
        left_out = LEFT_OUT.get(section, ())
        for key in sorted(before.keys() | after.keys()):
            if key.startswith(left_out) or (
                key == "training.batch_size" and "auto" in (before.get(key), after.get(key))
            ):
                continue
            if before.get(key) != after.get(key):
                named = f"{section.removesuffix('_settings')}: {key}" if key else section
                yield Cause("settings", named, _shown(before.get(key)), _shown(after.get(key)))


def _code(original: RecordedRun, again: RecordedRun) -> list[Cause]:
    """None where the files that differ are not code."""
    if (ran := original.tag("running_code_digest")) and ran == again.tag("running_code_digest"):
        return []
    names = {
        "commit": "textgate.git_commit",
        "changes": "textgate.diff_digest",
        "what ran": "textgate.running_code_digest",
    }
    found, files = list(_tags(original, again, "code", names)), changed_files(original, again)
    if files is None or not found:
        return found
    return [replace(found[0], what=f"{few(files)}, {found[0].what}")] if files else []


def _machine(original: RecordedRun, again: RecordedRun, stage: str) -> list[Cause]:
    """Training has threads of its own; what is computed after it takes all cores."""
    if stage == "weights":
        found = _params(original, again, "threads", ("training.threads", "training.devices"))
        found += _tags(original, again, "processor", {"of the training": "textgate.processor"})
    else:
        found = _params(original, again, "threads", ("timing.cores",))
        found += _params(original, again, "processor", ("timing.processor",))
    versions = sorted(name for name in original.params.keys() & again.params.keys() if name.startswith("versions."))
    return found + _params(original, again, "versions", versions)


def _params(original: RecordedRun, again: RecordedRun, kind: Kind, names: Any) -> list[Cause]:
    pairs = [(name, original.params.get(name, ""), again.params.get(name, "")) for name in names]
    return [Cause(kind, name, before, after) for name, before, after in pairs if before != after]


def _tags(original: RecordedRun, again: RecordedRun, kind: Kind, names: Mapping[str, str]) -> list[Cause]:
    pairs = [(what, original.tags.get(tag, ""), again.tags.get(tag, "")) for what, tag in names.items()]
    return [Cause(kind, what, before[:SHOWN], after[:SHOWN]) for what, before, after in pairs if before != after]


def _flattened(text: str) -> dict[str, Any]:
    """The leaves of a section's JSON by their keys with dots."""
    found: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            found[prefix] = value

    walk("", json.loads(text) if text else None)
    return found


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]

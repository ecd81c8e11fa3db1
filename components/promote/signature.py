"""What callers of a model see of it: its task, its labels, what it takes and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

PARTS = ("inputs", "outputs", "params")


def read_signature(manifest: bytes, mlmodel: bytes) -> dict[str, Any]:
    """From the bytes of bundle.json and MLmodel, which may have none; callers see no order of labels."""
    described, loaded = json.loads(manifest), yaml.safe_load(mlmodel)
    known: Mapping[str, str | None] = loaded.get("signature") or {}
    parts = {part: json.loads(known.get(part) or "null") for part in PARTS} if known else {}
    return {"task": described["task"], "labels": sorted(described["labels"]), **parts}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """In words; none where callers see no difference."""
    told = []
    if before["task"] != after["task"]:
        told.append(f"the task is {after['task']}, and was {before['task']}")
    gone = [label for label in before["labels"] if label not in after["labels"]]
    new = [label for label in after["labels"] if label not in before["labels"]]
    told += [f"{what} {_listed(labels)}" for what, labels in (("no more label", gone), ("new label", new)) if labels]
    for part in PARTS:
        if part in before and part in after and before[part] != after[part]:
            told.append(f"{part} are {_columns(after[part])}, and were {_columns(before[part])}")
    return told


def _listed(labels: list[str]) -> str:
    shown = ", ".join(labels[:5])
    return f"{shown} and {len(labels) - 5} more" if len(labels) > 5 else shown


def _columns(part: list[dict[str, Any]] | None) -> str:
    return ", ".join(f"{column.get('name', 'text')} ({column['type']})" for column in part or []) or "none"

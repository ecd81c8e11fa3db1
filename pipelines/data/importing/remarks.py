"""What a person should know about the rows that were imported, though nothing refuses them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import yaml

from components.base.settings import SPLITS, DataSettings, SplitSettings
from components.base.text import normalise
from pipelines.data.sources.records import shorten

SHOWN = 10
MISSED = 0.03


def label_remarks(labels: Counter[str], data: DataSettings, renamed: Counter[str]) -> list[str]:
    """`labels` are those of the rows (tags where the task is token-tags), with how many have them."""
    return [
        *_alike(labels, data),
        *_unknown(labels, data),
        *_unused_renames(data, renamed),
        *(["all rows have one label, and a model needs two to tell apart"] * (len(labels) == 1)),
    ]


def split_remarks(table: Mapping[str, Sequence[int]]) -> list[str]:
    """`table` has the rows of each label by split: which labels a split lacks."""
    remarks = []
    for number, split in enumerate(SPLITS):
        if absent := [label for label, rows in table.items() if not rows[number]]:
            remarks.append(f"{split} has no row of {_named(absent, 'label')}")
    return remarks


def share_remarks(splits: Mapping[str, int], settings: SplitSettings) -> list[str]:
    """`splits` has the rows of each: where groups that stay together made them miss their shares."""
    total = sum(splits.values())
    missed = any(abs(rows / total - settings.shares[split]) > MISSED for split, rows in splits.items())  # type: ignore[index]
    if settings.by != "share" or not missed:
        return []
    found = ", ".join(f"{split} {rows / total:.0%}" for split, rows in splits.items())
    wanted = ", ".join(f"{share:.0%}" for share in settings.shares.values())
    together = f"one text or one {settings.entity}" if settings.entity else "one text"
    return [
        f"the splits have {found} of the rows instead of {wanted}: rows of {together} stay together, and some of these"
        " groups are large"
    ]


def copy_remarks(copies: Counter[str], settings: dict[str, str]) -> list[str]:
    """`copies` counts the rows of each kind that were kept, `settings` names what drops them."""
    return [
        f"{kind}: {rows} row{'s' * (rows > 1)}; data.source.{settings[kind]}: drop takes them out"
        for kind, rows in copies.items()
        if rows
    ]


def _alike(labels: Counter[str], data: DataSettings) -> list[str]:
    """Labels that are one but for case, width and space, and what makes them one."""
    same: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels:
        same[normalise(label)].append(label)
    renames: dict[str, str] = {}
    for group in same.values():
        ordered = sorted(group, key=lambda label: (label not in data.labels, -labels[label], label))
        renames |= dict.fromkeys(sorted(ordered[1:]), ordered[0])
    if not renames:
        return []
    line = yaml.safe_dump(
        {**data.source.rename_labels, **renames},
        default_flow_style=True,
        allow_unicode=True,
        width=10**6,
        sort_keys=False,
    )
    pairs = [f"{shorten(label)} and {shorten(target)}" for label, target in renames.items()]
    return [
        f"labels that differ only by case or space: {_named(pairs)}; they stay apart unless the config has"
        f" data.source.rename_labels: {line.strip()}"
    ]


def _unknown(labels: Counter[str], data: DataSettings) -> list[str]:
    known, remarks = set(data.labels), []
    if unknown := sorted(label for label in labels if label not in known):
        unit = "tokens" if data.task == "token-tags" else "rows"
        rows = sum(labels[label] for label in unknown)
        remarks.append(
            f"{_named(list(map(shorten, unknown)), 'label')} ({rows} {unit}) are not in data.labels; add them, or map"
            " them by data.source.rename_labels: validate refuses labels that it does not know"
        )
    if absent := [label for label in data.labels if label not in labels]:
        remarks.append(f"{_named(list(map(shorten, absent)), 'label')} of data.labels stand in no row")
    return remarks


def _unused_renames(data: DataSettings, renamed: Counter[str]) -> list[str]:
    unused = [shorten(label) for label in data.source.rename_labels if not renamed[label]]
    return [f"data.source.rename_labels names {_named(unused, 'label')} that no row has"] if unused else []


def _named(names: Iterable[str], noun: str = "") -> str:
    """The first ten, after how many there are where a noun is given."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    counted = f"{len(names)} {noun}{'s' * (len(names) > 1)}: " if noun else ""
    return counted + ", ".join(names[:SHOWN]) + more

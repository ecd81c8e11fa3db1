"""Slices that are known beforehand: by label, by length, by the columns and the rules that the config names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.base.settings import SliceRule, SliceSettings
from components.base.targets import Targets
from components.base.targets.tags import TagTargets
from components.evaluate.slices.slice import Mask, Slice, lengths_of, texts_of, values_of

MOST_VALUES = 50
LONGEST_SHOWN = 80
QUARTERS = (0.25, 0.5, 0.75)


def known_slices(table: pa.Table, targets: Targets, settings: SliceSettings) -> list[Slice]:
    """Of one row or more; `table` has the columns settings.kept. A rule that no row meets is a slice without rows; no
    other slice is."""
    texts = texts_of(targets)
    rules = [
        Slice(name, "rule", _said(rule), _meet(rule, table, targets, texts)) for name, rule in settings.rules.items()
    ]
    others = [*_by_label(targets), *_by_length(texts, settings), *_by_column(table, settings)]
    return [*_distinct(others, {rule.name for rule in rules}), *rules]


def _by_label(targets: Targets) -> list[Slice]:
    """The rows of each label, or with an entity of each type."""
    counts, what = targets.counts(targets.truth), "an entity" if targets.task.per_word else "the label"
    found = []
    for number, label in enumerate(targets.classes):
        found.append(Slice(f"label={label}", "label", f"rows with {what} {label}", counts.having(number)))
    return _with_rows(found)


def _by_length(texts: list[str], settings: SliceSettings) -> list[Slice]:
    """Between the bounds of the config, or of the quarters of the rows (fewer where many rows are of one length)."""
    lengths = lengths_of(texts)
    bounds = settings.lengths or np.unique(np.quantile(lengths, QUARTERS, method="inverted_cdf")).tolist()
    found, low = [], 0
    for high in bounds:
        where = f"texts of {low} to {high} characters"
        found.append(Slice(f"length={low}-{high}", "length", where, (lengths >= low) & (lengths <= high)))
        low = high + 1
    found.append(Slice(f"length={low}+", "length", f"texts of {low} or more characters", lengths >= low))
    return _with_rows(found)


def _by_column(table: pa.Table, settings: SliceSettings) -> list[Slice]:
    """Each value of each column; of many the commonest, and all others together."""
    found = []
    for column in settings.columns:
        values = values_of(table, column)
        counts = sorted(Counter(values).items(), key=lambda each: (-each[1], each[0]))
        shown = [value for value, _ in counts[: MOST_VALUES - 1 if len(counts) > MOST_VALUES else MOST_VALUES]]
        for value in shown:
            name = _short(value)
            found.append(Slice(f"{column}={name}", "column", f"rows whose {column} is {name}", values == value))
        if others := len(counts) - len(shown):
            where = f"rows whose {column} is one of {others} values that are none of the {len(shown)} commonest"
            found.append(Slice(f"{column}=others", "column", where, ~np.isin(values, shown)))
    return found


def _meet(rule: SliceRule, table: pa.Table, targets: Targets, texts: list[str]) -> Mask:
    lengths = lengths_of(texts)
    rows = lengths >= rule.min_length
    if rule.max_length is not None:
        rows &= lengths <= rule.max_length
    if rule.label:
        rows &= _labelled(targets, rule.label)
    if rule.column:
        rows &= np.isin(values_of(table, rule.column), rule.values)
    if rule.matches:
        rows &= np.array([re.search(rule.matches, text) is not None for text in texts], bool)
    return rows


def _labelled(targets: Targets, label: str) -> Mask:
    number = targets.labels.index(label)
    if isinstance(targets, TagTargets):
        row_of = np.repeat(np.arange(len(targets)), targets.sizes)
        return np.isin(np.arange(len(targets)), row_of[targets.truth == number])
    return np.asarray(targets.truth[:, number] if targets.truth.ndim == 2 else targets.truth == number)


def _said(rule: SliceRule) -> str:
    parts = []
    if rule.label:
        parts.append(f"the label {rule.label}")
    if rule.column:
        parts.append(f"{rule.column} {' or '.join(map(_short, rule.values))}")
    if rule.min_length:
        parts.append(f"{rule.min_length} or more characters")
    if rule.max_length is not None:
        parts.append(f"at most {rule.max_length} characters")
    if rule.matches:
        parts.append(f"a text that matches {rule.matches}")
    return f"rows with {', '.join(parts)}"


def _short(value: str) -> str:
    """On one line."""
    line = " ".join(value.split()) or "(empty)"
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"


def _with_rows(slices: Iterable[Slice]) -> list[Slice]:
    return [each for each in slices if each.rows.any()]


def _distinct(slices: list[Slice], taken: set[str]) -> list[Slice]:
    """With a number after a name that was taken before."""
    found = []
    for each in slices:
        name, number = each.name, 2
        while name in taken:
            name, number = f"{each.name} ({number})", number + 1
        taken.add(name)
        found.append(each._replace(name=name))
    return found

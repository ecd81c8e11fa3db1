"""What the tests ask: each case with the rows that the model answers for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from zlib import crc32

import numpy as np
import pyarrow as pa

from components.base.settings import BehaviourTest, Case, DirectionTest, InvarianceTest, MinimumTest
from components.base.targets import Targets
from components.evaluate.behaviour.changes import Change, Parts, change_of
from serving.tasks.task import Decisions, Task


@dataclass(frozen=True)
class Asked:
    """`name` is the id of the test row, or the number of the given case, which then is `given` as well; `rows` are what
    is answered: the text, and where it is changed the changed one."""

    name: str
    rows: tuple[Parts, ...]
    given: Case | None = None


def cases_of(name: str, test: BehaviourTest, table: pa.Table, targets: Targets, seed: int) -> list[Asked]:
    """Test rows in the table's order, given cases in theirs; without those that the test leaves as they are.

    The tests of an evaluation go through the test rows in the same order, and draw what they change for themselves.
    """
    given = list(_given(test.cases, test.fill, targets.task))
    if isinstance(test, MinimumTest):
        return given
    change = change_of(test) if isinstance(test, InvarianceTest) else _addition(test)
    rng = np.random.default_rng([seed, crc32(name.encode())])
    if test.cases:
        return [changed for each in given if (changed := _changed(each, change, rng))]
    ids, found = table["id"].to_pylist(), {}
    places = np.arange(len(targets)) if not test.of_label else np.flatnonzero(_labelled(targets, test.of_label))
    for place in np.random.default_rng(seed).permutation(places).tolist():
        row = targets.rows[place]
        asked = Asked(ids[place], ((row,) if isinstance(row, str) else tuple(row),))
        if changed := _changed(asked, change, rng):
            found[place] = changed
        if len(found) == test.rows:
            break
    return [found[place] for place in sorted(found)]


def _changed(asked: Asked, change: Change, rng: np.random.Generator) -> Asked | None:
    (before,) = asked.rows
    after = change(before, rng)
    return Asked(asked.name, (before, after), asked.given) if after != before else None


def _addition(test: DirectionTest) -> Change:
    place = int(test.to == "text_pair")

    def add(parts: Parts, rng: np.random.Generator) -> Parts:
        longer = " ".join(text for text in (test.prepend, parts[place], test.append) if text)
        return *parts[:place], longer, *parts[place + 1 :]

    return add


def _labelled(targets: Targets, label: str) -> Decisions:
    """bool [rows]"""
    place = targets.labels.index(label)
    return targets.truth[:, place] if targets.truth.ndim > 1 else targets.truth == place


def _given(cases: Sequence[Case], fill: dict[str, list[str]], task: Task) -> Iterator[Asked]:
    for number, case in enumerate(cases, 1):
        names = case.placeholders() if fill else []
        for places in product(*(range(len(fill[name])) for name in names)):
            values = {name: fill[name][place] for name, place in zip(names, places, strict=True)}
            which = ", ".join(f"{name} {place + 1}" for name, place in zip(names, places, strict=True))
            filled = case.filled(values) if values else case
            (row,) = task.read([[text] for text in (filled.text, filled.text_pair)[: len(task.inputs)]])
            parts = (row,) if isinstance(row, str) else tuple(row)
            yield Asked(f"case {number} ({which})" if which else f"case {number}", (parts,), filled)

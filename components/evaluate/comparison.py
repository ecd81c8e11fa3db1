"""The part of an evaluation that says how the bundle and another model differ on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from components.base.settings import EvaluationSettings
from components.evaluate import counted
from components.evaluate.answers import Answers
from components.evaluate.metrics import Mask, Rows, compare, compare_slices
from components.evaluate.slices import Slice


def against(rows: Rows, mine: Answers, other: Answers, options: EvaluationSettings) -> dict[str, Any]:
    """A COMPARISON of models of the same run: on all rows, by all labels."""
    notes: list[str] = []
    return {
        "rows": len(rows.targets),
        "fair": True,
        "seen": 0,
        "notes": notes,
        "metrics": compare(rows, mine, other, options),
    }


def against_champion(
    rows: Rows,
    mine: Answers,
    champion: Answers,
    slices: Sequence[Slice],
    seen: Mask | None,
    unknown: str,
    options: EvaluationSettings,
) -> dict[str, Any]:
    """The same with the champion, by class and slice, too: on the rows that the champion was not trained on, and by
    the labels that both have.

    `seen` bool [rows]: those that it was trained on; None where that is not known, and `unknown` says why.
    """
    notes, kept = [], np.ones(len(rows.targets), bool)
    if seen is None:
        notes.append(f"whether the champion was trained on test rows is not known: {unknown}")
    elif seen.any():
        kept = ~seen
        notes.append(
            f"the champion was trained on {int(seen.sum())} of the {len(seen)} test rows: compared on the other"
            f" {int(kept.sum())}"
        )
    labels = [label for label in rows.targets.labels if label in champion.labels]
    part = rows.select(kept, [mine, champion], labels)
    rows_left = len(part.numbers) if part.rows.targets.classes else 0
    differ = len(labels) < len(rows.targets.labels) or len(labels) < len(champion.labels)
    if differ:
        gone = [label for label in champion.labels if label not in labels]
        new = [label for label in rows.targets.labels if label not in labels]
        said = [f"{what} {', '.join(names)}" for what, names in (("new are", new), ("gone are", gone)) if names]
        notes.append(
            f"the champion has other labels ({'; '.join(said)}): compared by the {len(labels)} that both have, on"
            f" {rows_left} rows"
        )
    result: dict[str, Any] = {
        "rows": rows_left,
        "fair": seen is None or not seen.any(),
        "seen": None if seen is None else int(seen.sum()),
        "notes": notes,
        **({"labels": part.rows.targets.classes} if differ else {}),
    }
    if not rows_left:
        return {**result, "metrics": {}, "per_label": {}, "slices": {}}
    ours, theirs = part.answers
    decisions = ours.decisions, theirs.decisions
    return {
        **result,
        "metrics": compare(part.rows, ours, theirs, options),
        "per_label": counted.compare_recalls(part.rows.targets, *decisions, options, part.rows.clusters),
        "slices": compare_slices(part.rows, ours, theirs, slices, part.numbers, options),
    }

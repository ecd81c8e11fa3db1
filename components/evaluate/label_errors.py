"""Rows whose label is likely wrong, by id: of train by linear models of the other rows, of validation and test by the
served model.

What counts as wrong is said in confident_learning. Of several labels each is judged by itself, as two classes; of tags
each word. A found row is one with any label or word that is likely wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from components.base.counts import Floats
from components.base.settings import DataSchema
from components.base.settings.evaluation import LabelErrorSettings
from components.base.tables import SplitReader
from components.base.targets import Targets, targets_of
from components.evaluate.confident_learning import likely_errors
from components.evaluate.out_of_sample import out_of_sample
from serving.tasks.task import Probabilities

MOST_LISTED = 50
METHOD = "confident learning (C+NR) on the probabilities of"


class HeldOut(NamedTuple):
    """A split that the served model was not trained on: `probabilities` by the labels of the data, [rows, labels], of
    tags [words of all rows, labels] with NaN for words that fell to truncation."""

    ids: Sequence[str]
    targets: Targets
    probabilities: Probabilities


class _Error(NamedTuple):
    """`own` is the probability of what is given, `says` what is reported besides."""

    row: int
    own: float
    says: dict[str, Any]


def find_label_errors(
    tables: Path, data: DataSchema, options: LabelErrorSettings, seed: int, held_out: Mapping[str, HeldOut]
) -> dict[str, Any]:
    """The part "label_errors" of evaluation.json: `train` and each split of `held_out`.

    `found` and `share` are of `rows`, those that could be judged. `worst` has at most 50 of them, those first whose
    label is least probable: `label` and the `likely` one (of several labels both are lists; of tags those of the row's
    worst word, which `word` counts from 0), `score` the probability of what is likely wrong. A split that has no answer
    is {"problem": why}.
    """
    found = {"train": _train(tables, data, options, seed)}
    for split, (ids, targets, probabilities) in held_out.items():
        found[split] = _report(f"{METHOD} the served model", ids, targets, np.asarray(probabilities, np.float64), split)
    return found


def _train(tables: Path, data: DataSchema, options: LabelErrorSettings, seed: int) -> dict[str, Any]:
    if not options.max_train_rows:
        return {"problem": "evaluation.label_errors.max_train_rows is 0"}
    if data.task == "token-tags":
        return {"problem": "tags are judged in validation and test only: there is no quick model of tags for train"}
    table, rows = _sample(tables, data, options.max_train_rows, seed)
    method = f"{METHOD} TF-IDF linear models of the other rows, {options.folds} folds"
    if table.num_rows < rows:
        method += f", on {table.num_rows} of {rows} rows"
    targets = targets_of(table, data)
    probabilities = out_of_sample(targets, options.folds, seed) if len(targets) else np.zeros((0, len(data.labels)))
    return _report(method, table["id"].to_pylist(), targets, probabilities, "train")


def _sample(tables: Path, data: DataSchema, most: int, seed: int) -> tuple[pa.Table, int]:
    """At most so many training rows in the table's order, and how many there are."""
    reader = SplitReader(tables, "train", data)
    chosen = np.sort(np.random.default_rng(seed).permutation(reader.num_rows)[:most])
    batches, start = [], 0
    for batch in reader.batches():
        here = chosen[(chosen >= start) & (chosen < start + batch.num_rows)] - start
        batches.append(batch.take(pa.array(here)))
        start += batch.num_rows
    return pa.Table.from_batches(batches, reader.schema), reader.num_rows


def _report(method: str, ids: Sequence[str], targets: Targets, probabilities: Floats, split: str) -> dict[str, Any]:
    if not len(targets):
        return {"problem": f"the {split} split has no rows"}
    entries, judged = (_of_sets if targets.truth.ndim == 2 else _of_decisions)(targets, probabilities)
    if not judged:
        return {"problem": f"no row of the {split} split can be judged: each label stands in one text only"}
    worst: dict[int, dict[str, Any]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.own, ids[entry.row])):
        worst.setdefault(entry.row, {"id": ids[entry.row], **entry.says, "score": float(f"{entry.own:.6g}")})
    return {
        "method": method,
        "rows": judged,
        "found": len(worst),
        "share": len(worst) / judged,
        "worst": list(worst.values())[:MOST_LISTED],
    }


def _of_decisions(targets: Targets, probabilities: Floats) -> tuple[list[_Error], int]:
    """Of rows with one label each, or of words."""
    judged = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    probabilities, given = probabilities[judged], targets.truth[judged]
    sizes = getattr(targets, "sizes", np.ones(len(targets), np.int64))
    row_of = np.repeat(np.arange(len(targets)), sizes)
    first = np.cumsum(sizes) - sizes
    likely, errors = probabilities.argmax(axis=1), []
    for place in np.flatnonzero(likely_errors(probabilities, given)):
        row = int(row_of[judged[place]])
        says = {"label": targets.labels[given[place]], "likely": targets.labels[likely[place]]}
        if targets.task.per_word:
            says = {"word": int(judged[place] - first[row]), **says}
        errors.append(_Error(row, float(probabilities[place, given[place]]), says))
    return errors, len(np.unique(row_of[judged]))


def _of_sets(targets: Targets, probabilities: Floats) -> tuple[list[_Error], int]:
    """Of rows with several labels, each judged by itself; a row is one error, the worst of its own."""
    judged, wrong = np.isfinite(probabilities), np.zeros(probabilities.shape, bool)
    for column in range(len(targets.labels)):
        rows = np.flatnonzero(judged[:, column])
        has, given = probabilities[rows, column], targets.truth[rows, column].astype(np.int64)
        wrong[rows, column] = likely_errors(np.stack([1 - has, has], axis=1), given)
    own = np.where(wrong, np.where(targets.truth, probabilities, 1 - probabilities), np.inf).min(axis=1)
    errors = []
    for row in np.flatnonzero(wrong.any(axis=1)):
        label, likely = (_names(targets, chosen) for chosen in (targets.truth[row], targets.truth[row] ^ wrong[row]))
        errors.append(_Error(int(row), float(own[row]), {"label": label, "likely": likely}))
    return errors, int(judged.any(axis=1).sum())


def _names(targets: Targets, chosen: np.ndarray) -> list[str]:
    return [targets.labels[place] for place in np.flatnonzero(chosen)]

"""The predictions of two runs for the test rows that both have, by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.base.errors import TextgateError
from components.base.targets import KINDS, Targets
from components.base.targets.targets import aligned
from pipelines.comparing.evaluations import read_evaluation
from pipelines.lineage.recorded import RecordedRun
from serving.tasks.task import Decisions

FILE = "evaluation/predictions.parquet"
PREDICTED, PROBABILITIES = "predicted", "probabilities"
# By whether the old prediction was right, and the new one is.
BECAME = {
    (False, True): "right",
    (True, False): "wrong",
    (False, False): "otherwise wrong",
    (True, True): "otherwise right",
}


class Answered(NamedTuple):
    """Right answers and predictions of one run; `rows` has both as they are stored, probabilities by `labels`."""

    rows: pa.Table
    targets: Targets
    decisions: Decisions
    labels: list[str]

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.targets.counts(self.decisions).right)

    def probabilities(self, labels: Sequence[str]) -> NDArray[np.float32] | None:
        """[decisions, labels]; 0 for a label that the run does not know, None where it stored none."""
        if PROBABILITIES not in self.rows.column_names:
            return None
        column = self.rows[PROBABILITIES].combine_chunks()
        while pa.types.is_list(column.type):
            column = column.flatten()
        return aligned(column.to_numpy(zero_copy_only=False).reshape(-1, len(self.labels)), self.labels, labels)

    def label(self, row: int) -> Any:
        return self.rows[self.targets.column][row].as_py()


class Shared(NamedTuple):
    """The rows of both runs, in the order of their ids. `alone` are how many each run has besides; rows of another
    number of tags count there, too."""

    old: Answered
    new: Answered
    alone: tuple[int, int]

    @property
    def furthest(self) -> float | None:
        """By how much a probability differs at the most; None where a run stored none, or they share no row."""
        sides = [side.probabilities(self.new.targets.labels) for side in (self.old, self.new)]
        if sides[0] is None or sides[1] is None:
            return None
        apart = np.abs(sides[1] - sides[0])
        return float(np.nanmax(apart)) if np.isfinite(apart).any() else None

    @property
    def unchanged(self) -> NDArray[np.bool_]:
        """Whose right answer is the same in both."""
        return ~self._in_a_row(~self.new.targets.same(self.old.targets.truth, self.new.targets.truth))

    @property
    def flipped(self) -> NDArray[np.bool_]:
        return self._in_a_row(~self.new.targets.same(self.old.decisions, self.new.decisions))

    def _in_a_row(self, decisions: NDArray[np.bool_]) -> NDArray[np.bool_]:
        targets = self.new.targets
        return np.bincount(targets.owners, decisions, len(targets)) > 0


def shared(old: RecordedRun, new: RecordedRun) -> Shared:
    """Raises TextgateError where a run has no predictions, or they are of other tasks."""
    evaluations = [read_evaluation(run) for run in (old, new)]
    task = evaluations[1]["task"]
    if evaluations[0]["task"] != task:
        raise TextgateError(f"the runs are of other tasks: {evaluations[0]['task']} and {task}")
    labels = list(dict.fromkeys([*evaluations[1]["labels"], *evaluations[0]["labels"]]))
    tables = [_read(run) for run in (old, new)]
    places = [{key: row for row, key in enumerate(_keys(table["id"].to_pylist()))} for table in tables]
    both = sorted(places[0].keys() & places[1].keys())
    chosen = (pa.array([place[key] for key in both], pa.int64()) for place in places)
    rows = [table.take(some) for table, some in zip(tables, chosen, strict=True)]
    if task == "token-tags":
        alike = np.equal(*(pc.list_value_length(table[PREDICTED]).to_numpy() for table in rows))
        rows = [table.filter(pa.array(alike)) for table in rows]
    given = [report["labels"] for report in evaluations]
    answered = [_answered(*side, task, labels) for side in zip(rows, given, strict=True)]
    before, after = (table.num_rows - answered[0].rows.num_rows for table in tables)
    return Shared(answered[0], answered[1], (before, after))


def predictions(old: RecordedRun, new: RecordedRun) -> dict[str, Any]:
    """`rows` are those that both have; `flips` by id: what was right and predicted, and what became of it.

    `became` is one of BECAME; a row whose right answer was another has it as `label_before`.
    """
    found = shared(old, new)
    was, now, unchanged = found.old.right, found.new.right, found.unchanged
    flips = []
    for row in np.flatnonzero(found.flipped).tolist():
        flip = _flip(found, row) if unchanged[row] else {**_flip(found, row), "label_before": found.old.label(row)}
        flips.append({**flip, "became": BECAME[bool(was[row]), bool(now[row])]})
    return {
        "rows": len(found.new.targets),
        "only_old": found.alone[0],
        "only_new": found.alone[1],
        "relabelled": int((~unchanged).sum()),
        "largest_probability_difference": found.furthest,
        "became": dict(Counter(flip["became"] for flip in flips)),
        "flips": flips,
    }


def _flip(found: Shared, row: int) -> dict[str, Any]:
    return {
        "id": found.new.rows["id"][row].as_py(),
        "label": found.new.label(row),
        "old": found.old.rows[PREDICTED][row].as_py(),
        "new": found.new.rows[PREDICTED][row].as_py(),
    }


def _answered(rows: pa.Table, own: list[str], task: Any, labels: list[str]) -> Answered:
    kind = KINDS[task]
    truth, given = (rows[name].combine_chunks() for name in (kind.column, PREDICTED))
    # Texts are not kept with predictions, and nothing that is counted needs them: of a row only its size counts.
    targets = kind(truth.to_pylist(), kind.restored(truth, labels), labels)
    return Answered(rows, targets, kind.restored(given, labels), own)


def _read(run: RecordedRun) -> pa.Table:
    content = run.file(FILE)
    if content is None:
        raise TextgateError(
            f"the run {run.shown} has no {FILE}: it was recorded by a textgate that kept no predictions; run it"
            f" again by `textgate run --like {run.shown}`"
        )
    return pq.read_table(pa.BufferReader(content))


def _keys(ids: Iterable[str]) -> list[tuple[str, int]]:
    """Each id with the number of its copy."""
    seen: Counter[str] = Counter()
    keys = []
    for name in ids:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys

"""Label errors that were planted into public sets: how many of them are found, and what else is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.finetune.prepared import read
from benchmarks.harness import Figure
from benchmarks.public_data import Absent
from components.base.settings import DataSchema, LabelErrorSettings
from components.evaluate import label_errors

SHARE = 0.05
SETS = ("banking77", "clinc150")


def figures(data: Path | None) -> list[Figure]:
    found = []
    for name in SETS:
        try:
            rows = read(name)["train"]
        except Absent as reason:
            found.append(Figure(f"label errors in {name}", f"skipped: {reason}", ""))
            continue
        found += _planted(name, [text for text, _ in rows], [label for _, label in rows])
    return found


def _planted(name: str, texts: list[str], right: list[str]) -> list[Figure]:
    rng = np.random.default_rng(0)
    labels = sorted(set(right))
    given = np.array([labels.index(label) for label in right])
    wrong = rng.random(len(given)) < SHARE
    given[wrong] = (given[wrong] + rng.integers(1, len(labels), wrong.sum())) % len(labels)
    label_errors.MOST_LISTED = len(texts)
    with tempfile.TemporaryDirectory() as folder:
        ids = [str(row) for row in range(len(texts))]
        table = pa.table({"id": ids, "text": texts, "label": [labels[place] for place in given]})
        pq.write_table(table, Path(folder) / "train.parquet")
        started = time.perf_counter()
        schema, options = DataSchema(labels=labels), LabelErrorSettings()
        listed = label_errors.find_label_errors(Path(folder), schema, options, 1, {})["train"]["worst"]
        seconds = time.perf_counter() - started
    hits = np.array([wrong[int(entry["id"])] for entry in listed])
    what = f"of {100 * SHARE:g} % changed labels in {name}"
    return [
        Figure(f"found {what}", 100 * hits.sum() / wrong.sum(), "%"),
        Figure(f"changed, of what is found {what}", 100 * hits.mean(), "%"),
        Figure(f"changed, of the first 50 {what}", 100 * hits[:50].mean(), "%"),
        Figure(f"time, {len(texts):,} rows of {name}", seconds, "s"),
    ]

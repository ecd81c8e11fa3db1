"""For each task a checkpoint of random weights, and tables whose labels are mostly what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.base.files import write_json
from components.base.settings import DataSchema
from components.base.tables import table_schema
from components.base.truncation import Truncation
from components.validate.profile import build_profile
from serving.predictor import Scorer
from serving.tasks import TASKS
from serving.tasks.task import Decider
from tests.tiny_checkpoint import write_checkpoint
from tests.tiny_project import make_rows

LABELS = {
    "single-label": ["bad", "good", "plain"],
    "multi-label": ["bad", "good", "plain"],
    "text-pair": ["differs", "follows"],
    "token-tags": ["O", "B-place", "I-place", "B-person"],
}
CUT = Truncation("head", 24)
NOISE = 0.1


def schema_of(task: Any) -> DataSchema:
    return DataSchema(task=task, labels=LABELS[task])


def write_task(folder: Path, task: str, seed: int = 0, rows: int = 160) -> Path:
    """Writes checkpoint/, tables/ (train with all rows, validation and test with half of these) and profile.json."""
    head = {"tags": task == "token-tags", "pairs": task == "text-pair"}
    files = write_checkpoint(folder / "checkpoint", seed, len(LABELS[task]), **head)
    texts = [row["text"] for row in make_rows(2 * rows, seed=3)]
    given: list[Any] = list(texts[:rows])
    columns: dict[str, Any] = {"text": given}
    if task == "text-pair":
        columns["text_pair"] = texts[rows:]
        given = list(zip(given, texts[rows:], strict=True))
    if task == "token-tags":
        given = [text.split() for text in given]
        columns = {"tokens": given}
    column, answers = _answers(files, task, given)
    whole = pa.table(
        {"id": [f"{row:04}" for row in range(rows)], **columns, column: answers}, table_schema(schema_of(task))
    )
    (folder / "tables").mkdir()
    pq.write_table(whole, folder / "tables" / "train.parquet")
    for number, split in enumerate(("validation", "test")):
        pq.write_table(whole.slice(number * rows // 2, rows // 2), folder / "tables" / f"{split}.parquet")
    write_json(folder / "profile.json", build_profile(folder / "tables", schema_of(task), None))
    return folder


def _answers(files: Path, task: str, rows: list[Any]) -> tuple[str, list[Any]]:
    """What the checkpoint answers, every tenth answer changed."""
    kind, labels = TASKS[task], LABELS[task]
    scorer = Scorer(files / "model.onnx", files / "hf" / "tokenizer.json", CUT, task=kind)
    decider = Decider(labels, thresholds=kind.thresholds(labels))
    decided = kind.decide(kind.probabilities(scorer.logits(rows), 1.0), decider)
    noise = np.random.default_rng(0).random(decided.shape) < NOISE
    if task == "multi-label":
        return "label", [[label for label, has in zip(labels, row, strict=True) if has] for row in decided ^ noise]
    names = [labels[number] for number in np.where(noise, (decided + 1) % len(labels), decided)]
    if task != "token-tags":
        return "label", names
    ends = np.cumsum([len(row) for row in rows])
    return "tags", [names[end - len(row) : end] for row, end in zip(rows, ends, strict=True)]

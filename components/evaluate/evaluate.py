"""The step: bundle, float parent, champion and test rows in, evaluation and timing out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.files import new_folder, sha256_file, write_json
from components.base.progress import Progress
from components.base.settings import EvaluateStep
from components.base.tables import read_table
from components.base.targets import Targets, targets_of
from components.evaluate.champion import Champion
from components.evaluate.metrics import compare, score
from components.evaluate.plots import plot_confusion
from components.evaluate.timing import measure
from serving.bundle import MODEL, TOKENIZER, digest
from serving.predictor import Classifier, Predictor, Scorer
from serving.tasks.task import Decisions


def evaluate(
    bundle: Path,
    checkpoint: Path,
    tables: Path,
    champion: Champion | None,
    settings: EvaluateStep,
    evaluation: Path,
    timing: Path,
) -> None:
    """Writes `evaluation.json`, `predictions.parquet`, `confusion.png` where each row has one label, and `timing.json`
    apart from them.

    Raises TextgateError for an empty test split, a bundle whose bytes do not match its manifest, or a bundle of another
    task than the data, the champion's included.
    """
    table = read_table(tables, "test", settings.data)
    if not table.num_rows:
        raise TextgateError("the test split is empty; there is nothing to evaluate on")
    targets, options = targets_of(table, settings.data), settings.options
    predictor = Predictor(bundle)
    if predictor.task is not targets.task:
        raise TextgateError(f"the bundle is for the task {predictor.task.name}, the data for {targets.task.name}")
    files = checkpoint / MODEL, checkpoint / "hf" / TOKENIZER
    parent = Classifier(Scorer(*files, predictor.manifest.cut, task=predictor.task), predictor.decider)
    predicted = _predict(predictor, targets, "bundle")
    parent_predicted = _predict(parent, targets, "float parent")
    scored = {"digest": digest(bundle), **score(targets, predicted, options)}
    result: dict[str, Any] = {
        "rows": len(targets),
        "labels": settings.data.labels,
        "bundle": scored,
        "float": {"digest": sha256_file(checkpoint / MODEL), **score(targets, parent_predicted, options)},
        "agreement_with_float": float(targets.same(predicted, parent_predicted).mean()),
        "champion": _champion(champion, scored["digest"], targets, predicted, settings) if champion else None,
    }
    with new_folder(evaluation) as folder:
        write_json(folder / "evaluation.json", result)
        if "confusion" in scored:
            plot_confusion(scored["confusion"], settings.data.labels, folder / "confusion.png")
        rows = {"id": table["id"], targets.column: table[targets.column], "predicted": targets.stored(predicted)}
        pq.write_table(pa.table(rows), folder / "predictions.parquet")
    with new_folder(timing) as folder:
        write_json(folder / "timing.json", measure(predictor, targets.rows[: options.timing_rows]))


def _champion(
    champion: Champion, challenger: str, targets: Targets, predicted: Decisions, settings: EvaluateStep
) -> dict[str, Any]:
    if champion.bundle is None:
        return {"version": champion.version, "digest": champion.digest, "problem": champion.problem}
    theirs = predicted
    if champion.digest != challenger:
        predictor = Predictor(champion.bundle)
        if predictor.task is not targets.task:
            raise TextgateError(
                f"champion {settings.name} version {champion.version} is for the task {predictor.task.name}, the data"
                f" for {targets.task.name}; give models of another task another name"
            )
        theirs = _predict(predictor, targets, "champion")
    return {
        "version": champion.version,
        "digest": champion.digest,
        **score(targets, theirs, settings.options),
        "comparison": compare(targets, predicted, theirs, settings.options),
    }


def _predict(model: Classifier, targets: Targets, what: str) -> Decisions:
    """By the labels of the data."""
    progress = Progress(f"scoring {what}", len(targets), "texts")
    return targets.translated(model.decide(model.logits(targets.rows, progress=progress.advance)), model.labels)

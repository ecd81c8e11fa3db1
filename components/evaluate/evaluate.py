"""The step: bundle, float parent, champion and test rows in, evaluation and timing out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.files import new_folder, sha256_file, write_json
from components.base.progress import Progress
from components.base.settings import EvaluateStep
from components.base.tables import read_table
from components.evaluate.metrics import compare, score
from components.evaluate.plots import plot_confusion
from components.evaluate.timing import measure
from serving.bundle import MODEL, TOKENIZER, digest
from serving.predictor import Predictor, Scorer


@dataclass(frozen=True)
class Champion:
    """The champion that resolve pinned, its bundle in a local folder."""

    version: str
    digest: str
    bundle: Path


def evaluate(
    bundle: Path,
    checkpoint: Path,
    tables: Path,
    champion: Champion | None,
    settings: EvaluateStep,
    evaluation: Path,
    timing: Path,
) -> None:
    """Writes `evaluation.json`, `confusion.png`, `predictions.parquet`, and `timing.json` apart from them.

    Raises TextgateError for an empty test split, a bundle whose bytes do not match its manifest, or a champion whose
    digest is not the pinned one.
    """
    table = read_table(tables, "test", settings.data)
    if not table.num_rows:
        raise TextgateError("the test split is empty; there is nothing to evaluate on")
    texts, labels = table["text"].to_pylist(), settings.data.labels
    number = {label: index for index, label in enumerate(labels)}
    truth = np.array([number[label] for label in table["label"].to_pylist()])
    predictor = Predictor(bundle)
    predicted = _predict(predictor, texts, predictor.labels, number, "bundle")
    parent = Scorer(checkpoint / MODEL, checkpoint / "hf" / TOKENIZER, predictor.manifest.cut)
    parent_predicted = _predict(parent, texts, labels, number, "float parent")
    score_of = {"digest": digest(bundle), **score(truth, predicted, labels, settings.options)}
    result: dict[str, Any] = {
        "rows": len(texts),
        "labels": labels,
        "bundle": score_of,
        "float": {
            "digest": sha256_file(checkpoint / MODEL),
            **score(truth, parent_predicted, labels, settings.options),
        },
        "agreement_with_float": float((predicted == parent_predicted).mean()),
        "champion": None,
    }
    if champion:
        result["champion"] = _champion(champion, score_of["digest"], texts, truth, predicted, number, settings)
    with new_folder(evaluation) as folder:
        write_json(folder / "evaluation.json", result)
        plot_confusion(score_of["confusion"], labels, folder / "confusion.png")
        names = np.array(labels)
        rows = {"id": table["id"], "label": table["label"], "predicted": pa.array(names[predicted])}
        pq.write_table(pa.table(rows), folder / "predictions.parquet")
    with new_folder(timing) as folder:
        write_json(folder / "timing.json", measure(predictor, texts[: settings.options.timing_rows]))


def _champion(
    champion: Champion,
    challenger: str,
    texts: list[str],
    truth: np.ndarray,
    predicted: np.ndarray,
    number: dict[str, int],
    settings: EvaluateStep,
) -> dict[str, Any]:
    if digest(champion.bundle) != champion.digest:
        raise TextgateError(
            f"champion {settings.name} version {champion.version} is not the bundle that was pinned"
            f" ({champion.digest[:12]}); its stored files were changed"
        )
    if champion.digest == challenger:
        theirs = predicted
    else:
        predictor = Predictor(champion.bundle)
        theirs = _predict(predictor, texts, predictor.labels, number, "champion")
    labels, options = settings.data.labels, settings.options
    return {
        "version": champion.version,
        "digest": champion.digest,
        **score(truth, theirs, labels, options),
        "comparison": compare(truth, predicted, theirs, len(labels), options),
    }


def _predict(
    model: Predictor | Scorer, texts: list[str], labels: list[str], number: dict[str, int], what: str
) -> np.ndarray:
    """Label numbers of the data, -1 where the model answers with a label that the data does not know."""
    progress = Progress(f"scoring {what}", len(texts), "texts")
    best = model.logits(texts, progress=progress.advance).argmax(axis=1)
    return np.asarray(np.array([number.get(label, -1) for label in labels])[best])

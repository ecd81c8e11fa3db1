"""The step: bundle, float parent, champion and test rows in, evaluation and timing out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import precision_recall_curve

from components.base.checkpoint import LINEAR
from components.base.counts import Floats
from components.base.errors import TextgateError
from components.base.files import new_folder, sha256_file, write_json
from components.base.settings import EvaluateStep
from components.base.statistics.bounds import TAILS
from components.base.tables import read_table
from components.base.targets import targets_of
from components.base.thresholds import fit_thresholds
from components.evaluate import probable
from components.evaluate.answers import Answers, ask, mistakes
from components.evaluate.behaviour.behaviour import run_behaviour
from components.evaluate.champion import Champion
from components.evaluate.comparison import against, against_champion
from components.evaluate.label_errors import HeldOut, find_label_errors
from components.evaluate.lineage import seen_rows
from components.evaluate.metrics import Rows, agreement, score, score_slices
from components.evaluate.reports import write_reports
from components.evaluate.slices import Slice, known_slices, worst_slices
from serving.bench import time_bundle
from serving.bundle import MODEL, TOKENIZER
from serving.predictor import Classifier, Predictor, Scorer
from serving.tasks.task import Decider


class Evaluation:
    """What the parts of evaluation.json are made of: test rows and the answers of each model to them."""

    def __init__(self, bundle: Path, checkpoint: Path, tables: Path, settings: EvaluateStep) -> None:
        self.settings, self.options, self.tables, self.bundle = settings, settings.options, tables, bundle
        self.table = _read(tables, "test", settings)
        if not self.table.num_rows:
            raise TextgateError("the test split is empty; there is nothing to evaluate on")
        targets = targets_of(self.table, settings.data)
        self.rows = Rows(targets, _clusters(self.table, self.options.cluster), settings.data.task)
        self.predictor = Predictor(bundle)
        _check_task(self.predictor, targets.task.name, "the bundle")
        self.answers = ask(self.predictor, targets, self.predictor.digest, "bundle")
        self.slices = self._slices()
        self._checkpoint = checkpoint

    @property
    def ids(self) -> list[str]:
        ids: list[str] = self.table["id"].to_pylist()
        return ids

    def result(self, champion: Champion | None) -> dict[str, Any]:
        """evaluation.json."""
        data, options, targets = self.settings.data, self.options, self.rows.targets
        scored = score(self.rows, self.answers, options)
        size = sum(path.stat().st_size for path in self.bundle.iterdir() if path.is_file())
        # At the bundle's own temperature and thresholds, so that the weights are all that differs.
        parent = self._ask(self._scorer(MODEL), self.predictor.decider, "float parent")
        clusters = self.rows.clusters
        return {
            "task": data.task,
            "rows": len(targets),
            "labels": data.labels,
            "classes": targets.classes,
            "main": self.rows.main,
            "confidence": options.confidence,
            "tails": TAILS.tolist(),
            "units": {
                "of": options.cluster or "rows",
                "count": len(targets) if clusters is None else len(np.unique(clusters)),
            },
            "bundle": {"digest": self.answers.digest, "bytes": size, **scored},
            "float": self._beside(parent),
            "linear": self._linear(),
            "agreement_with_float": agreement(self.rows, self.answers, parent, options),
            "champion": self._champion(champion) if champion else None,
            "slices": score_slices(self.rows, self.answers, self.slices, options),
            **self._probabilities(scored),
            "behaviour": run_behaviour(self.settings.behaviour, self.table, targets, self.predictor, options),
            "label_errors": self._label_errors(),
            "mistakes": mistakes(self.ids, targets, self.answers, options.mistakes),
        }

    def curves(self) -> dict[str, tuple[Floats, Floats]]:
        """Recall and precision of each label that has an area."""
        ranked = self.rows.targets.ranked(self.answers.probabilities)
        found = {}
        if ranked:
            for place, label in enumerate(self.settings.data.labels):
                if ranked[1][:, place].any():
                    precision, recall, _ = precision_recall_curve(ranked[1][:, place], ranked[0][:, place])
                    found[label] = recall[::-1], precision[::-1]
        return found

    def predictions(self) -> pa.Table:
        """Without the texts; `probabilities` are by the labels of the data."""
        targets = self.rows.targets
        return pa.table(
            {
                "id": self.table["id"],
                targets.column: self.table[targets.column],
                "predicted": targets.stored(self.answers.decisions),
                "probabilities": targets.listed(self.answers.probabilities),
            }
        )

    def _slices(self) -> list[Slice]:
        options, targets = self.options, self.rows.targets
        right = targets.counts(self.answers.decisions).right
        inputs = self.table, targets, right, options.slices, options.seed, self.rows.clusters
        return [*known_slices(self.table, targets, options.slices), *worst_slices(*inputs)]

    def _scorer(self, model: str) -> Scorer:
        """Of a model of the checkpoint."""
        files = self._checkpoint / model, self._checkpoint / "hf" / TOKENIZER
        return Scorer(*files, self.predictor.manifest.cut, task=self.predictor.task)

    def _ask(self, scorer: Scorer, decider: Decider, what: str) -> Answers:
        return ask(Classifier(scorer, decider), self.rows.targets, sha256_file(scorer.path), what)

    def _beside(self, other: Answers) -> dict[str, Any]:
        """A model of the same run: its metrics, and the bundle's difference from it."""
        metrics = score(self.rows, other, self.options)["metrics"]
        comparison = against(self.rows, self.answers, other, self.options)
        return {"digest": other.digest, "metrics": metrics, "comparison": comparison}

    def _linear(self) -> dict[str, Any] | None:
        """Its logits are of another kind than the bundle's, so its thresholds are its own."""
        if not (self._checkpoint / LINEAR).exists():
            return None
        scorer, decider = self._scorer(LINEAR), self.rows.targets.decider
        if decider.thresholds and self.settings.fit_thresholds:
            held_out = targets_of(read_table(self.tables, "validation", self.settings.data), self.settings.data)
            probabilities = Classifier(scorer, decider).probabilities(held_out.rows)
            decider = replace(decider, thresholds=fit_thresholds(probabilities, held_out.truth))
        return self._beside(self._ask(scorer, decider, "linear model"))

    def _champion(self, champion: Champion) -> dict[str, Any]:
        named = {"version": champion.version, "digest": champion.digest}
        if champion.bundle is None:
            return {**named, "problem": champion.problem}
        theirs = self.answers
        if champion.digest != self.answers.digest:
            try:
                predictor = Predictor(champion.bundle)
                _check_task(predictor, self.rows.targets.task.name, f"champion version {champion.version}")
            except TextgateError as problem:
                return {**named, "problem": str(problem)}
            theirs = ask(predictor, self.rows.targets, champion.digest, "champion")
        scored = score(self.rows, theirs, self.options)
        seen = None
        if champion.texts is not None:
            seen = seen_rows(champion.texts, self.tables, self.table, self.settings.data)
        inputs = self.rows, self.answers, theirs, self.slices, seen, champion.unknown, self.options
        comparison = against_champion(*inputs)
        return {**named, "metrics": scored["metrics"], "per_label": scored["per_label"], "comparison": comparison}

    def _probabilities(self, scored: dict[str, Any]) -> dict[str, Any]:
        targets, shares, options = self.rows.targets, self.answers.probabilities, self.options
        manifest, oos = self.predictor.manifest, options.out_of_scope
        one_label = targets.ranks(shares) is not None
        return {
            "calibration": {
                "temperature": manifest.temperature,
                "bins": probable.reliability(targets, shares),
            },
            "abstain": probable.abstention(targets, shares, manifest.abstain_below, options.confidence)
            if one_label
            else None,
            "out_of_scope": probable.out_of_scope(targets, shares, oos, scored["per_label"], options) if oos else None,
        }

    def _label_errors(self) -> dict[str, Any]:
        settings = self.settings
        held_out = {"test": HeldOut(self.ids, self.rows.targets, self.answers.probabilities)}
        table = read_table(self.tables, "validation", settings.data)
        if table.num_rows:
            targets = targets_of(table, settings.data)
            answers = ask(self.predictor, targets, self.answers.digest, "bundle on validation")
            held_out["validation"] = HeldOut(table["id"].to_pylist(), targets, answers.probabilities)
        options = self.options.label_errors
        found: dict[str, Any] = find_label_errors(self.tables, settings.data, options, self.options.seed, held_out)
        return found


def evaluate(
    bundle: Path,
    checkpoint: Path,
    tables: Path,
    champion: Champion | None,
    settings: EvaluateStep,
    evaluation: Path,
    timing: Path,
) -> None:
    """Writes `predictions.parquet` and what write_reports does into `evaluation`, and `timing.json` apart from them.

    Raises TextgateError for an empty test split, a bundle whose bytes do not match its manifest, or one of another
    task than the data.
    """
    found = Evaluation(bundle, checkpoint, tables, settings)
    result = found.result(champion)
    with new_folder(evaluation) as folder:
        pq.write_table(found.predictions(), folder / "predictions.parquet")
        write_reports(result, found.curves(), folder)
    with new_folder(timing) as folder:
        rows = found.rows.targets.rows[: settings.options.timing_rows]
        write_json(folder / "timing.json", time_bundle(bundle, found.predictor.manifest, rows))


def _read(tables: Path, split: str, settings: EvaluateStep) -> pa.Table:
    return read_table(tables, split, settings.data, also=settings.options.kept)


def _clusters(table: pa.Table, column: str) -> Any:
    """A number for each value of the column; rows without one are alone."""
    if not column:
        return None
    values = np.array(table[column].to_pylist(), object)
    named = np.array([value or f"\0{row}" for row, value in enumerate(values)], object)
    return np.unique(named, return_inverse=True)[1]


def _check_task(predictor: Predictor, task: str, what: str) -> None:
    if predictor.task.name != task:
        raise TextgateError(
            f"{what} is for the task {predictor.task.name}, the data for {task}; give models of another task another"
            " name"
        )

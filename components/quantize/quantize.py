"""The step: float ONNX and validation rows in, the bundle and a report of the choice out."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from components.base.errors import TextgateError
from components.base.files import new_folder, sha256_file, write_json, write_text
from components.base.progress import Progress
from components.base.settings import QuantizeStep
from components.base.tables import read_table
from components.base.targets import Targets, targets_of
from components.base.truncation import Truncation
from components.quantize.calibration import fit_abstention, fit_decider
from components.quantize.candidates import choose, compare, judge, make_candidate
from components.quantize.card import model_card
from components.quantize.examples import examples
from serving.bundle import CANARY, CARD, MODEL, PROFILE, TOKENIZER, write_manifest
from serving.predictor import Classifier, Scorer

RECORDED_VERSIONS = ("onnxruntime", "tokenizers", "numpy")


def quantize(checkpoint: Path, tables: Path, profile: Path, settings: QuantizeStep, bundle: Path, report: Path) -> None:
    """Writes the bundle and `quantization.json`; `profile` is the file that describes the training data.

    Raises TextgateError when validation holds no usable row.
    """
    targets = _validation_rows(tables, settings)
    tokenizer = checkpoint / "hf" / TOKENIZER
    with new_folder(bundle) as folder:
        work = folder.with_name(folder.name + ".work")
        work.mkdir()
        try:
            logits, figures = _score_candidates(checkpoint / MODEL, tokenizer, targets, settings, work)
            chosen, why = choose(figures)
            decider = fit_decider(targets, logits[chosen], settings.limits.fit_thresholds)
            precision = settings.limits.abstain_precision
            abstain_below = _abstention(targets, logits[chosen], decider.temperature, precision)
            shutil.move(work / f"{chosen}.onnx", folder / MODEL)
        finally:
            shutil.rmtree(work)
        shutil.copyfile(tokenizer, folder / TOKENIZER)
        shutil.copyfile(profile, folder / PROFILE)
        cut = Truncation.of(settings.tokenization)
        scorer = Scorer(folder / MODEL, folder / TOKENIZER, cut, task=targets.task)
        asked = examples(targets, logits[chosen], Classifier(scorer, decider))
        write_json(folder / CANARY, asked)
        summary = {
            "chosen": chosen,
            "why": why,
            "metric": targets.main,
            "candidates": figures,
            "temperature": decider.temperature,
            **({"thresholds": decider.thresholds} if decider.thresholds else {}),
            "abstain_below": abstain_below,
            "canary": {"examples": len(asked), "right": sum(example.get("right", True) for example in asked)},
            "rows": len(targets),
        }
        write_text(folder / CARD, model_card(settings, summary))
        write_manifest(
            folder,
            name=settings.name,
            task=targets.task.name,
            labels=settings.data.labels,
            truncation=cut,
            temperature=decider.temperature,
            precision=chosen,
            versions={name: importlib.metadata.version(name) for name in RECORDED_VERSIONS},
            thresholds=decider.thresholds,
            abstain_below=abstain_below,
        )
    with new_folder(report) as folder:
        write_json(folder / "quantization.json", summary)


def _abstention(targets: Targets, logits: np.ndarray, temperature: float, precision: float) -> float:
    """Of answers that are one label each."""
    probabilities = targets.task.probabilities(logits, temperature)
    if not precision or targets.ranks(probabilities) is None:
        return 0.0
    claims = targets.claims(probabilities)
    return fit_abstention(claims.confidence, claims.happened, precision)


def _validation_rows(tables: Path, settings: QuantizeStep) -> Targets:
    table = read_table(tables, "validation", settings.data)
    most = settings.limits.max_rows
    if most and most < table.num_rows:
        table = table.take(np.sort(np.random.default_rng(0).permutation(table.num_rows)[:most]))
    if not table.num_rows:
        raise TextgateError("the validation split is empty; quantize needs rows to compare and calibrate on")
    return targets_of(table, settings.data)


def _score_candidates(
    source: Path, tokenizer: Path, targets: Targets, settings: QuantizeStep, work: Path
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    logits: dict[str, np.ndarray] = {}
    figures: dict[str, dict[str, Any]] = {}
    for precision in sorted(settings.limits.candidates, key=lambda name: name != "float32"):
        path = work / f"{precision}.onnx"
        make_candidate(precision, source, path)
        progress = Progress(f"scoring {precision}", len(targets), "texts")
        scorer = Scorer(path, tokenizer, Truncation.of(settings.tokenization), task=targets.task)
        logits[precision] = scorer.logits(targets.rows, progress=progress.advance)
        entry = compare(targets, logits[precision], logits["float32"], path.stat().st_size)
        why = "" if precision == "float32" else judge(entry, targets.main, settings.limits)
        figures[precision] = {**entry, "sha256": sha256_file(path), "within_limits": not why, "why": why}
    return logits, figures

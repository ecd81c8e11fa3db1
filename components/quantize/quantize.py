"""The step: float ONNX and validation rows in, the bundle and a report of the choice out."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from components.base.encoding import Encoder
from components.base.errors import TextgateError
from components.base.files import new_folder, read_json, sha256_file, write_json, write_text
from components.base.mlflow_model import write_mlmodel
from components.base.progress import Progress
from components.base.settings import QuantizeStep
from components.base.tables import read_table
from components.base.targets import Targets, targets_of
from components.base.truncation import Truncation
from components.quantize.calibration import fit_abstention, fit_decider
from components.quantize.candidates import make_candidates
from components.quantize.card import model_card
from components.quantize.comparison import choose, compare, judge
from components.quantize.examples import examples
from serving.bench import measure, processor
from serving.bundle import CANARY, CARD, MODEL, PROFILE, RIGHT, TOKENIZER, digest, write_manifest
from serving.predictor import Classifier, Scorer
from serving.tasks.task import Decider

RECORDED_VERSIONS = ("onnxruntime", "tokenizers", "numpy")
TIMED_ROWS = 64


def quantize(
    checkpoint: Path,
    tables: Path,
    profile: Path,
    settings: QuantizeStep,
    bundle: Path,
    report: Path,
    candidates: Path,
) -> None:
    """Writes the bundle; `candidates`, a folder with NAME.onnx for each model that was compared; and the report,
    `quantization.json` and `timing.json`. `profile` is the file that describes the training data.

    Raises TextgateError when validation holds no usable row.
    """
    targets = _validation_rows(tables, settings)
    tokenizer, cut = checkpoint / "hf" / TOKENIZER, Truncation.of(settings.tokenization)
    with new_folder(candidates) as models:
        encoded = targets.task.encode(Encoder(tokenizer, cut), _calibration(targets, settings))
        sensitivity = make_candidates(checkpoint / MODEL, encoded, settings.limits, models)
        paths: dict[str, Path] = {name: models / f"{name}.onnx" for name in settings.limits.candidates}
        logits, figures = _compare(paths, tokenizer, targets, settings)
        timing = _time(paths, tokenizer, targets, settings)
    chosen, why = choose(figures, timing["candidates"], settings.limits.policy, settings.chosen)
    decider = fit_decider(targets, logits[chosen], settings.limits.fit_thresholds)
    abstain_below = _abstention(targets, logits[chosen], decider.temperature, settings.limits.abstain_precision)
    summary: dict[str, Any] = {
        "chosen": chosen,
        "policy": settings.limits.policy,
        "why": why,
        "metric": targets.main,
        "candidates": figures,
        "sensitivity": sensitivity,
        "temperature": decider.temperature,
        **({"thresholds": decider.thresholds} if decider.thresholds else {}),
        "abstain_below": abstain_below,
        "rows": len(targets),
    }
    with new_folder(bundle) as folder:
        shutil.copyfile(candidates / f"{chosen}.onnx", folder / MODEL)
        shutil.copyfile(tokenizer, folder / TOKENIZER)
        shutil.copyfile(profile, folder / PROFILE)
        scorer = Scorer(folder / MODEL, folder / TOKENIZER, cut, task=targets.task)
        asked = examples(targets, logits[chosen], Classifier(scorer, decider))
        write_json(folder / CANARY, asked)
        summary["canary"] = {"examples": len(asked), "right": sum(example.get(RIGHT, True) for example in asked)}
        _seal(folder, settings, decider, summary)
        summary["digest"] = digest(folder)
    with new_folder(report) as folder:
        write_json(folder / "quantization.json", summary)
        write_json(folder / "timing.json", timing)


def _seal(folder: Path, settings: QuantizeStep, decider: Decider, summary: dict[str, Any]) -> None:
    """Adds what describes the bundle: card, manifest, MLmodel."""
    versions = {name: importlib.metadata.version(name) for name in RECORDED_VERSIONS}
    write_text(folder / CARD, model_card(settings, summary, read_json(folder / PROFILE), versions))
    write_manifest(
        folder,
        name=settings.name,
        task=settings.data.task,
        labels=settings.data.labels,
        truncation=Truncation.of(settings.tokenization),
        temperature=decider.temperature,
        precision=summary["chosen"],
        versions=versions,
        thresholds=decider.thresholds,
        abstain_below=summary["abstain_below"],
    )
    write_mlmodel(folder)


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


def _calibration(targets: Targets, settings: QuantizeStep) -> list[Any]:
    """Rows drawn from all of them, in order."""
    drawn = np.random.default_rng(0).permutation(len(targets))[: settings.limits.calibration_rows]
    return [targets.rows[row] for row in np.sort(drawn)]


def _compare(
    paths: Mapping[str, Path], tokenizer: Path, targets: Targets, settings: QuantizeStep
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Logits and figures of each; all are decided as the float model is best decided, so that they can be compared."""
    logits: dict[str, np.ndarray] = {}
    for name, path in paths.items():
        progress = Progress(f"scoring {name}", len(targets), "texts")
        scorer = Scorer(path, tokenizer, Truncation.of(settings.tokenization), task=targets.task)
        logits[name] = scorer.logits(targets.rows, progress=progress.advance)
    reference, figures = logits["float32"], {}
    decider = fit_decider(targets, reference, settings.limits.fit_thresholds)
    for name, path in paths.items():
        entry = compare(targets, logits[name], reference, path.stat().st_size, decider)
        why = "" if name == "float32" else judge(entry, targets.main, settings.limits)
        figures[name] = {**entry, "sha256": sha256_file(path), "within_limits": not why, "why": why}
    return logits, figures


def _time(paths: Mapping[str, Path], tokenizer: Path, targets: Targets, settings: QuantizeStep) -> dict[str, Any]:
    """Latency, throughput and load time of each, taken in turns on the same rows."""
    cut = Truncation.of(settings.tokenization)
    loaders = {name: partial(Scorer, path, tokenizer, cut, task=targets.task) for name, path in paths.items()}
    drawn = np.random.default_rng(1).permutation(len(targets))[:TIMED_ROWS]
    rows = [targets.rows[row] for row in drawn]
    return {"processor": processor(), "rows": len(rows), "threads": 0, "candidates": measure(loaders, rows)}

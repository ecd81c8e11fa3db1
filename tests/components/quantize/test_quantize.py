"""quantize on files of tasks whose answers 0.5 does not decide well, or that the model never gets wholly right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.checkpoint import LINEAR
from components.base.files import write_json
from components.base.settings import (
    CanarySettings,
    EvaluateStep,
    EvaluationSettings,
    QuantizationSettings,
    QuantizeStep,
    TokenizationSettings,
)
from components.base.tables import read_table
from components.base.targets import targets_of
from components.base.thresholds import fit_thresholds
from components.canary.canary import canary
from components.evaluate.evaluate import evaluate
from components.quantize.quantize import quantize
from serving.bundle import CANARY, load_manifest, read_canary, write_manifest
from serving.predictor import Predictor
from tests.task_tables import LABELS, schema_of, write_task

LENIENT = {"min_agreement": 0.0, "max_accuracy_drop": 1.0}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def quantized(folder: Path, task: str, name: str = "bundle", **limits: Any) -> Any:
    """The report."""
    step = QuantizeStep(
        name="tiny",
        data=schema_of(task),
        tokenization=TokenizationSettings(max_length=24),
        limits=QuantizationSettings(**LENIENT | limits),
    )
    report = folder / f"{name}-report"
    quantize(
        folder / "checkpoint",
        folder / "tables",
        folder / "profile.json",
        step,
        folder / name,
        report,
        folder / f"{name}-candidates",
    )
    return read(report, "quantization.json")


def validation(folder: Path, task: Any) -> Any:
    return targets_of(read_table(folder / "tables", "validation", schema_of(task)), schema_of(task))


def relabel(folder: Path, column: str, values: list[Any], split: str) -> None:
    path = folder / "tables" / f"{split}.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with each label that their bundle gives 0.15 or more, and two bundles: thresholds fitted, and not."""
    folder = write_task(tmp_path_factory.mktemp("several"), "multi-label")
    quantized(folder, "multi-label", "plain", fit_thresholds=False)
    predictor = Predictor(folder / "plain")
    for split in ("validation", "test"):
        texts = pq.read_table(folder / "tables" / f"{split}.parquet")["text"].to_pylist()
        given = predictor.task.probabilities(predictor.logits(texts), 1.0) >= 0.15
        relabel(
            folder, "label", [[LABELS["multi-label"][label] for label in np.flatnonzero(row)] for row in given], split
        )
    quantized(folder, "multi-label")
    for name in ("plain", "plain-report", "plain-candidates"):
        shutil.rmtree(folder / name)
    quantized(folder, "multi-label", "plain", fit_thresholds=False)
    shutil.copyfile(folder / "checkpoint" / "model.onnx", folder / "checkpoint" / LINEAR)
    return folder


def test_thresholds_are_fitted_on_the_served_probabilities_of_the_chosen_candidate(shifted: Path) -> None:
    predictor, targets = Predictor(shifted / "bundle"), validation(shifted, "multi-label")
    thresholds = predictor.manifest.thresholds
    assert thresholds == fit_thresholds(predictor.probabilities(targets.rows), targets.truth)
    assert thresholds == read(shifted / "bundle-report", "quantization.json")["thresholds"]
    assert min(thresholds) < 0.45
    plain = Predictor(shifted / "plain")
    assert plain.manifest.thresholds == [0.5] * 3
    assert plain.manifest.temperature == predictor.manifest.temperature
    fitted, unfitted = (
        targets.counts(model.decide(model.logits(targets.rows))).whole().metric("macro_f1")[0]
        for model in (predictor, plain)
    )
    assert fitted > unfitted + 0.05


def test_what_the_canary_asks_is_right_at_the_thresholds_that_are_served(shifted: Path, tmp_path: Path) -> None:
    examples = read_canary(shifted / "bundle")
    targets, report = validation(shifted, "multi-label"), read(shifted / "bundle-report", "quantization.json")
    assert report["canary"] == {"examples": len(examples), "right": len(examples)}
    known = {text: targets.answer(row) for row, text in enumerate(targets.rows)}
    assert all(example["labels"] == known[example["text"]] for example in examples)
    assert canary(shifted / "bundle", CanarySettings(), tmp_path / "report"), read(tmp_path / "report", CANARY)
    sealed = load_manifest(shifted / "bundle")
    shutil.copytree(shifted / "bundle", tmp_path / "other")
    kept = ("name", "task", "labels", "temperature", "precision", "versions")
    fields = {name: getattr(sealed, name) for name in kept}
    write_manifest(tmp_path / "other", truncation=sealed.cut, thresholds=[0.99] * 3, **fields)
    assert not canary(tmp_path / "other", CanarySettings(), tmp_path / "report"), "thresholds are part of what is asked"


def test_other_models_of_the_evaluation_have_their_thresholds_too(shifted: Path) -> None:
    """The linear model of this checkpoint is the float one, whose thresholds are its own."""

    def evaluated(bundle: str, fit: bool) -> Any:
        options = EvaluationSettings(bootstrap_samples=200, timing_rows=5)
        step = EvaluateStep(name="tiny", data=schema_of("multi-label"), options=options, fit_thresholds=fit)
        outputs = shifted / f"{bundle}-evaluation", shifted / f"{bundle}-timing"
        evaluate(shifted / bundle, shifted / "checkpoint", shifted / "tables", None, step, *outputs)
        found = read(outputs[0], "evaluation.json")
        return {name: found[name]["metrics"]["macro_f1"]["value"] for name in ("bundle", "float", "linear")}

    plain, fitted = evaluated("plain", False), evaluated("bundle", True)
    assert all(fitted[name] > plain[name] + 0.05 for name in plain)
    assert plain["linear"] == plain["float"]


def test_tags_of_which_no_sentence_is_wholly_right_have_a_canary_of_the_model_s_own_answers(tmp_path: Path) -> None:
    task, labels = "token-tags", LABELS["token-tags"]
    folder = write_task(tmp_path / "tags", task)
    targets = validation(folder, task)
    ends = np.cumsum(targets.sizes)
    places = (targets.truth + 1) % len(labels)
    wrong = [
        [labels[place] for place in places[end - size : end]] for size, end in zip(targets.sizes, ends, strict=True)
    ]
    relabel(folder, "tags", wrong, "validation")
    report, examples = quantized(folder, task), read_canary(folder / "bundle")
    right = sum("right" not in example for example in examples)
    assert report["canary"] == {"examples": len(examples), "right": right}
    assert right < len(examples) and all(example["entities"] for example in examples if "right" in example)
    assert {one["label"] for example in examples for one in example["entities"]} == {"place", "person"}
    assert canary(folder / "bundle", CanarySettings(), tmp_path / "report"), read(tmp_path / "report", CANARY)
    checks = read(tmp_path / "report", CANARY)["checks"]
    assert any("not known to be right" in check["expected"] for check in checks)
    write_json(folder / "bundle" / CANARY, [{**examples[0], "entities": []}])
    sealed = load_manifest(folder / "bundle")
    kept = ("name", "task", "labels", "temperature", "precision", "versions")
    write_manifest(folder / "bundle", truncation=sealed.cut, **{name: getattr(sealed, name) for name in kept})
    assert not canary(folder / "bundle", CanarySettings(), tmp_path / "report"), "an own answer is held to, too"

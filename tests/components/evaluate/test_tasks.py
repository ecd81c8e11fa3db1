"""quantize, evaluate, gate and canary on files of each task that is more than one label for a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.metric_names import METRICS
from components.base.settings import (
    CanarySettings,
    EvaluateStep,
    EvaluationSettings,
    GateSettings,
    GateStep,
    QuantizationSettings,
    QuantizeStep,
    TokenizationSettings,
)
from components.canary.canary import canary
from components.evaluate.champion import Champion
from components.evaluate.evaluate import evaluate
from components.gate.gate import gate
from components.quantize.quantize import quantize
from serving.bundle import digest, load_manifest, read_canary, verify, write_manifest
from tests.task_tables import LABELS, schema_of, write_task

TASKS = ["multi-label", "text-pair", "token-tags"]
LENIENT = {"min_agreement": 0.5, "max_accuracy_drop": 0.5}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def make_bundle(folder: Path, task: str, **limits: Any) -> Any:
    step = QuantizeStep(
        name="tiny",
        data=schema_of(task),
        tokenization=TokenizationSettings(max_length=24),
        limits=QuantizationSettings(**limits),
    )
    inputs = folder / "checkpoint", folder / "tables", folder / "profile.json"
    quantize(*inputs, step, folder / "bundle", folder / "report", folder / "candidates")
    return read(folder / "report", "quantization.json")


def run(folder: Path, task: str, champion: str = "", bundle: str = "bundle") -> Any:
    options = EvaluationSettings(bootstrap_samples=200, timing_rows=5)
    step = EvaluateStep(name="tiny", data=schema_of(task), options=options)
    theirs = Champion("3", digest(folder / champion), folder / champion) if champion else None
    outputs = folder / "evaluation", folder / "timing"
    for output in outputs:
        shutil.rmtree(output, ignore_errors=True)
    evaluate(folder / bundle, folder / "checkpoint", folder / "tables", theirs, step, *outputs)
    return read(folder / "evaluation", "evaluation.json")


def decided(task: str, probabilities: list[Any], folder: Path) -> list[Any]:
    """What each row's probabilities, by label, come to; a word that fell to truncation has none, and is O."""
    labels = LABELS[task]
    if task == "text-pair":
        return [labels[int(np.argmax(row))] for row in probabilities]
    if task == "token-tags":
        return [["O" if np.isnan(word[0]) else labels[int(np.argmax(word))] for word in row] for row in probabilities]
    least = np.float32(load_manifest(folder / "bundle").thresholds)
    return [
        [label for label, share, limit in zip(labels, row, least, strict=True) if share >= limit]
        for row in probabilities
    ]


@pytest.fixture(scope="module", params=TASKS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A folder with tables, a checkpoint, its bundle, and another bundle as champion."""
    task = str(request.param)
    folder, other = (tmp_path_factory.mktemp(task) for _ in range(2))
    make_bundle(write_task(folder, task), task, **LENIENT)
    make_bundle(write_task(other, task, seed=4), task, **LENIENT)
    (other / "bundle").rename(folder / "champion")
    return task, folder


def test_the_bundle_is_of_its_task(made: tuple[str, Path]) -> None:
    task, folder = made
    manifest, report = verify(folder / "bundle"), read(folder / "report", "quantization.json")
    assert (manifest.task, manifest.labels) == (task, LABELS[task])
    assert len(manifest.thresholds) == (3 if task == "multi-label" else 0)
    assert report.get("thresholds", []) == manifest.thresholds
    stored = read_canary(folder / "bundle")
    assert report["canary"] == {"examples": len(stored), "right": len(stored)}
    main = "accuracy" if task == "text-pair" else "micro_f1"
    assert report["metric"] == main
    int8, float32 = report["candidates"]["int8"], report["candidates"]["float32"]
    assert (report["chosen"], float32["agreement"], float32[f"{main}_drop"]) == ("int8", 1, 0)
    assert float32[main] > 0.7
    assert 0.5 < int8["agreement"] <= 1
    assert int8[f"{main}_drop"] == pytest.approx(float32[main] - int8[main])
    assert f"| candidate | {METRICS[main].words} |" in (folder / "bundle" / "README.md").read_text()


def test_the_metrics_are_those_of_the_stored_predictions(made: tuple[str, Path]) -> None:
    task, folder = made
    found = run(folder, task)
    column = "tags" if task == "token-tags" else "label"
    rows = pq.read_table(folder / "evaluation" / "predictions.parquet").to_pydict()
    assert list(rows) == ["id", column, "predicted", "probabilities"]
    assert decided(task, rows["probabilities"], folder) == rows["predicted"]
    assert rows[column] == pq.read_table(folder / "tables" / "test.parquet")[column].to_pylist()
    pairs = list(zip(rows[column], rows["predicted"], strict=True))
    if task == "token-tags":
        expected = f1_score(rows["tags"], rows["predicted"], mode="strict", scheme=IOB2)
        assert found["bundle"]["metrics"]["micro_f1"]["value"] == pytest.approx(expected)
        assert set(found["bundle"]["per_label"]) == {"place", "person"}
        pairs = [pair for one, other in pairs for pair in zip(one, other, strict=True)]
    right = [sorted(one) == sorted(other) for one, other in pairs]
    assert found["bundle"]["metrics"]["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert (folder / "evaluation" / "confusion.png").exists() == (task == "text-pair")
    timing = read(folder / "timing", "timing.json")
    assert timing.keys() == {"p50_ms", "p95_ms", "texts_per_second", "load_s", "rows", "threads", "processor"}
    assert (timing["rows"], timing["p50_ms"] > 0) == (5, True)
    assert timing["processor"].keys() == {"name", "machine", "cores", "has", "lacks"}


def test_swapping_champion_and_challenger_turns_sign_and_verdict(made: tuple[str, Path]) -> None:
    """The tables are labelled by the float parent of `bundle`."""
    task, folder = made
    metric = "accuracy" if task == "text-pair" else "micro_f1"
    superior = {"metric": metric, "against": "champion", "test": "superior"}
    rules = GateSettings.model_validate({"rules": {"floor": {"metric": metric, "at_least": 0.1}, "champion": superior}})

    def judged(name: str) -> bool:
        inputs = folder / "evaluation", folder / "timing", folder / "validation"
        return gate(*inputs, GateStep(options=rules), folder / name, folder / f"{name}.html")

    write_json(folder / "validation" / "validation.json", {"checks": []})
    up = run(folder, task, "champion")
    assert judged("up")
    down = run(folder, task, "bundle", bundle="champion")
    assert not judged("down")
    gains, losses = (found["champion"]["comparison"]["metrics"] for found in (up, down))
    for name, gain in gains.items():
        loss = losses[name]["value"]
        assert gain["value"] == (None if loss is None else pytest.approx(-loss)), name
    assert gains[metric]["low"] > 0
    slices = up["champion"]["comparison"]["slices"]
    assert set(slices) == {one["name"] for one in up["slices"]}
    assert all(one["metrics"].keys() == slices[one["name"]].keys() for one in up["slices"])
    again = run(folder, task, "bundle")
    assert again["champion"]["comparison"]["metrics"][metric]["value"] == 0
    judged("again")
    assert read(folder / "again", "verdict.json")["outcome"] == "unchanged"


def test_the_server_answers_the_stored_examples(made: tuple[str, Path], tmp_path: Path) -> None:
    task, folder = made
    examples = read_canary(folder / "bundle")
    assert len(examples) >= 2
    if task == "token-tags":
        assert {one["label"] for example in examples for one in example["entities"]} == {"place", "person"}
    assert canary(folder / "bundle", CanarySettings(), tmp_path / "report"), read(tmp_path / "report", "canary.json")
    checks = {check["check"]: check for check in read(tmp_path / "report", "canary.json")["checks"]}
    assert checks["example 1"]["observed"] != "nothing"
    assert list(checks)[-3:] == ["malformed request", "long text", "latency"]


def test_another_model_does_not_answer_the_stored_examples(made: tuple[str, Path], tmp_path: Path) -> None:
    _, folder = made
    shutil.copytree(folder / "champion", tmp_path / "other")
    shutil.copyfile(folder / "bundle" / "canary.json", tmp_path / "other" / "canary.json")
    sealed = load_manifest(tmp_path / "other")
    kept = ("name", "task", "labels", "temperature", "precision", "versions", "thresholds")
    write_manifest(tmp_path / "other", truncation=sealed.cut, **{name: getattr(sealed, name) for name in kept})
    assert not canary(tmp_path / "other", CanarySettings(), tmp_path / "report")
    checks = read(tmp_path / "report", "canary.json")["checks"]
    assert {check["check"].split()[0] for check in checks if not check["passed"]} == {"example"}


def test_a_model_of_another_task_is_no_model_for_the_data(tmp_path: Path) -> None:
    for task in ("multi-label", "single-label"):
        make_bundle(write_task(tmp_path / task, task), task, **LENIENT)
    folder = tmp_path / "multi-label"
    (tmp_path / "single-label" / "bundle").rename(folder / "other")
    found = run(folder, "multi-label", "other")["champion"]
    assert "version 3 is for the task single-label, the data for multi-label" in found["problem"]
    with pytest.raises(TextgateError, match="the bundle is for the task single-label, the data for multi-label"):
        run(folder, "multi-label", bundle="other")

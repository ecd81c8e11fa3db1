"""Every task and architecture through the compiled pipeline: trained, gated, questioned by the canary, deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.predictor import Predictor
from tests.e2e.story import Story
from tests.tiny_project import (
    LABELS,
    TAGS,
    make_rows,
    make_task_rows,
    split_rows,
    write_base_model,
    write_config,
    write_version,
)

pytestmark = pytest.mark.slow
TRAINING = {"epochs": 25, "batch_size": 8, "learning_rate": 0.005, "bucket_lengths": [12, 24], "dropout": 0.0}


def project_of(folder: Path, task: str, **changes: Any) -> Story:
    rows = make_rows(360) if task == "single-label" else make_task_rows(task, 360)
    write_version(folder, split_rows(rows))
    write_base_model(folder / "base_model")
    labels = TAGS if task == "token-tags" else LABELS
    data = {"version": "data.dvc", "remotes": ["remote"], "labels": labels, "task": task}
    main = "accuracy" if task in ("single-label", "text-pair") else "micro_f1"
    rules = {main: {"at_least": 0.2}, "macro_f1": {"at_least": 0.5}, "agreement": {"at_least": 0.8}}
    gate = {"rules": rules | {"float": {"margin": 0.1}}}
    write_config(folder, data=data, training=TRAINING, gate=gate, **changes)
    return Story(folder)


def answered(story: Story, rows: list[Any]) -> tuple[Predictor, Any]:
    predictor = Predictor(Path(story.pinned()["bundle"]))
    return predictor, predictor.logits(rows)


@pytest.mark.parametrize("task", ["multi-label", "text-pair", "token-tags"])
def test_a_task_goes_all_the_way(tmp_path: Path, task: str) -> None:
    story = project_of(tmp_path, task)
    run = story.run("first", "--config", "tiny.yaml")
    assert run["outcome"] == "registered", run["out"]
    assert story.states("first")["deploy"] == "done"
    (canary,) = Path(run["folder"]).glob("tasks/*/canary/report/canary.json")
    checks = json.loads(canary.read_text())["checks"]
    assert all(check["passed"] for check in checks) and len(checks) > 4
    one: Any = {
        "multi-label": "it was great",
        "text-pair": ("it was", "the best"),
        "token-tags": ["it", "was", "great"],
    }[task]
    predictor, logits = answered(story, [one])
    assert predictor.manifest.task == task
    assert logits.shape == ((3, len(TAGS)) if task == "token-tags" else (1, len(LABELS)))
    tracked = story.tracked("first")
    assert tracked.data.metrics["test/macro_f1"] >= 0.5 and "floor/validation_micro_f1" in tracked.data.metrics


@pytest.mark.parametrize("architecture", ["linear", "text-cnn", "bilstm"])
def test_an_architecture_goes_all_the_way(tmp_path: Path, architecture: str) -> None:
    story = project_of(tmp_path, "single-label", model={"architecture": architecture, "embedding": 32, "units": 32})
    run = story.run("first", "--config", "tiny.yaml")
    assert run["outcome"] == "registered", run["out"]
    assert "(linear model " in run["out"]
    predictor, logits = answered(story, ["the service was great and nice"])
    assert predictor.labels[int(logits.argmax())] == "good"


def test_a_run_begins_from_the_champion_and_keeps_its_head(tmp_path: Path) -> None:
    story = project_of(tmp_path, "single-label")
    story.run("first", "--config", "tiny.yaml")
    warm = ["--set=base_model.warm_start=champion", "--set=training.epochs=1", "--set=training.seed=2"]
    run = story.run("second", "--config", "tiny.yaml", *warm)
    (training,) = Path(run["folder"]).glob("tasks/*/finetune/checkpoint/training.json")
    report = json.loads(training.read_text())
    assert report["kept_labels"] == LABELS and report["new_weights"] == []
    (before,) = Path(story.runs["first"]["folder"]).glob("tasks/*/finetune/checkpoint/training.json")
    started, best = (
        report["epochs"][0],
        max(epoch["validation_accuracy"] for epoch in json.loads(before.read_text())["epochs"]),
    )
    assert started["validation_accuracy"] > best - 0.1, "one epoch from the champion is about as good as it"

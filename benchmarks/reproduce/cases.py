"""The runs that are made again: twenty of varied settings, on tiny projects of each task."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.reproduce.running import WORK, kept, run, stopped_run
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

ROWS = 360
TRAINING = {"epochs": 12, "batch_size": 16, "learning_rate": 0.005, "bucket_lengths": [12, 24], "dropout": 0.1}
MAIN = {"single-label": "accuracy", "text-pair": "accuracy", "multi-label": "micro_f1", "token-tags": "micro_f1"}
# Wide enough that TensorFlow shares the sum of one gradient among threads: what is smaller comes out the same on any.
WIDE = (
    "model.embedding=256",
    "model.units=256",
    "training.batch_size=64",
    "training.bucket_lengths=[128]",
    "tokenization.max_length=128",
    "training.epochs=2",
)


class Case(NamedTuple):
    """One run; `stopped`: its training is killed on the way, and goes on in another."""

    name: str
    settings: tuple[str, ...] = ()
    task: str = "single-label"
    stopped: bool = False


CASES = (
    Case("the first champion"),
    Case("begun from the champion", ("base_model.warm_start=champion", "training.epochs=2")),
    Case("LoRA", ("model.lora_rank=4",)),
    Case("mean pooling, balanced labels", ("model.pooling=mean", "training.class_weights=balanced")),
    Case("a head from a probe", ("model.head=probe", "training.patience=2")),
    Case("TextCNN", ("model.architecture=text-cnn", *WIDE)),
    Case("BiLSTM", ("model.architecture=bilstm", "model.embedding=32", "model.units=32")),
    Case("linear", ("model.architecture=linear",)),
    Case("bfloat16", ("training.precision=mixed_bfloat16",)),
    Case("compiled updates, smoothed labels", ("training.xla=update", "training.label_smoothing=0.1")),
    Case("SGD, accumulated", ("training.optimizer=sgd", "training.learning_rate=0.2", "training.accumulate=2")),
    Case("frozen layers", ("training.embeddings=frozen", "training.frozen_layers=1")),
    Case("all word vectors, cosine", ("training.embeddings=all", "training.schedule=cosine")),
    Case("float served", ("quantization.policy=float32", "training.seed=3")),
    Case("the fastest served", ("quantization.policy=fastest_within", "training.seed=4")),
    Case("chunks, in shards", ("tokenization.truncation=chunk", "tokenization.max_length=10", "tokenization.shards=2")),
    Case("stopped and gone on", ("training.seed=5",), stopped=True),
    Case("several labels", task="multi-label"),
    Case("pairs", task="text-pair"),
    Case("tags", task="token-tags"),
)


def original(case: Case) -> str:
    """The name of the case's run, which is made once. Raises TextgateError where it does not end well."""

    def make() -> str:
        project = project_of(case.task)
        options = [word for setting in case.settings for word in ("--set", setting)]
        if not case.stopped:
            return run(project, *options)
        return run(project, "--reuse", stopped_run(project, *options), "--from", "finetune")

    return kept(case.name, make)


def project_of(task: str, promoted: bool = True) -> Path:
    """A folder with tiny.yaml, data and base model, whose gate refuses hardly anything; without `promoted` there is
    never a champion."""
    folder = WORK / (task if promoted else "unpromoted")
    if (folder / "tiny.yaml").exists():
        return folder
    rows = make_rows(ROWS, noise=0.1) if task == "single-label" else make_task_rows(task, ROWS)
    write_version(folder, split_rows(rows))
    if not (folder / "base_model").exists():
        write_base_model(folder / "base_model")
    labels = TAGS if task == "token-tags" else LABELS
    low = {"at_least": 0.0}
    rules = {
        MAIN[task]: low,
        "macro_f1": low,
        "agreement": low,
        "float": {"margin": 0.9},
        "latency": {"severity": "off"},
    }
    write_config(
        folder,
        name=f"tiny-{folder.name}",
        data={"version": "data.dvc", "remotes": ["remote"], "labels": labels, "task": task},
        training=TRAINING,
        gate={"rules": {**rules, "champion": {"severity": "warn"}, "champion_slices": {"severity": "warn"}}},
        promote={"mode": "auto" if promoted else "manual"},
        deploy={"mode": "manual"},
    )
    return folder

"""The step: encoded dataset and base model in, checkpoint and training report out."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from components.base.errors import TextgateError
from components.base.files import digest_files, new_folder, read_json, write_json
from components.base.objects import open_store
from components.base.settings import S3Settings, TrainingSettings
from components.base.signals import noting_stop
from components.finetune.batches import Rows, read_rows
from components.finetune.checkpoints import Checkpoints, State
from components.finetune.classifier import build_classifier
from components.finetune.encoders.architecture import padding_id, usable_places
from components.finetune.hugging_face import standard_tensors, write_checkpoint
from components.finetune.onnx_export import check_onnx, write_onnx
from components.finetune.train import Trainer, prepare

LIBRARIES = ("tensorflow", "keras", "keras-hub", "numpy")


def finetune(
    encoded: Path, base_model: Path, settings: TrainingSettings, checkpoint: Path, s3: S3Settings | None = None
) -> None:
    """Writes `model.weights.h5`, `hf/`, `model.onnx` and `training.json` into `checkpoint`; `s3` is how
    checkpoint.place is reached.

    Raises TextgateError for an empty split, an unreadable base model, a loss that stopped being finite, or a saved
    state of another training, and SystemExit when told to stop.
    """
    started = time.monotonic()
    prepare(settings)
    config, labels = read_json(base_model / "config.json"), read_json(encoded / "labels.json")
    train = read_rows(encoded / "train.arrow", settings.max_train_rows)
    validation = read_rows(encoded / "validation.arrow", settings.max_validation_rows)
    _check_lengths((train, validation), settings, usable_places(config))
    model = build_classifier(base_model, len(labels), settings.dropout)
    freeze(model, settings)
    checkpoints = _checkpoints(encoded, base_model, settings, s3)
    with noting_stop() as stopped:
        trainer = Trainer(model, settings, padding_id(config), checkpoints, stopped)
        trained = trainer.fit(train, validation)
        print(f"::progress:: {trainer.cost.line()}", flush=True)
        with new_folder(checkpoint) as folder:
            report = _write(trainer, base_model, config, labels, validation, folder)
            report |= _report(settings, trained, trainer, train, validation)
            write_json(folder / "training.json", {**report, "seconds": time.monotonic() - started})
        if checkpoints:
            checkpoints.remove()


def freeze(model: keras.Model, settings: TrainingSettings) -> None:
    """Raises TextgateError where there are fewer layers than are to be frozen."""
    layers = [
        layer
        for group in model.backbone.transformer_layers
        for layer in (group if isinstance(group, list) else [group])
    ]
    if settings.frozen_layers > len(layers):
        raise TextgateError(
            f"training.frozen_layers is {settings.frozen_layers}, and the base model has {len(layers)} layers"
        )
    for layer in layers[: settings.frozen_layers]:
        layer.trainable = False
    if settings.embeddings == "frozen":
        inner = {id(layer) for layer in layers}
        for layer in model.backbone.layers:
            if id(layer) not in inner and layer is not getattr(model.backbone, "pooled_dense", None):
                layer.trainable = False


def _check_lengths(splits: tuple[Rows, ...], settings: TrainingSettings, places: int) -> None:
    longest = max(len(tokens) for rows in splits for tokens in rows.tokens)
    if settings.bucket_for(longest) > places:
        raise TextgateError(
            f"texts of up to {longest} tokens need more positions than the base model's {places};"
            " lower tokenization.max_length, or give training.bucket_lengths one that fits"
        )


def _checkpoints(
    encoded: Path, base_model: Path, settings: TrainingSettings, s3: S3Settings | None
) -> Checkpoints | None:
    if not settings.checkpoint.place:
        return None
    identity: dict[str, Any] = {
        f"training.{key}": value for key, value in settings.model_dump(exclude={"checkpoint"}).items()
    }
    identity["the tokenized data"] = digest_files(encoded)
    identity["the base model"] = digest_files(base_model)
    identity |= {f"the version of {name}": version(name) for name in LIBRARIES}
    return Checkpoints(open_store(settings.checkpoint.place, s3), settings.checkpoint, identity)


def _write(
    trainer: Trainer, base_model: Path, config: dict[str, Any], labels: list[str], validation: Rows, folder: Path
) -> dict[str, Any]:
    print("::progress:: writing the checkpoint and its ONNX", flush=True)
    trainer.model.save_weights(folder / "model.weights.h5")
    tensors = standard_tensors(trainer.model, base_model)
    write_checkpoint(tensors, base_model, labels, folder / "hf")
    write_onnx(tensors, config, folder / "model.onnx")
    sample, buckets = validation.first(128), trainer.settings.bucket_lengths
    difference = check_onnx(folder / "model.onnx", sample, trainer.logits(sample), buckets, trainer.pad)
    return {"onnx_max_difference": difference}


def _report(
    settings: TrainingSettings, trained: State, trainer: Trainer, train: Rows, validation: Rows
) -> dict[str, Any]:
    return {
        "parameters": settings.model_dump(exclude={"checkpoint"}),
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "steps": {"columns": ["update", "loss", "gradient_norm", "learning_rate"], "rows": trained.steps},
        "resumed": trained.resumed,
        "rows": {"train": train.texts, "validation": validation.texts},
        "cost": trainer.cost.report(),
        "versions": {name: version(name) for name in LIBRARIES},
    }

"""The step: encoded dataset and base model in, checkpoint and training report out."""

from __future__ import annotations

import time
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import new_folder, read_json, write_json
from components.base.settings import TrainingSettings
from components.finetune.batches import read_rows
from components.finetune.classifier import build_classifier
from components.finetune.encoders.architecture import padding_id, usable_places
from components.finetune.hugging_face import standard_tensors, write_checkpoint
from components.finetune.onnx_export import check_onnx, write_onnx
from components.finetune.train import Trainer, make_deterministic


def finetune(encoded: Path, base_model: Path, settings: TrainingSettings, checkpoint: Path) -> None:
    """Writes `model.weights.h5`, `hf/`, `model.onnx` and `training.json` into `checkpoint`.

    Raises TextgateError for an empty split, an unreadable base model, or weights that stopped being finite.
    """
    started = time.monotonic()
    make_deterministic(settings.seed, settings.threads)
    labels = read_json(encoded / "labels.json")
    train = read_rows(encoded / "train.arrow", settings.max_train_rows)
    validation = read_rows(encoded / "validation.arrow", settings.max_validation_rows)
    longest = max(len(tokens) for rows in (train, validation) for tokens in rows.tokens)
    config = read_json(base_model / "config.json")
    places = usable_places(config)
    if settings.bucket_for(longest) > places:
        raise TextgateError(
            f"texts of up to {longest} tokens need more positions than the base model's {places};"
            " lower tokenization.max_length, or give training.bucket_lengths one that fits"
        )
    model = build_classifier(base_model, len(labels), settings.dropout)
    pad = padding_id(config)
    trainer = Trainer(model, settings, pad)
    trained = trainer.fit(train, validation)
    with new_folder(checkpoint) as folder:
        print("::progress:: writing the checkpoint and its ONNX", flush=True)
        model.save_weights(folder / "model.weights.h5")
        tensors = standard_tensors(model, base_model)
        write_checkpoint(tensors, base_model, labels, folder / "hf")
        write_onnx(tensors, config, folder / "model.onnx")
        sample = validation.first(128)
        difference = check_onnx(folder / "model.onnx", sample, trainer.logits(sample), settings.bucket_lengths, pad)
        report = {
            "parameters": settings.model_dump(),
            "epochs": trained.epochs,
            "best_epoch": trained.best_epoch,
            "rows": {"train": train.texts, "validation": validation.texts},
            "onnx_max_difference": difference,
            "seconds": time.monotonic() - started,
        }
        write_json(folder / "training.json", report)

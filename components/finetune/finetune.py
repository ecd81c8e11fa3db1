"""The step: encoded dataset and base model in, checkpoint and training report out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
from safetensors import SafetensorError

from components.base.checkpoint import LINEAR
from components.base.errors import TextgateError
from components.base.files import digest_files, new_folder, read_json, reserve, write_json
from components.base.objects import open_store
from components.base.settings import FinetuneStep
from components.base.signals import noting_stop
from components.finetune.checkpoints import Checkpoints, State
from components.finetune.cost import Cost
from components.finetune.linear import network as linear
from components.finetune.linear.onnx_export import write_onnx as write_linear_onnx
from components.finetune.networks import Network, build_network
from components.finetune.onnx_export import check_onnx
from components.finetune.rows import Rows, read_rows
from components.finetune.setup import Setup
from components.finetune.train import Trainer, prepare
from serving.processor import processor

LIBRARIES = ("tensorflow", "keras", "keras-hub", "numpy")
# The weights are written by Keras, in safetensors and in ONNX; the rest beside them is small.
WRITTEN_TIMES, BESIDE = 3, 32 << 20


def finetune(encoded: Path, base_model: Path, settings: FinetuneStep, checkpoint: Path) -> None:
    """Writes `hf/`, `model.onnx`, `training.json` and, but for a linear model, `model.weights.h5` and `linear.onnx`
    into `checkpoint`.

    Raises TextgateError for an empty split, an unreadable base model, a loss that stopped being finite, a batch that
    memory does not hold, or a saved state of another training, and SystemExit when told to stop.
    """
    started = time.monotonic()
    training = settings.training
    devices = prepare(training)
    labels = read_json(encoded / "labels.json")
    train = read_rows(encoded / "train.arrow", len(labels), training.max_train_rows)
    validation = read_rows(encoded / "validation.arrow", len(labels), training.max_validation_rows)
    if settings.model.architecture == "linear":
        _finetune_linear(base_model, settings, labels, (train, validation), checkpoint)
        return
    print("::progress:: fitting the linear model to compare with", flush=True)
    floor, floor_scores = linear.floor(base_model, labels, train, validation, training.seed)
    with devices.scope():
        network = build_network(Setup(base_model, labels, train, validation, settings.model, training))
    checkpoints = _checkpoints(encoded, base_model, settings)
    with noting_stop() as stopped:
        trainer = Trainer(network.trained, training, labels, network.pad, devices, checkpoints, stopped)
        trained = trainer.fit(network.train, network.validation)
        print(f"::progress:: {trainer.cost.line()}", flush=True)
        with _writable(checkpoint), new_folder(checkpoint) as folder:
            reserve(folder, WRITTEN_TIMES * sum(value.nbytes for value in network.model.get_weights()) + BESIDE)
            write_linear_onnx(floor, folder / LINEAR)
            report = _write(network, trainer, folder) | network.notes | {"floor": floor_scores, "xla": trainer.xla}
            report |= _report(settings, trained, trainer.cost, train, validation)
            write_json(folder / "training.json", {**report, "seconds": time.monotonic() - started})
        if checkpoints:
            checkpoints.remove()


def _finetune_linear(
    base_model: Path, settings: FinetuneStep, labels: list[str], splits: tuple[Rows, Rows], checkpoint: Path
) -> None:
    """Nothing of it takes epochs: the whole is reported as one."""
    started, cost = time.monotonic(), Cost()
    train, validation = splits
    print("::progress:: fitting the linear model", flush=True)
    model, found = linear.fitted(base_model, labels, train, validation, settings.training.seed)
    epoch = {"epoch": 1.0, **{name: value for name, value in found.items() if name != "rows"}}
    with _writable(checkpoint), new_folder(checkpoint) as folder:
        linear.write(model, labels, base_model, folder)
        sample, training = validation.first(128), settings.training
        difference = check_onnx(folder / "model.onnx", sample, model.logits(sample), training.bucket_lengths, 0)
        report = _report(settings, State(epochs=[epoch], best_epoch=1), cost, train, validation)
        report |= {"onnx_max_difference": difference, "floor": found}
        write_json(folder / "training.json", {**report, "seconds": time.monotonic() - started})


@contextmanager
def _writable(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextgateError(
            f"the checkpoint cannot be written to {checkpoint}: {reason}; free space or give access there and run"
            " again; where training.checkpoint.place is set it goes on from what was saved there last"
        ) from error


def _checkpoints(encoded: Path, base_model: Path, settings: FinetuneStep) -> Checkpoints | None:
    kept = settings.training.checkpoint
    if not kept.place:
        return None
    identity: dict[str, Any] = {
        f"{section}.{key}": value for section, values in _parameters(settings).items() for key, value in values.items()
    }
    identity["the tokenized data"] = digest_files(encoded)
    identity["the base model"] = digest_files(base_model)
    identity |= {f"the version of {name}": version(name) for name in LIBRARIES}
    return Checkpoints(open_store(kept.place, settings.s3), kept, identity)


def _parameters(settings: FinetuneStep) -> dict[str, dict[str, Any]]:
    return {
        "model": settings.model.model_dump(),
        "training": settings.training.model_dump(exclude={"checkpoint"}),
    }


def _write(network: Network, trainer: Trainer, folder: Path) -> dict[str, Any]:
    print("::progress:: writing the checkpoint and its ONNX", flush=True)
    network.model.save_weights(folder / "model.weights.h5")
    network.write(folder)
    sample = network.validation.first(128)
    expected = _float32_logits(network, trainer, folder, sample)
    buckets = trainer.settings.bucket_lengths
    return {"onnx_max_difference": check_onnx(folder / "model.onnx", sample, expected, buckets, trainer.pad)}


def _float32_logits(network: Network, trainer: Trainer, folder: Path, sample: Rows) -> Any:
    """What the ONNX is to give: the trained model's logits, or, where it computes in less, those of its checkpoint."""
    if trainer.settings.precision == "float32":
        return trainer.logits(sample)
    keras.config.set_dtype_policy("float32")
    model, settings = network.reread(folder), trainer.settings
    return Trainer(model, settings, trainer.labels, trainer.pad, trainer.devices).logits(sample)


def _report(settings: FinetuneStep, trained: State, cost: Cost, train: Rows, validation: Rows) -> dict[str, Any]:
    parameters = _parameters(settings)
    return {
        "parameters": parameters["training"] | {"batch_size": trained.batch_size},
        "model": parameters["model"],
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "steps": {"columns": ["update", "loss", "gradient_norm", "learning_rate"], "rows": trained.steps},
        "resumed": trained.resumed,
        "rows": {"train": train.texts, "validation": validation.texts},
        "cost": cost.report(),
        "versions": {name: version(name) for name in LIBRARIES},
        "processor": processor()["name"],
    }

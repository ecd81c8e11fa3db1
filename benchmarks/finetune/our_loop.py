"""The bare train step, and the whole loop, over the same batches; a process of its own for each, for speed.py.

Arguments: "step", base model, batches (.npz), labels, threads, and settings that differ from the defaults, as JSON; or
"loop", base model, encoded data, labels, threads, rows. Prints JSON: as torch_loop.py does, or the seconds of the loop
(all between two steps included) and of the bare steps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from components.base.settings import ModelSettings, TrainingSettings
from components.finetune.batches import Batch, assemble, plan
from components.finetune.classifier import build_classifier
from components.finetune.losses import label_weights
from components.finetune.rows import Rows, read_rows
from components.finetune.step import TrainStep
from components.finetune.train import Trainer, prepare
from components.finetune.trained_parts import choose_trained


def main() -> None:
    what, base_model, source, labels, threads = sys.argv[1:6]
    changes = json.loads(sys.argv[6]) if what == "step" and len(sys.argv) > 6 else {}
    chosen = ModelSettings(**changes.pop("model", {}))
    settings = TrainingSettings(**{"threads": int(threads), "epochs": 1, **changes})
    prepare(settings)
    model = build_classifier(Path(base_model), int(labels), settings.dropout, pooling=chosen.pooling)
    choose_trained(model, chosen, settings)
    if what == "step":
        arrays = np.load(source)
        batches = [
            Batch(arrays[f"{n}.ids"], arrays[f"{n}.mask"], arrays[f"{n}.labels"], np.arange(len(arrays[f"{n}.labels"])))
            for n in range(len(arrays.files) // 3)
        ]
        print(
            json.dumps(
                run_steps(
                    TrainStep(model, settings, compiled="off" if settings.xla == "auto" else settings.xla),
                    batches,
                    int(labels),
                )
            )
        )
    else:
        rows = read_rows(Path(source) / "train.arrow", int(labels), int(sys.argv[6]))
        print(json.dumps(run_loop(Trainer(model, settings, [str(n) for n in range(int(labels))], 0), rows, settings)))


def run_steps(step: TrainStep, batches: list[Batch], labels: int) -> dict[str, object]:
    weights = np.ones((2, labels), np.float32)
    started = time.perf_counter()
    for batch in {batch.input_ids.shape[1]: batch for batch in batches}.values():
        step.update([batch], weights, 5e-5)
    warming = time.perf_counter() - started
    seconds = []
    for batch in batches:
        started = time.perf_counter()
        step.update([batch], weights, 5e-5)
        seconds.append(time.perf_counter() - started)
    return {"first": warming, "seconds": seconds, "rows": sum(len(batch.index) for batch in batches)}


def run_loop(trainer: Trainer, rows: Rows, settings: TrainingSettings) -> dict[str, float]:
    """The loop, then the bare step on the same batches made beforehand, in the same process."""
    started = time.perf_counter()
    trainer.fit(rows, rows.first(32))
    cost = trainer.cost.report()
    whole = time.perf_counter() - started - cost["first_step_seconds"] - cost["validation_seconds"]
    groups = plan(rows, settings.bucket_lengths, trainer.batch_size, 0, np.random.default_rng([settings.seed, 0]))
    made = [assemble(rows, group, 0) for group in groups]
    step = TrainStep(trainer.model, settings)
    weights = label_weights(rows, trainer.model.output_shape[-1], settings)
    step.update([made[0]], weights, 5e-5)
    started = time.perf_counter()
    for batch in made[1:]:
        step.update([batch], weights, 5e-5)
    return {"loop": whole, "bare": time.perf_counter() - started}


main()

"""A model trained on banking77, the bundle that the quantize step makes of it, and the test rows."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.finetune.banking77 import SETTINGS
from benchmarks.finetune.prepared import MAX_LENGTH, Rows, base_model, encode, read, train
from benchmarks.harness import OUT
from components.base.errors import TextgateError
from components.base.files import read_json, sha256_file, sha256_text, write_json
from components.base.settings import DataSchema, FinetuneStep, QuantizationSettings, QuantizeStep, TokenizationSettings
from components.base.tables import read_table
from components.base.targets import Targets, targets_of
from components.quantize.quantize import quantize
from components.validate.profile import build_profile

NAME = "banking77"


class Prepared(NamedTuple):
    """`folder` has `bundle`, `candidates` and `report`, as quantize wrote them of `checkpoint`, and room for what is
    compared with them; `precision` is that of the bundle."""

    checkpoint: Path
    folder: Path
    precision: str
    settings: QuantizeStep
    test: Targets


@cache
def prepare() -> Prepared:
    """Raises Absent where the public set is not there, and TextgateError for a CHECKPOINT that is none."""
    splits = read(NAME)
    labels = sorted({label for _, label in splits["train"]})
    checkpoint = _checkpoint(splits)
    folder = OUT / "quantize" / sha256_file(checkpoint / "model.onnx")[:12]
    settings = QuantizeStep(
        name=NAME,
        data=DataSchema(labels=labels),
        tokenization=TokenizationSettings(max_length=MAX_LENGTH),
        limits=QuantizationSettings(),
    )
    tables, profile = folder / "tables", folder / "profile.json"
    if not (folder / "report").exists():
        encode(splits, folder)
        write_json(profile, build_profile(tables, settings.data, base_model()))
        outputs = (folder / name for name in ("bundle", "report", "candidates"))
        quantize(checkpoint, tables, profile, settings, *outputs)
    chosen = read_json(folder / "report/quantization.json")["chosen"]
    return Prepared(
        checkpoint, folder, chosen, settings, targets_of(read_table(tables, "test", settings.data), settings.data)
    )


def _checkpoint(splits: dict[str, Rows]) -> Path:
    """What the finetune step wrote: that of CHECKPOINT, or one trained here and kept for the next time."""
    if named := os.environ.get("CHECKPOINT"):
        if not (Path(named) / "model.onnx").exists():
            raise TextgateError(f"CHECKPOINT names {named}, which is no checkpoint: it has no model.onnx")
        return Path(named)
    step = FinetuneStep(training=SETTINGS)
    kept = OUT / NAME / sha256_text(step.model_dump_json())[:12]
    if not (kept / "checkpoint").exists():
        train(encode(splits, kept), step, kept / "checkpoint")
    return kept / "checkpoint"

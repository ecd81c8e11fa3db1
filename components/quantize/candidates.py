"""The candidates for serving, each made of the float ONNX."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from components.base.encoding import Encoded
from components.base.progress import Progress
from components.base.settings import QuantizationSettings
from components.quantize.activations import Feed, feeds, watch
from components.quantize.int8 import to_int8, units
from components.quantize.layers import find_layers
from components.quantize.scales import Scale, fit_scale
from components.quantize.sensitivity import keep_float, measure_errors

# Of the calibration rows, those that each part of the model is tried on by itself.
SENSITIVITY_ROWS = 32


def make_candidates(
    source: Path, encoded: Encoded, settings: QuantizationSettings, folder: Path
) -> list[dict[str, Any]]:
    """Writes `folder`/NAME.onnx for each of settings.candidates, made of the float ONNX `source`; `encoded` are the
    rows that int8 is calibrated on. Gives the report of the sensitivity pass, empty where there was none."""
    names = settings.candidates
    shutil.copyfile(source, folder / "float32.onnx")
    if "float16" in names:
        whole = onnx.load(str(source))
        onnx.save(
            convert_float_to_float16(whole, keep_io_types=True, disable_shape_infer=True), folder / "float16.onnx"
        )
    if not {"int8", "mixed"} & set(names):
        return []
    model = onnx.load(str(source))
    batches, scales = _calibrated(model, encoded)
    if "int8" in names:
        onnx.save(to_int8(model, scales), folder / "int8.onnx")
    if "mixed" not in names:
        return []
    weights = units(find_layers(model))
    progress = Progress("trying each part", len(weights), "parts")
    errors = measure_errors(model, scales, _spread(batches, SENSITIVITY_ROWS), progress.advance)
    floats = keep_float(errors, settings.mixed_error)
    onnx.save(to_int8(model, scales, floats), folder / "mixed.onnx")
    return [{"layer": weights[name], "error": error, "float": name in floats} for name, error in errors.items()]


def _calibrated(model: onnx.ModelProto, encoded: Encoded) -> tuple[list[Feed], dict[str, Scale]]:
    dense = find_layers(model).dense
    channels = {name: len(group[0].kernel) for name, group in dense.items()}
    batches = feeds(model, encoded, sum(channels.values()))
    activations = watch(model, channels, batches)
    progress = Progress("fitting scales", len(dense), "products")
    scales = {}
    for name, group in dense.items():
        scales[name] = fit_scale(activations[name], [layer.kernel for layer in group])
        progress.advance(1)
    return batches, scales


def _spread(batches: Sequence[Feed], rows: int) -> list[Feed]:
    """About so many rows, of all lengths."""
    total = sum(len(batch["input_ids"]) for batch in batches)
    step = max(1, total // rows)
    found, before = [], 0
    for batch in batches:
        count = len(batch["input_ids"])
        chosen = [place - before for place in range(before, before + count) if place % step == 0]
        before += count
        if chosen:
            found.append({name: value[chosen] for name, value in batch.items()})
    return found

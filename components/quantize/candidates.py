"""The candidates for serving and the choice between them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from components.base.settings import QuantizationSettings


def make_candidate(precision: str, source: Path, target: Path) -> None:
    """float32 is a copy; int8 quantizes matrix products and embeddings per channel, activations as they come."""
    if precision == "float32":
        shutil.copyfile(source, target)
        return
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(
        str(source),
        str(target),
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Gather"],
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


def compare(logits: np.ndarray, reference: np.ndarray, truth: np.ndarray, size: int) -> dict[str, Any]:
    """A candidate's figures against the float logits [rows, labels] on rows of known label [rows]."""
    predicted, expected = logits.argmax(axis=1), reference.argmax(axis=1)
    accuracy = float((predicted == truth).mean())
    return {
        "agreement": float((predicted == expected).mean()),
        "accuracy": accuracy,
        "accuracy_drop": round(float((expected == truth).mean()) - accuracy, 12),
        "max_logit_difference": float(np.abs(logits - reference).max()),
        "bytes": size,
    }


def judge(figures: dict[str, Any], limits: QuantizationSettings) -> str:
    """Why a candidate is outside the limits, or "" when it is within them."""
    if figures["agreement"] < limits.min_agreement:
        return f"agrees with float on {figures['agreement']:.4f} of the rows, below {limits.min_agreement}"
    if figures["accuracy_drop"] > limits.max_accuracy_drop:
        return f"loses {figures['accuracy_drop']:.4f} accuracy, more than {limits.max_accuracy_drop}"
    return ""


def choose(candidates: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """The smallest candidate within the limits, and why."""
    within = [name for name, figures in candidates.items() if figures["within_limits"]]
    chosen = min(within, key=lambda name: candidates[name]["bytes"])
    refused = "; ".join(f"{name} {figures['why']}" for name, figures in candidates.items() if figures["why"])
    why = f"the smallest within the limits, {candidates[chosen]['bytes'] / 1e6:.1f} MB"
    return chosen, f"{why}; {refused}" if refused else why

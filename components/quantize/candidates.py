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
from components.base.targets import Targets
from serving.tasks.task import Decisions


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


def compare(targets: Targets, logits: np.ndarray, reference: np.ndarray, size: int) -> dict[str, Any]:
    """A candidate's figures against the float logits on rows whose answers are known.

    `agreement` is the share of decisions that are the same: of rows, all labels of one together, or of words.
    """
    predicted, expected = decided(targets, logits), decided(targets, reference)
    value, best = (float(targets.counts(found).whole().metric(targets.main)[0]) for found in (predicted, expected))
    return {
        "agreement": float(targets.same(predicted, expected).mean()),
        targets.main: value,
        f"{targets.main}_drop": round(best - value, 12),
        "max_logit_difference": float(np.nanmax(np.abs(logits - reference))),
        "bytes": size,
    }


def decided(targets: Targets, logits: np.ndarray) -> Decisions:
    """What a model of these logits decides as long as nothing is fitted."""
    return targets.task.decide(targets.task.probabilities(logits, 1.0), targets.decider)


def judge(figures: dict[str, Any], main: str, limits: QuantizationSettings) -> str:
    """Why a candidate is outside the limits, or "" when it is within them."""
    if figures["agreement"] < limits.min_agreement:
        return f"agrees with float on {figures['agreement']:.4f} of the decisions, below {limits.min_agreement}"
    if figures[f"{main}_drop"] > limits.max_accuracy_drop:
        lost = f"{figures[f'{main}_drop']:.4f} {main.replace('_', ' ')}"
        return f"loses {lost}, more than {limits.max_accuracy_drop}"
    return ""


def choose(candidates: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """The smallest candidate within the limits, and why."""
    within = [name for name, figures in candidates.items() if figures["within_limits"]]
    chosen = min(within, key=lambda name: candidates[name]["bytes"])
    refused = "; ".join(f"{name} {figures['why']}" for name, figures in candidates.items() if figures["why"])
    why = f"the smallest within the limits, {candidates[chosen]['bytes'] / 1e6:.1f} MB"
    return chosen, f"{why}; {refused}" if refused else why

"""What the checkpoint has beside its own model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The float ONNX of the linear model that the training is compared with; a checkpoint that is linear itself has none.
LINEAR = "linear.onnx"
REPORT = "training.json"


def trained_with(report: Mapping[str, Any]) -> dict[str, str]:
    """Of a training's report what, with the same inputs and versions, can still change its bytes, as tags."""
    parameters = report["parameters"]
    found = {
        "threads": parameters.get("threads", ""),
        "training_precision": parameters.get("precision", ""),
        "processor": report.get("processor", ""),
    }
    return {f"textgate.{name}": str(value) for name, value in found.items()}

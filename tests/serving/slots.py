"""A slot around any predictor."""

from __future__ import annotations

from typing import Any

from serving.models import ServedModel, Slot


def slot_of(predictor: Any, version: str = "1") -> Slot:
    return Slot(ServedModel("tiny", version, predictor))

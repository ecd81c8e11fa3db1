"""From the trained model to the served one: quantization, canary, promotion, deployment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Fraction, Section


class QuantizationSettings(Section):
    """int8 is taken when, on validation rows, it agrees with float this often and loses at most this much accuracy
    (for several labels or tags: micro F1). `abstain_precision` is the share of answers that shall be right where those
    of low probability are withheld; the bundle holds the probability for it (0: all are given). Where a row has one
    label. `fit_thresholds`: of several labels, each gets a threshold of its own, fitted on validation rows; else all
    have 0.5."""

    candidates: Annotated[list[Literal["float32", "int8"]], Field(min_length=1)] = ["float32", "int8"]
    min_agreement: Fraction = 0.97
    max_accuracy_drop: Fraction = 0.01
    max_rows: Annotated[int, Field(ge=0)] = 2000
    abstain_precision: Fraction = 0.95
    fit_thresholds: bool = True

    @model_validator(mode="after")
    def float_stands_by(self) -> Self:
        if "float32" not in self.candidates:
            raise ValueError("candidates must hold float32, which is served when no other keeps within the limits")
        return self


class CanarySettings(Section):
    max_latency_ms: Annotated[float, Field(gt=0)] = 2000.0
    start_timeout_s: Annotated[float, Field(gt=0)] = 60.0


class PromoteSettings(Section):
    """`log` is a folder or s3://bucket/prefix; empty means `promotions/` in the workspace.

    `keep_checkpoint`: each version keeps the float checkpoint that its bundle was made from, in MLflow, so that a later
    training can begin from it; it has the base model's size.
    """

    mode: Literal["auto", "manual"] = "manual"
    log: str = ""
    keep_checkpoint: bool = True


class DeploySettings(Section):
    mode: Literal["auto", "manual"] = "manual"


class ServeSettings(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080

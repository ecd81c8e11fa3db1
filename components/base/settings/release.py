"""From the trained model to the served one: quantization, evaluation, gate, canary, promotion, deployment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.settings.section import Fraction, Positive, Section


class QuantizationSettings(Section):
    """int8 is taken when, on validation rows, it agrees with float this often and loses at most this much accuracy
    (for several labels or tags: micro F1)."""

    candidates: Annotated[list[Literal["float32", "int8"]], Field(min_length=1)] = ["float32", "int8"]
    min_agreement: Fraction = 0.97
    max_accuracy_drop: Fraction = 0.01
    max_rows: Annotated[int, Field(ge=0)] = 2000

    @model_validator(mode="after")
    def float_stands_by(self) -> Self:
        if "float32" not in self.candidates:
            raise ValueError("candidates must hold float32, which is served when no other keeps within the limits")
        return self


Metric = Literal["accuracy", "macro_f1", "micro_f1"]


class EvaluationSettings(Section):
    bootstrap_samples: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0)] = 1
    timing_rows: Positive = 200


class GateSettings(Section):
    """Floors hold always. Against a champion, `metric` must be better by more than `min_gain`, and the paired interval
    of the difference must not reach below minus `max_loss`. Micro F1 is for multi-label and token-tags (of entities);
    elsewhere it is the accuracy."""

    min_accuracy: Fraction = 0.5
    min_macro_f1: Fraction = 0.5
    min_micro_f1: Fraction = 0.0
    min_label_recall: Fraction = 0.0
    max_agreement_loss: Fraction = 0.05
    max_latency_ms: Annotated[float, Field(gt=0)] = 1000.0
    metric: Metric = "macro_f1"
    min_gain: Fraction = 0.0
    max_loss: Fraction = 0.01


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

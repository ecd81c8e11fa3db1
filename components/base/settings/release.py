"""From the trained model to the served one: quantization, canary, promotion, deployment."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.base.precisions import Precision
from components.base.settings.section import Fraction, Section
from serving.options import LogOptions, Options


class QuantizationSettings(Section):
    """A candidate is within the limits when, on at most `max_rows` validation rows, it agrees with float this often and
    loses at most this much accuracy (for several labels or tags: micro F1). `policy` takes the smallest or the fastest
    of those, or the one that it names; where none is, float is served. The scales of int8 come from `calibration_rows`
    of the rows; `mixed` leaves those parts of the model float without which the others make at most the share
    `mixed_error` of int8's squared error.

    `abstain_precision` is the share of answers that shall be right where those of low probability are withheld; the
    bundle holds the probability for it (0: all are given). Where a row has one label. With `fit_thresholds` each of
    several labels has a threshold of its own, fitted on validation rows; else all have 0.5."""

    candidates: Annotated[list[Precision], Field(min_length=1)] = ["float32", "int8", "mixed"]
    policy: Literal["smallest_within", "fastest_within"] | Precision = "smallest_within"
    min_agreement: Fraction = 0.97
    max_accuracy_drop: Fraction = 0.01
    max_rows: Annotated[int, Field(ge=0)] = 2000
    calibration_rows: Annotated[int, Field(ge=1)] = 256
    mixed_error: Fraction = 0.25
    abstain_precision: Fraction = 0.95
    fit_thresholds: bool = True

    @model_validator(mode="after")
    def float_stands_by(self) -> Self:
        if "float32" not in self.candidates:
            raise ValueError("candidates must hold float32, which is served when no other keeps within the limits")
        if self.policy not in ("smallest_within", "fastest_within", *self.candidates):
            raise ValueError(f"the policy {self.policy} is not among the candidates ({', '.join(self.candidates)})")
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


class PromotionRequest(Section):
    """What a person asks for beside a version: why and who (user@host). `expect` is the champion whose place it is to
    take ("none": there is to be none; empty: whichever it was compared with)."""

    reason: str = ""
    who: str = ""
    expect: str = ""
    allow_signature_change: bool = False


class PredictionLogSettings(Section):
    """See serving.options.LogOptions."""

    folder: str = ""
    sample: Fraction = 1.0
    texts: bool = False
    rows: Annotated[int, Field(ge=1)] = 50_000
    seconds: Annotated[float, Field(ge=1)] = 300.0
    keep: Annotated[int, Field(ge=0)] = 0


class ServeSettings(Section):
    """See serving.options.Options."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    threads: Annotated[int, Field(ge=0)] = 1
    workers: Annotated[int, Field(ge=0)] = 0
    max_batch: Annotated[int, Field(ge=1)] = 32
    max_wait_ms: Annotated[float, Field(ge=0)] = 1.0
    max_queue: Annotated[int, Field(ge=1)] = 256
    timeout_ms: Annotated[float, Field(gt=0)] = 10_000.0
    max_texts: Annotated[int, Field(ge=1)] = 256
    max_characters: Annotated[int, Field(ge=1)] = 20_000
    max_body_bytes: Annotated[int, Field(ge=1)] = 4 << 20
    linger_s: Annotated[float, Field(ge=0)] = 0.0
    drain_s: Annotated[float, Field(ge=0)] = 20.0
    log: PredictionLogSettings = PredictionLogSettings()

    @property
    def options(self) -> Options:
        return Options(**self.model_dump(exclude={"log"}), log=LogOptions(**self.log.model_dump()))

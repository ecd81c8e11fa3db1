"""Settings: one YAML per use, checked before anything runs; each step receives only its own part, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from components.base.errors import TextgateError
from components.base.settings_faults import explain

SPLITS = ("train", "validation", "test")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(Section):
    id: str = "id"
    text: str = "text"
    label: str = "label"

    @model_validator(mode="after")
    def differ(self) -> Self:
        if len({self.id, self.text, self.label}) < 3:
            raise ValueError("id, text and label must name three different columns")
        return self


class DataSettings(Section):
    """`version` is the DVC file whose md5 names the data; `remotes` are tried in order."""

    version: str = "data.dvc"
    remotes: Annotated[list[str], Field(min_length=1)] = [".dvc/cache"]
    columns: Columns = Columns()
    labels: Annotated[list[str], Field(min_length=2)]

    @model_validator(mode="after")
    def labels_differ(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must differ from one another")
        return self


class ValidationSettings(Section):
    """Limits that the tables must keep; shares are of a split's rows, lengths are in characters."""

    min_rows: dict[Literal["train", "validation", "test"], Positive] = {"train": 100, "validation": 50, "test": 50}
    min_rows_per_label: Positive = 10
    max_label_share: Fraction = 0.9
    max_text_length: Positive = 2000
    max_replacement_characters: Annotated[int, Field(ge=0)] = 0


class BaseModelSettings(Section):
    """One reference: a folder, or package://module/path. A folder is relative to the config file."""

    reference: str


class TokenizationSettings(Section):
    max_length: Annotated[int, Field(ge=8, le=512)] = 64


class TrainingSettings(Section):
    """`max_train_rows` 0 takes all rows. `learning_rate` is the peak after warm-up; decay is linear to 0."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    max_train_rows: Annotated[int, Field(ge=0)] = 0
    max_validation_rows: Annotated[int, Field(ge=0)] = 0
    epochs: Positive = 2
    batch_size: Positive = 32
    bucket_lengths: Annotated[list[Positive], Field(min_length=1)] = [16, 24, 32, 48, 64, 96, 128, 256, 512]
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 5e-5
    warmup_share: Fraction = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    threads: Annotated[int, Field(ge=0)] = 2

    @model_validator(mode="after")
    def buckets_grow(self) -> Self:
        if sorted(set(self.bucket_lengths)) != self.bucket_lengths:
            raise ValueError("bucket_lengths must grow from each to the next")
        return self

    def bucket_for(self, length: int) -> int:
        """The shortest bucket that holds `length` tokens."""
        return next(bucket for bucket in self.bucket_lengths if bucket >= length)


class QuantizationSettings(Section):
    """int8 is taken when, on validation rows, it agrees with float this often and loses at most this much accuracy."""

    candidates: Annotated[list[Literal["float32", "int8"]], Field(min_length=1)] = ["float32", "int8"]
    min_agreement: Fraction = 0.97
    max_accuracy_drop: Fraction = 0.01
    max_rows: Annotated[int, Field(ge=0)] = 2000

    @model_validator(mode="after")
    def float_stands_by(self) -> Self:
        if "float32" not in self.candidates:
            raise ValueError("candidates must hold float32, which is served when no other keeps within the limits")
        return self


Metric = Literal["accuracy", "macro_f1"]


class EvaluationSettings(Section):
    bootstrap_samples: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0)] = 1
    timing_rows: Positive = 200


class GateSettings(Section):
    """Floors hold always. Against a champion, `metric` must be better by more than `min_gain`, and the paired interval
    of the difference must not reach below minus `max_loss`."""

    min_accuracy: Fraction = 0.5
    min_macro_f1: Fraction = 0.5
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
    """`log` is a folder or s3://bucket/prefix; empty means `promotions/` in the workspace."""

    mode: Literal["auto", "manual"] = "manual"
    log: str = ""


class DeploySettings(Section):
    mode: Literal["auto", "manual"] = "manual"


class ServeSettings(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080


class Settings(Section):
    name: Name
    task: Literal["single-label"] = "single-label"
    data: DataSettings
    validation: ValidationSettings = ValidationSettings()
    base_model: BaseModelSettings
    tokenization: TokenizationSettings = TokenizationSettings()
    training: TrainingSettings = TrainingSettings()
    quantization: QuantizationSettings = QuantizationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    canary: CanarySettings = CanarySettings()
    promote: PromoteSettings = PromoteSettings()
    deploy: DeploySettings = DeploySettings()
    serve: ServeSettings = ServeSettings()

    @model_validator(mode="after")
    def sections_fit(self) -> Self:
        if self.tokenization.max_length > self.training.bucket_lengths[-1]:
            raise ValueError(
                f"tokenization.max_length {self.tokenization.max_length} is longer than the last of"
                f" training.bucket_lengths, {self.training.bucket_lengths[-1]}"
            )
        if self.deploy.mode == "auto" and self.promote.mode == "manual":
            raise ValueError("deploy.mode auto needs promote.mode auto: only a champion is deployed")
        return self


class RunStep(Section):
    """For the steps that talk to the registry: whose model, in which log."""

    name: Name
    log: str = ""


class FetchStep(Section):
    remotes: list[str]
    base_model: str


class ValidateStep(Section):
    columns: Columns
    labels: list[str]
    limits: ValidationSettings


class TokenizeStep(Section):
    columns: Columns
    labels: list[str]
    max_length: int


class QuantizeStep(Section):
    name: Name
    columns: Columns
    labels: list[str]
    max_length: int
    limits: QuantizationSettings


class EvaluateStep(Section):
    name: Name
    columns: Columns
    labels: list[str]
    options: EvaluationSettings


StepSettings = TypeVar("StepSettings", bound=Section)


def step_sections(settings: Settings) -> dict[str, str]:
    """Each step's own part, as one line of JSON; the part of another step can change without this one running again."""
    columns, labels = settings.data.columns, settings.data.labels
    max_length = settings.tokenization.max_length
    sections: dict[str, Section] = {
        "run": RunStep(name=settings.name, log=settings.promote.log),
        "fetch": FetchStep(remotes=settings.data.remotes, base_model=settings.base_model.reference),
        "validate": ValidateStep(columns=columns, labels=labels, limits=settings.validation),
        "tokenize": TokenizeStep(columns=columns, labels=labels, max_length=max_length),
        "finetune": settings.training,
        "quantize": QuantizeStep(
            name=settings.name, columns=columns, labels=labels, max_length=max_length, limits=settings.quantization
        ),
        "evaluate": EvaluateStep(name=settings.name, columns=columns, labels=labels, options=settings.evaluation),
        "gate": settings.gate,
        "canary": settings.canary,
    }
    return {step: section.model_dump_json() for step, section in sections.items()}


def from_json(kind: type[StepSettings], text: str) -> StepSettings:
    """Raises TextgateError naming the key, the value and what is allowed."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise TextgateError(explain(error, f"the settings of {kind.__name__}", kind)) from None


def load(path: Path, overrides: list[str] | None = None) -> Settings:
    """Reads a config file; `overrides` are `section.key=value`, the value in YAML.

    Relative paths in the file are made absolute against its folder. Raises TextgateError naming the file, the key's
    path, the value and what is allowed.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TextgateError(f"the config file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TextgateError(f"the config file {path} cannot be read: {error}") from None
    if not isinstance(raw, dict):
        raise TextgateError(f"the config file {path} must hold keys and values at its top level")
    for override in overrides or []:
        _override(raw, override)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise TextgateError(explain(error, str(path), Settings)) from None
    return _anchored(settings, path.resolve().parent)


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise TextgateError(f"--set takes section.key=value, got {override!r}")
    *parents, last = key.split(".")
    for parent in parents:
        if raw.get(parent) is None:
            raw[parent] = {}
        raw = raw[parent]
        if not isinstance(raw, dict):
            raise TextgateError(f"--set {override}: {parent} is a value, not a section")
    try:
        raw[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise TextgateError(f"--set {override}: the value is not YAML: {error}") from None


def _anchored(settings: Settings, folder: Path) -> Settings:
    def anchor(reference: str) -> str:
        return reference if "://" in reference or not reference else str((folder / reference).resolve())

    data = settings.data
    return settings.model_copy(
        update={
            "data": data.model_copy(
                update={"version": anchor(data.version), "remotes": [anchor(remote) for remote in data.remotes]}
            ),
            "base_model": BaseModelSettings(reference=anchor(settings.base_model.reference)),
            "promote": settings.promote.model_copy(update={"log": anchor(settings.promote.log)}),
        }
    )

"""The whole of a config."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from components.base.settings.data import DataSettings
from components.base.settings.model import ModelSettings
from components.base.settings.release import (
    CanarySettings,
    DeploySettings,
    EvaluationSettings,
    GateSettings,
    PromoteSettings,
    QuantizationSettings,
    ServeSettings,
)
from components.base.settings.section import Name, Section
from components.base.settings.storage import S3Settings
from components.base.settings.training import BaseModelSettings, TokenizationSettings, TrainingSettings
from components.base.settings.validation import ValidationSettings


class Settings(Section):
    name: Name
    data: DataSettings
    s3: S3Settings = S3Settings()
    validation: ValidationSettings = ValidationSettings()
    base_model: BaseModelSettings
    tokenization: TokenizationSettings = TokenizationSettings()
    model: ModelSettings = ModelSettings()
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
        if self.data.task in ("text-pair", "token-tags") and self.tokenization.truncation in ("head_tail", "chunk"):
            raise ValueError(
                f"tokenization.truncation {self.tokenization.truncation} is not for the task {self.data.task};"
                " use head or tail"
            )
        single = self.data.task in ("single-label", "text-pair")
        if single and (self.gate.metric == "micro_f1" or self.gate.min_micro_f1):
            raise ValueError(
                f"gate.metric micro_f1 and gate.min_micro_f1 are not for the task {self.data.task}, where micro F1 is"
                " the accuracy; use accuracy and min_accuracy"
            )
        if self.deploy.mode == "auto" and self.promote.mode == "manual":
            raise ValueError("deploy.mode auto needs promote.mode auto: only a champion is deployed")
        if self.base_model.warm_start == "champion" and not self.promote.keep_checkpoint:
            raise ValueError(
                "base_model.warm_start champion needs promote.keep_checkpoint true: it begins from what is kept"
            )
        return self

    @model_validator(mode="after")
    def parts_of_an_encoder_need_one(self) -> Self:
        training, architecture = self.training, self.model.architecture
        frozen = training.frozen_layers or training.embeddings == "frozen"
        if architecture != "encoder" and (frozen or training.layer_decay != 1):
            raise ValueError(
                "training.frozen_layers, training.layer_decay and frozen training.embeddings are for the architecture"
                f" encoder, not for {architecture}"
            )
        if architecture != "encoder" and self.base_model.warm_start != "none":
            raise ValueError(f"base_model.warm_start is for the architecture encoder, not for {architecture}")
        if self.model.lora_rank and frozen:
            raise ValueError(
                "model.lora_rank freezes the encoder's own weights by itself; leave training.frozen_layers at 0 and"
                " training.embeddings at rows"
            )
        return self

"""The whole of a config."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import model_validator

from components.base.metric_names import METRICS, TASK_METRICS
from components.base.settings.cluster import ClusterSettings
from components.base.settings.data import ROLES, DataSettings
from components.base.settings.deploy import DeploySettings
from components.base.settings.evaluation import EvaluationSettings
from components.base.settings.gate import GateRule, GateSettings, with_default_rules
from components.base.settings.model import ModelSettings
from components.base.settings.notify import NotifySettings
from components.base.settings.release import CanarySettings, PromoteSettings, QuantizationSettings, ServeSettings
from components.base.settings.resources import StepResources
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
    cluster: ClusterSettings = ClusterSettings()
    notify: NotifySettings = NotifySettings()

    @model_validator(mode="before")
    @classmethod
    def gate_has_its_defaults(cls, given: Any) -> Any:
        data = given.get("data") if isinstance(given, dict) else None
        task = data.get("task", "single-label") if isinstance(data, dict) else getattr(data, "task", None)
        gate = given.get("gate") or {} if isinstance(given, dict) else None
        if task in ROLES and isinstance(gate, dict):
            return {**given, "gate": with_default_rules(gate, task)}
        return given

    @model_validator(mode="after")
    def gate_asks_for_what_there_is(self) -> Self:
        for name, rule in self.gate.rules.items():
            if rule.severity != "off" and (fault := self._unanswerable(rule)):
                raise ValueError(f"gate.rules.{name}: {fault}")
        return self

    def _unanswerable(self, rule: GateRule) -> str:
        """Why nothing can be known of what the rule asks for; empty where something can."""
        metric, known, options = rule.metric, TASK_METRICS[self.data.task], self.evaluation
        top = metric.removeprefix("top_").removesuffix("_accuracy")
        if (metric in METRICS and metric not in known) or (top.isdigit() and "roc_auc" not in known):
            return f"the metric {metric} is not for the task {self.data.task}, which has {', '.join(known)}"
        if top.isdigit() and int(top) not in options.top_k:
            return f"{metric} needs {top} among evaluation.top_k ({', '.join(map(str, options.top_k))})"
        if metric.startswith("behaviour/") and not options.behaviour:
            return f"{metric} needs evaluation.behaviour, the file of the behaviour tests"
        if metric.startswith("out_of_scope_") and not options.out_of_scope:
            return f"{metric} needs evaluation.out_of_scope, the label of such texts"
        if self.data.task != "token-tags" and rule.label not in ("", "*", *self.data.labels):
            return f"the label {rule.label} is not among data.labels"
        return ""

    @property
    def evaluation_options(self) -> EvaluationSettings:
        """With rows clustered as they were split, where nothing else is said."""
        entity = self.data.source.split.entity
        if self.evaluation.cluster or entity not in self.data.columns.keep:
            return self.evaluation
        return self.evaluation.model_copy(update={"cluster": entity})

    @model_validator(mode="after")
    def evaluation_fits_the_data(self) -> Self:
        options, keep, labels = self.evaluation, self.data.columns.keep, self.data.labels
        rules = options.slices.rules.items()
        columns = [("cluster", options.cluster), *(("slices.columns", name) for name in options.slices.columns)]
        for key, column in [*columns, *((f"slices.rules.{name}.column", rule.column) for name, rule in rules)]:
            if column and column not in keep:
                raise ValueError(
                    f"evaluation.{key} {column} is not among data.columns.keep ({', '.join(keep) or 'empty'}); a column"
                    " that is kept on import can be used"
                )
            if column in self.data.roles:
                raise ValueError(
                    f"evaluation.{key} {column} cannot be told from data.columns.{column}, which is"
                    f" {self.data.roles[column]} here; give the kept column another name"
                )
        named = [(f"slices.rules.{name}.label", rule.label) for name, rule in rules]
        for key, label in [*named, ("out_of_scope", options.out_of_scope)]:
            if label and label not in labels:
                raise ValueError(f"evaluation.{key} {label} is not among data.labels")
        return self

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
        if self.deploy.mode == "auto" and self.promote.mode == "manual":
            raise ValueError("deploy.mode auto needs promote.mode auto: only a champion is deployed")
        if self.base_model.warm_start == "champion" and not self.promote.keep_checkpoint:
            raise ValueError(
                "base_model.warm_start champion needs promote.keep_checkpoint true: it begins from what is kept"
            )
        return self

    def pod_of(self, step: str) -> StepResources:
        """What the step's pod gets; fine-tuning is tried again only where it goes on where it was stopped."""
        pod, kept = self.cluster.resources.of(step), self.training.checkpoint
        return pod.model_copy(update={"retries": kept.retries if kept.place else 0}) if step == "finetune" else pod

    @model_validator(mode="after")
    def training_bears_being_stopped(self) -> Self:
        pod = self.pod_of("finetune")
        if fault := pod.fault():
            raise ValueError(f"training.checkpoint: {fault}")
        if pod.spot and not pod.retries:
            raise ValueError(
                "cluster.resources: finetune: a spot step is evicted sooner or later; it needs"
                " training.checkpoint.place and training.checkpoint.retries, to go on where it was"
            )
        return self

    @model_validator(mode="after")
    def a_cluster_can_serve_it(self) -> Self:
        if self.deploy.target != "kserve":
            return self
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,38}", self.name):
            raise ValueError(
                f"name {self.name} cannot be that of an InferenceService, as deploy.target kserve needs: it must begin"
                " with a letter and have at most 39 characters"
            )
        if self.serve.log.folder and not self.serve.log.folder.startswith("/tmp/"):  # noqa: S108
            raise ValueError(
                f"serve.log.folder {self.serve.log.folder} cannot be written on a cluster (deploy.target kserve), where"
                " the server has a read-only file system: use a folder below /tmp"
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

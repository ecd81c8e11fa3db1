"""What each step's pod asks of a cluster, and how often it is tried."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SerializationInfo, field_serializer, field_validator, model_validator

from components.base.settings.deploy import Quantity, amount, quantity
from components.base.settings.section import Positive, Section, Text

# Every step that a config may give resources of its own; tokenize's are also those of its shards and their merge.
STEP_NAMES = (
    "resolve",
    "fetch",
    "validate",
    "tokenize",
    "finetune",
    "quantize",
    "evaluate",
    "gate",
    "register",
    "canary",
    "record",
    "promote",
    "deploy",
    "close",
)


# Steps that act, or ask the world how it is: none is tried again, or interrupted, unless a config says so of that step.
ACTING = ("resolve", "gate", "register", "canary", "record", "promote", "deploy", "close")
LONGEST_WAIT_S = 86_400


class Toleration(Section):
    """As Kubernetes has it; `seconds` is how long a NoExecute taint is borne (none: for ever)."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    seconds: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def kubernetes_takes_it(self) -> Self:
        if self.operator == "Equal" and not self.key:
            raise ValueError("a toleration with operator Equal needs a key; Exists without one tolerates everything")
        if self.operator == "Exists" and self.value:
            raise ValueError(f"a toleration with operator Exists takes no value, got {self.value}")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("seconds of a toleration are for the effect NoExecute")
        return self


class Affinity(Section):
    """A node's label must, or with a `weight` should, have one of `values` (none for Exists and DoesNotExist)."""

    label: Text
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = "In"
    values: list[str] = []
    weight: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def operator_has_its_values(self) -> Self:
        if bool(self.values) != (self.operator in ("In", "NotIn")):
            wanted = "needs values" if self.operator in ("In", "NotIn") else "takes no values"
            raise ValueError(f"operator {self.operator} {wanted}")
        return self


class StepResources(Section):
    """`requests` a pod is sure to have, and its limits; `gpus` of the kind `gpu` (an extended resource). A `spot` step
    also gets what resources.spot says, and may be evicted: it needs `retries`. `shared_memory` is the size of /dev/shm.
    A try ends after `timeout_s` (0: none of its own); the next waits `backoff_s`, then `backoff_factor` times as long
    each time. Fine-tuning has the retries of training.checkpoint, as it must go on where it was stopped."""

    cpu: Quantity = "250m"
    cpu_limit: Quantity = "2"
    memory: Quantity = "1Gi"
    memory_limit: Quantity = "2Gi"
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    gpu: Text = "nvidia.com/gpu"
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    affinity: list[Affinity] = []
    spot: bool = False
    shared_memory: Annotated[str, AfterValidator(lambda size: size and quantity(size))] = ""
    timeout_s: Annotated[int, Field(ge=0)] = 0
    retries: Annotated[int, Field(ge=0, le=20)] = 0
    backoff_s: Positive = 10
    backoff_factor: Annotated[int, Field(ge=1, le=10)] = 2

    @field_validator("gpu")
    @classmethod
    def gpu_is_a_resource(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*/[A-Za-z0-9][A-Za-z0-9._-]*", value):
            raise ValueError(f"{value} is no resource of a device plugin; NVIDIA's is nvidia.com/gpu")
        return value

    def fault(self) -> str:
        """Why no pod can have this; empty where one can."""
        for name in ("cpu", "memory"):
            asked, limit = getattr(self, name), getattr(self, f"{name}_limit")
            if amount(asked) > amount(limit):
                return f"{name} {asked} is above {name}_limit {limit}"
        if amount(self.memory_limit) < 2**20:
            return f"memory_limit {self.memory_limit} is less than 1Mi"
        if self.shared_memory and amount(self.shared_memory) > amount(self.memory_limit):
            return (
                f"shared_memory {self.shared_memory} is above memory_limit {self.memory_limit}, which it counts towards"
            )
        wait = self.backoff_s * self.backoff_factor ** max(0, self.retries - 1)
        if wait > LONGEST_WAIT_S:
            return (
                f"before the last of {self.retries} retries it would wait {wait} s, more than a day; lower them,"
                " backoff_s or backoff_factor"
            )
        return ""


class SpotSettings(Section):
    """What marks the cluster's interruptible nodes; it goes to every step with spot."""

    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []


# What a step needs that differs from StepResources' own defaults.
BUILT_IN: dict[str, dict[str, object]] = {
    "fetch": {"retries": 2},
    "validate": {"memory": "2Gi", "memory_limit": "4Gi"},
    "tokenize": {"memory_limit": "4Gi"},
    "finetune": {"cpu": "2", "cpu_limit": "8", "memory": "6Gi", "memory_limit": "12Gi"},
    "quantize": {"cpu": "1", "cpu_limit": "4", "memory_limit": "4Gi"},
    "evaluate": {"cpu": "1", "cpu_limit": "4", "memory_limit": "4Gi"},
}


class ResourceSettings(Section):
    """`default` is for every step, `steps` for the one of that name. A key that neither gives has the value that the
    step comes with (for finetune: 12Gi of memory_limit), or else StepResources' own. Steps that act take no `retries`
    and no `spot` from `default`: what they did may stand although they failed."""

    default: StepResources = StepResources()
    steps: dict[str, StepResources] = {}
    spot: SpotSettings = SpotSettings()

    @field_serializer("default", "steps")
    def what_is_given(self, value: Any, info: SerializationInfo) -> Any:
        """A key that was left out stays so in a recorded config, where the step's own value would count no more."""
        named = value.items() if isinstance(value, dict) else [("", value)]
        dumped = {key: one.model_dump(mode=info.mode, exclude_unset=True) for key, one in named}
        return dumped if isinstance(value, dict) else dumped[""]

    def of(self, step: str) -> StepResources:
        """The step's own keys, then those of `default`, then what it comes with."""
        own = ("retries", "spot") if step in ACTING else ("retries",) if step == "finetune" else ()
        values = BUILT_IN.get(step, {}) | _given(self.default, own) | _given(self.steps.get(step))
        return StepResources.model_validate(values)

    @model_validator(mode="after")
    def every_step_can_have_a_pod(self) -> Self:
        for name in self.steps:
            if name not in STEP_NAMES:
                raise ValueError(f"steps.{name}: there is no such step; the steps are {', '.join(STEP_NAMES)}")
        for name in STEP_NAMES:
            if fault := self.of(name).fault():
                raise ValueError(f"{name}: {fault}")
            if name != "finetune" and self.of(name).spot and not self.of(name).retries:
                raise ValueError(f"{name}: a spot step is evicted sooner or later; it needs retries")
        if "retries" in self.steps.get("finetune", StepResources()).model_fields_set:
            raise ValueError("steps.finetune.retries: fine-tuning has those of training.checkpoint.retries")
        spot = any(self.of(name).spot for name in STEP_NAMES)
        if spot and not (self.spot.node_selector or self.spot.tolerations):
            raise ValueError("a step with spot needs resources.spot.node_selector or resources.spot.tolerations")
        return self


def _given(resources: StepResources | None, without: Collection[str] = ()) -> dict[str, object]:
    """The keys that a config names."""
    keys = resources.model_fields_set - set(without) if resources else ()
    return {key: getattr(resources, key) for key in sorted(keys)}

"""Where a champion is deployed, and how traffic moves to it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from components.base.settings.section import Fraction, Section

UNITS = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4}
QUANTITY = r"^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
OURS = ("textgate.", "serving.kserve.io/deploymentMode", "serving.kserve.io/secretName")

KubernetesName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]
Percent = Annotated[int, Field(ge=1, le=99)]


def amount(quantity: str) -> Decimal:
    """A Kubernetes quantity in cores or bytes: 500m is 0.5, 1Gi is 2 to the 30th."""
    found = re.fullmatch(QUANTITY, quantity)
    if not found:
        raise ValueError("no quantity of Kubernetes, such as 500m or 2 for CPU, 512Mi or 4Gi for memory")
    number, unit = Decimal(found[1]), found[2] or ""
    if unit == "m":
        return number / 1000
    base = 1024 if unit.endswith("i") else 1000
    return number * Decimal(base) ** UNITS[unit.removesuffix("i")]


def quantity(value: str) -> str:
    """Raises ValueError where it is none."""
    amount(value)
    return value


Quantity = Annotated[str, AfterValidator(quantity)]


class Requests(Section):
    """What each server is sure to have."""

    cpu: Quantity = "1"
    memory: Quantity = "512Mi"


class Limits(Section):
    """What each server has at most."""

    cpu: Quantity = "2"
    memory: Quantity = "1Gi"


class TrafficSettings(Section):
    """A new version gets each of `steps`, in percent of the traffic, for at least `hold_s`, then all of it.

    It goes on where `min_requests` of its answers were seen, of which at most the share `max_error_rate` failed, and
    95 of 100 came within `max_p95_ms`. These are what the Prometheus server at `prometheus` has of its pods, or else
    of requests that deploy itself sends to `url`, or, where that is empty, to the address that KServe gives.
    """

    steps: list[Percent] = [10, 50]
    hold_s: Annotated[float, Field(ge=0)] = 60.0
    max_error_rate: Fraction = 0.01
    max_p95_ms: Annotated[float, Field(gt=0)] = 500.0
    min_requests: Annotated[int, Field(ge=0)] = 20
    prometheus: str = ""
    url: str = ""

    @model_validator(mode="after")
    def steps_rise(self) -> Self:
        if self.steps != sorted(set(self.steps)):
            raise ValueError(f"steps must rise from one to the next, got {self.steps}")
        return self

    @model_validator(mode="after")
    def addresses_are_of_the_web(self) -> Self:
        token = "Prometheus' token is TEXTGATE_PROMETHEUS_TOKEN"  # noqa: S105
        self.must_be_of_the_web("prometheus", "url", credentials=token)
        return self


class KServeSettings(Section):
    """An InferenceService of `namespace`, served by `image` as `service_account`.

    The registry's own folder is served where it lies on S3, as registered; else a copy is put below `storage`
    (s3://bucket/prefix). `secret` names the Secret from which KServe takes the credentials of S3, where the service
    account has none. `deployment_mode` is KServe's: serverless needs Knative, standard has a fixed number of pods at
    least. A version has `timeout_s` to become Ready.
    """

    namespace: KubernetesName = ""
    image: str = ""
    service_account: KubernetesName = ""
    deployment_mode: Literal["serverless", "standard"] = "serverless"
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 3
    requests: Requests = Requests()
    limits: Limits = Limits()
    timeout_s: Annotated[float, Field(gt=0)] = 600.0
    storage: str = ""
    secret: KubernetesName = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    canary: TrafficSettings = TrafficSettings()

    @model_validator(mode="after")
    def replicas_fit(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is below min_replicas {self.min_replicas}")
        if self.deployment_mode == "standard" and self.min_replicas == 0:
            raise ValueError("min_replicas 0 needs deployment_mode serverless: standard does not scale to zero")
        return self

    @model_validator(mode="after")
    def limits_hold_the_requests(self) -> Self:
        for name in ("cpu", "memory"):
            asked, limit = getattr(self.requests, name), getattr(self.limits, name)
            if amount(asked) > amount(limit):
                raise ValueError(f"requests.{name} {asked} is above limits.{name} {limit}")
        return self

    @model_validator(mode="after")
    def places_can_be_used(self) -> Self:
        if self.storage and not re.fullmatch(r"s3://[^/]+(/.*)?", self.storage):
            raise ValueError(f"storage {self.storage} is not on S3, where KServe fetches from; use s3://bucket/prefix")
        for key in (*self.labels, *self.annotations):
            if key.startswith(OURS):
                raise ValueError(f"{key} among labels and annotations is textgate's own to set")
        return self


class DeploySettings(Section):
    """`local` pins the version for the server of this machine; `kserve` serves it on a cluster."""

    mode: Literal["auto", "manual"] = "manual"
    target: Literal["local", "kserve"] = "local"
    kserve: KServeSettings = KServeSettings()

    @model_validator(mode="after")
    def kserve_has_a_place(self) -> Self:
        for key in ("namespace", "image"):
            if self.target == "kserve" and not getattr(self.kserve, key):
                raise ValueError(f"target kserve needs deploy.kserve.{key}")
        return self

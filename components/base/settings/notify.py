"""Who is told how a run ended."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from components.base.settings.deploy import KubernetesName
from components.base.settings.section import Section

NotifyKind = Literal["none", "slack", "json"]
Outcome = Literal["succeeded", "refused", "failed", "canceled"]
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "refused", "failed", "canceled")


class NotifySettings(Section):
    """A webhook is told of the ends in `on`. Its URL is a secret: the environment's TEXTGATE_WEBHOOK, which on a
    cluster is the key `key` of the Secret `secret`.

    `slack` sends what Slack, Mattermost and others take; `json` the facts alone. `mlflow` is the address of MLflow for
    a browser, where it differs from the one that pods use; `kubeflow` that of the Pipelines pages, where that is not
    cluster.host.
    """

    kind: NotifyKind = "none"
    on: list[Outcome] = list(OUTCOMES)
    secret: KubernetesName = ""
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")] = "url"
    mlflow: str = ""
    kubeflow: str = ""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0

    @model_validator(mode="after")
    def links_are_pages(self) -> Self:
        self.must_be_of_the_web("mlflow", "kubeflow", credentials="it goes into messages")
        return self

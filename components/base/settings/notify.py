"""Who is told how a run ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from components.base.settings.deploy import KubernetesName
from components.base.settings.section import Section


class NotifySettings(Section):
    """A webhook is told of the ends in `on`. Its URL is a secret: the environment's TEXTGATE_WEBHOOK, which on a
    cluster is the key `key` of the Secret `secret`.

    `slack` sends what Slack, Mattermost and others take; `json` the facts alone. `mlflow` is the address of MLflow for
    a browser, where it differs from the one that pods use; `kubeflow` that of the Pipelines pages.
    """

    kind: Literal["none", "slack", "json"] = "none"
    on: list[Literal["succeeded", "refused", "failed", "canceled"]] = ["succeeded", "refused", "failed", "canceled"]
    secret: KubernetesName = ""
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")] = "url"
    mlflow: str = ""
    kubeflow: str = ""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0

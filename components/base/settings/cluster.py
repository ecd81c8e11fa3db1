"""The Kubeflow that a run is submitted to, and what its pods get."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from components.base.addresses import web_fault, without_query
from components.base.settings.deploy import KubernetesName
from components.base.settings.resources import STEP_NAMES, ResourceSettings
from components.base.settings.section import Section, Text

# Of a variable's name: a word of its own or at the end of one, so that TOKENIZERS_PARALLELISM is none.
SECRET_LIKE = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|(?<![A-Z])PASS|SECRET|TOKEN|CREDENTIAL|ACCESS_?KEY|API_?KEY|PRIVATE_?KEY|WEBHOOK|COOKIE"
    r"|TEXTGATE_KFP_HEADER)S?(?![A-Z])",
    re.IGNORECASE,
)
# Of a value: an address with a name and a password.
CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]+@")
KINDS_OF_SECRETS = {
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an address with a password": CREDENTIALS,
    "a token of GitHub": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    "a token of GitLab": re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a token of Slack": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/(services|workflows)/\w"),
    "the address of a webhook": re.compile(r"://[^\s/]+/(\S*/)?(web)?hooks?/[A-Za-z0-9_/-]{16,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "a bearer token": re.compile(r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}"),
    "a password": re.compile(
        r"\b(password|passwd|secret|token|api_?key)\b[\"']?\s*[:=]\s*[\"']?(?![\"'{$<])[^\s\"',;)(\]}]{8,}",
        re.IGNORECASE,
    ),
}
SHARED_MEMORY = ("shared-memory", "/dev/shm")  # noqa: S108
PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


def host_fault(host: str) -> str:
    """Why this is no address of a Kubeflow Pipelines API, fit to be printed; empty where it may be one."""
    if fault := web_fault(host, credentials="see cluster.auth"):
        return fault
    if "?" in host or "#" in host:
        return f"takes the API's address without what a browser shows from ? or # on, perhaps {without_query(host)}"
    return ""


class AuthSettings(Section):
    """How the API is told who asks; never the secret itself.

    `token`: the environment's TEXTGATE_KFP_TOKEN as a bearer token, where it is set. `service-account`: the projected
    token at `token_path`, read again before it runs out. `cookie`: TEXTGATE_KFP_COOKIE, as Dex and oauth2-proxy give it
    to a browser. `header`: TEXTGATE_KFP_HEADER as the value of the header `header`. `ca_bundle` is a PEM file with the
    certificates to trust, relative to the config file.
    """

    kind: Literal["token", "service-account", "cookie", "header"] = "token"
    token_path: str = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105
    header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]*$")] = ""
    ca_bundle: str = ""

    @model_validator(mode="after")
    def header_has_a_name(self) -> Self:
        if self.kind == "header" and not self.header:
            raise ValueError("kind header needs the key header, the name of the one that says who asks")
        if self.header and self.kind != "header":
            raise ValueError(f"header goes with kind header, got kind {self.kind}")
        return self


class Mounted(Section):
    """A Secret or ConfigMap that pods get, of the namespace that they run in: keys as environment variables (`env`:
    variable to key), or all keys as files below `path`."""

    name: ObjectName
    env: dict[EnvironmentName, Text] = {}
    path: str = ""
    optional: bool = False

    @model_validator(mode="after")
    def is_used(self) -> Self:
        if not self.env and not self.path:
            raise ValueError(f"{self.name} is used neither as env nor at a path")
        if self.path and not absolute(self.path):
            raise ValueError(f"path {self.path} must be absolute, and not /")
        return self


class PvcSettings(Section):
    """An existing claim, mounted at `path` in each of `steps` (none given: in all)."""

    claim: ObjectName
    path: str
    sub_path: str = ""
    steps: list[str] = []

    @model_validator(mode="after")
    def can_be_mounted(self) -> Self:
        if not absolute(self.path):
            raise ValueError(f"path {self.path} must be absolute, and not /")
        if unknown := set(self.steps) - set(STEP_NAMES):
            raise ValueError(f"there is no step {min(unknown)}; the steps are {', '.join(STEP_NAMES)}")
        return self

    def holds(self, place: str, step: str) -> bool:
        """Whether the folder lies on the claim, as the step sees it."""
        return self.is_for(step) and PurePosixPath(place).is_relative_to(self.path)

    def is_for(self, step: str) -> bool:
        return not self.steps or step in self.steps


class ClusterSettings(Section):
    """`host` is the Kubeflow Pipelines API, `namespace` yours where it serves several users, and `service_account` that
    of the pods (empty: the API server's default).

    Steps with GPUs run in `gpu_image`, all others in `image` (empty: TEXTGATE_IMAGE); both are named by digest. `env`
    holds plain values for every pod, such as MLFLOW_TRACKING_URI; credentials come from `secrets`. Artifacts go below
    `pipeline_root` (empty: the API server's default). A whole run has `timeout_s` (0: Kubeflow's default, which from
    2.18 on is 14 days); where that ends it, no exit handler runs, and its run in MLflow stays open. `run_as_user` has
    Kubernetes see to it that pods run as that user, which is not root, as pod security `restricted` asks: for Kubeflow
    Pipelines 2.16 and later, as earlier ones refuse such a pipeline. Without it pods run as the image's user, 10001, or
    as the one that the cluster chooses. Whichever it is must be able to write to claims.
    """

    host: str = ""
    namespace: KubernetesName = ""
    service_account: KubernetesName = ""
    auth: AuthSettings = AuthSettings()
    image: str = ""
    gpu_image: str = ""
    image_pull_secrets: list[ObjectName] = []
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    env: dict[EnvironmentName, str] = {}
    secrets: list[Mounted] = []
    config_maps: list[Mounted] = []
    pvcs: list[PvcSettings] = []
    pipeline_root: str = ""
    timeout_s: Annotated[int, Field(ge=0, lt=2**31)] = 0
    run_as_user: Annotated[int, Field(ge=1)] | None = None
    resources: ResourceSettings = ResourceSettings()

    @field_validator("env")
    @classmethod
    def env_holds_no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        found = [
            f"env.{name}"
            for name, content in value.items()
            if SECRET_LIKE.search(name) or any(kind.search(content) for kind in KINDS_OF_SECRETS.values())
        ]
        if found:
            raise ValueError(
                f"{' and '.join(found)} would stand in the compiled pipeline for all to read; use cluster.secrets"
            )
        return value

    @model_validator(mode="after")
    def host_is_of_the_web(self) -> Self:
        """Checked here, so that a credential in it is not shown as the faulty value."""
        if self.host and (fault := host_fault(self.host)):
            raise ValueError(f"host {fault}")
        return self

    @model_validator(mode="after")
    def images_are_pinned(self) -> Self:
        for key in ("image", "gpu_image"):
            value = getattr(self, key)
            if value and not PINNED.fullmatch(value):
                raise ValueError(f"{key} {value} is not pinned; name it as registry/name@sha256:<64 hex digits>")
        if self.pipeline_root and not re.match(r"(s3|gs|minio)://[^/]+", self.pipeline_root):
            raise ValueError(f"pipeline_root {self.pipeline_root} is no object store; use s3://bucket/prefix")
        if not self.gpu_image and any(self.resources.of(step).gpus for step in STEP_NAMES):
            raise ValueError("a step with gpus needs cluster.gpu_image, the image with the libraries of CUDA")
        return self

    @model_validator(mode="after")
    def mounts_do_not_meet(self) -> Self:
        """Kubernetes takes a path once, and kfp names a volume by what is mounted."""
        for step in STEP_NAMES:
            mounted = [(one.name, one.path) for one in (*self.secrets, *self.config_maps) if one.path]
            mounted += [(one.claim, one.path) for one in self.pvcs if one.is_for(step)]
            mounted += [SHARED_MEMORY] if self.resources.of(step).shared_memory else []
            for what in zip(*mounted, strict=True):
                if twice := [one for one, count in Counter(what).items() if count > 1]:
                    raise ValueError(f"{twice[0]} is mounted twice in {step}")
        variables = [*self.env, *(name for one in (*self.secrets, *self.config_maps) for name in one.env)]
        if twice := [name for name, count in Counter(variables).items() if count > 1]:
            raise ValueError(f"the variable {twice[0]} is given twice")
        return self


def absolute(path: str) -> bool:
    return path.startswith("/") and path != "/" and ".." not in PurePosixPath(path).parts

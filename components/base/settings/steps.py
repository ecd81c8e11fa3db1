"""What each step may see of the settings: the part of another step can change without this one running again."""

from __future__ import annotations

from typing import Literal

from components.base.addresses import is_loopback
from components.base.precisions import Precision
from components.base.settings.behaviour import BehaviourTest
from components.base.settings.bench import Bench
from components.base.settings.data import DataSchema
from components.base.settings.deploy import DeploySettings
from components.base.settings.evaluation import EvaluationSettings
from components.base.settings.gate import GateSettings
from components.base.settings.model import ModelSettings
from components.base.settings.notify import OUTCOMES, NotifyKind, Outcome
from components.base.settings.release import QuantizationSettings, ServeSettings
from components.base.settings.section import Name, Section, Text
from components.base.settings.settings import Settings
from components.base.settings.storage import S3Settings
from components.base.settings.training import TokenizationSettings, TrainingSettings
from components.base.settings.validation import SuiteExpectation, ValidationSettings


class Reproduction(Section):
    """The MLflow run that is made again, and what resolve pinned it to (see its Outputs)."""

    run_id: Text
    base_model: Text
    base_model_digest: Text
    champion_version: str = ""
    champion_digest: str = ""
    champion_data: str = ""


class RunStep(Section):
    """For the steps that talk to the registry: whose model, in which log, what a version keeps, and what becomes of a
    champion that is not there any more (see GateSettings). `like` marks a reproduction, which registers nothing."""

    name: Name
    log: str = ""
    keep_checkpoint: bool = True
    unusable_champion: Literal["refuse", "warn"] = "refuse"
    s3: S3Settings = S3Settings()
    like: Reproduction | None = None


class FetchStep(Section):
    """`fresh` is the name of a reproduction: no cache has what was fetched for it, nor what is made of that."""

    remotes: list[str]
    s3: S3Settings = S3Settings()
    fresh: str = ""


class ValidateStep(Section):
    """`name` is the model whose champion's data is the reference; `suite` is what the file limits.suite holds."""

    name: Name
    data: DataSchema
    limits: ValidationSettings
    suite: list[SuiteExpectation] = []


class TokenizeStep(Section):
    data: DataSchema
    options: TokenizationSettings


class FinetuneStep(Section):
    """`s3` is how checkpoint.place is reached, where that is on S3."""

    model: ModelSettings = ModelSettings()
    training: TrainingSettings
    s3: S3Settings | None = None


class QuantizeStep(Section):
    """`chosen` is the candidate that a reproduced run took, where its policy goes by time; "" lets time decide."""

    name: Name
    data: DataSchema
    tokenization: TokenizationSettings
    limits: QuantizationSettings
    chosen: Precision | Literal[""] = ""


class EvaluateStep(Section):
    """`behaviour` is what the file options.behaviour holds; its place is left out. `remotes` and `s3` lead to the data
    that the champion was trained on. `fit_thresholds` is quantization's: the linear model gets thresholds where the
    bundle does."""

    name: Name
    data: DataSchema
    options: EvaluationSettings
    behaviour: dict[str, BehaviourTest] = {}
    fit_thresholds: bool = True
    remotes: list[str] = []
    s3: S3Settings = S3Settings()


class GateStep(Section):
    """`bench` is what the file options.bench holds; its place is left out. What a `reproduction` passes with is not
    registered."""

    options: GateSettings
    bench: Bench | None = None
    reproduction: bool = False


class DeployStep(Section):
    """`serve` is what a server on a cluster is told."""

    options: DeploySettings
    serve: ServeSettings = ServeSettings()


class NotifyStep(Section):
    """See NotifySettings."""

    kind: NotifyKind = "none"
    on: list[Outcome] = list(OUTCOMES)
    mlflow: str = ""
    kubeflow: str = ""
    timeout_s: float = 10.0


def run_step(settings: Settings) -> RunStep:
    return RunStep(
        name=settings.name,
        log=settings.promote.log,
        keep_checkpoint=settings.promote.keep_checkpoint,
        unusable_champion=settings.gate.unusable_champion,
        s3=settings.s3,
    )


def deploy_step(settings: Settings) -> DeployStep:
    return DeployStep(options=settings.deploy, serve=settings.serve)


def notify_step(settings: Settings) -> NotifyStep:
    host = settings.cluster.host
    # A port that is forwarded to this machine is a page for nobody else.
    pages = settings.notify.kubeflow or ("" if is_loopback(host) else host)
    return NotifyStep(**{**settings.notify.model_dump(include=set(NotifyStep.model_fields)), "kubeflow": pages})


def step_sections(
    settings: Settings,
    suite: list[SuiteExpectation],
    behaviour: dict[str, BehaviourTest],
    bench: Bench | None = None,
) -> dict[str, str]:
    """Each step's own part, as one line of JSON; `suite` is the content of the file validation.suite, `behaviour` that
    of evaluation.behaviour, `bench` that of gate.bench."""
    name, data, s3 = settings.name, settings.data.for_steps(), settings.s3
    sections: dict[str, Section] = {
        "run": run_step(settings),
        "fetch": FetchStep(remotes=settings.data.remotes, s3=s3),
        "validate": ValidateStep(name=name, data=data, limits=settings.validation, suite=suite),
        "tokenize": TokenizeStep(data=data, options=settings.tokenization),
        "finetune": FinetuneStep(
            model=settings.model,
            training=settings.training,
            s3=s3 if settings.training.checkpoint.place.startswith("s3://") else None,
        ),
        "quantize": QuantizeStep(
            name=name, data=data, tokenization=settings.tokenization, limits=settings.quantization
        ),
        "evaluate": EvaluateStep(
            name=name,
            data=data,
            options=settings.evaluation_options.model_copy(update={"behaviour": ""}),
            behaviour=behaviour,
            fit_thresholds=settings.quantization.fit_thresholds,
            remotes=settings.data.remotes,
            s3=s3,
        ),
        "gate": GateStep(options=settings.gate.model_copy(update={"bench": ""}), bench=bench),
        "canary": settings.canary,
        "deploy": deploy_step(settings),
        "close": notify_step(settings),
    }
    return {step: section.model_dump_json() for step, section in sections.items()}

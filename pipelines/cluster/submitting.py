"""Compiles, uploads what is not there yet, and starts a run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kfp_server_api as api

from components.base.settings import Override, PromotionRequest, Settings
from pipelines.cluster.checks import check_settings
from pipelines.cluster.client import ANSWER_S, START, Cluster, named
from pipelines.cluster.uploading import upload
from pipelines.compile import compile_pipeline, pipeline_arguments
from pipelines.finetune import NAME
from pipelines.local.folder import new_name
from pipelines.promotion import pipeline as promotion
from pipelines.promotion.compiling import compile_promotion, promotion_arguments

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like


@dataclass(frozen=True)
class Submitted:
    """A run that Kubeflow has accepted; `uploaded` where its version of the pipeline was not there before."""

    run_id: str
    name: str
    link: str
    version: str
    uploaded: bool


def submit(
    settings: Settings,
    cluster: Cluster,
    experiment: str = "",
    override: Override | None = None,
    like: Like | None = None,
) -> Submitted:
    """Compiles, uploads what is not there yet, and starts a run in `experiment`, which is made where it is missing;
    `like` makes it a reproduction.

    Raises TextgateError where the settings cannot work on a cluster or Kubeflow does not accept them.
    """
    check_settings(settings, acts=not like)
    name = like.name if like else new_name(settings.name)
    with tempfile.TemporaryDirectory() as folder:
        file, about = Path(folder) / "pipeline.yaml", {"cluster": cluster.host}
        compile_pipeline(settings, file, to=like.to if like else "")
        arguments = pipeline_arguments(settings, name, file, override, about, like)
        return _start(cluster, NAME, file, name, experiment or settings.name, arguments)


def submit_promotion(
    settings: Settings, cluster: Cluster, version: str, request: PromotionRequest, experiment: str = ""
) -> Submitted:
    """As submit, the small pipeline that makes one registered version the champion."""
    check_settings(settings, trains=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compile_promotion(settings, file)
        arguments = promotion_arguments(settings, version, request)
        name = new_name(settings.name)
        return _start(cluster, promotion.NAME, file, name, experiment or settings.name, arguments)


def find_experiment(cluster: Cluster, name: str) -> str:
    """The id of the experiment of that name, which is made where it is missing."""
    experiments, where = cluster.client.experiments, cluster.namespace
    found, _ = cluster.find_or_create(
        f"give the experiment {name}",
        lambda: experiments.experiment_service_list_experiments(namespace=where, **named(name)).experiments,
        lambda: experiments.experiment_service_create_experiment(
            api.V2beta1Experiment(display_name=name, namespace=where), _request_timeout=ANSWER_S
        ),
    )
    return str(found.experiment_id)


def how_it_runs(cluster: Cluster, version: Any, arguments: dict[str, str]) -> dict[str, Any]:
    """What a run and a recurring run have in common."""
    return {
        "pipeline_version_reference": api.V2beta1PipelineVersionReference(
            version.pipeline_id, version.pipeline_version_id
        ),
        "runtime_config": api.V2beta1RuntimeConfig(
            parameters=arguments, pipeline_root=cluster.settings.pipeline_root or None
        ),
        "service_account": cluster.settings.service_account or None,
    }


def _start(
    cluster: Cluster, pipeline: str, file: Path, name: str, experiment: str, arguments: dict[str, str]
) -> Submitted:
    version, uploaded = upload(cluster, file, pipeline)
    where = find_experiment(cluster, experiment)
    run = api.V2beta1Run(experiment_id=where, display_name=name, **how_it_runs(cluster, version, arguments))
    run_id = _create(cluster, run)
    return Submitted(run_id, name, cluster.link(run_id), version.display_name, uploaded)


def _create(cluster: Cluster, run: Any) -> str:
    """The id of the new run. Before it is asked for again, it is looked for: only the answer may have been lost."""
    runs, sent = cluster.client.runs, False

    def create() -> Any:
        nonlocal sent
        if sent:
            among = runs.run_service_list_runs(experiment_id=run.experiment_id, **named(run.display_name))
            if among.runs:
                return among.runs[0]
        sent = True
        return runs.run_service_create_run(run, _request_timeout=ANSWER_S)

    return str(cluster.ask(START, create).run_id)

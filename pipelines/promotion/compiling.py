"""From settings to the compiled pipeline of a promotion and its arguments."""

from __future__ import annotations

from pathlib import Path

from components.base.settings import PromotionRequest, Settings, deploy_step, run_step
from pipelines.compile import escaped, write_pipeline
from pipelines.pods import limits, pods
from pipelines.promotion.pipeline import build


def compile_promotion(settings: Settings, path: Path, manifests: bool = False) -> None:
    """As compile_pipeline, for a cluster; whether it deploys is part of the pipeline, all else are arguments."""
    pipeline = build(
        settings.deploy.mode == "auto", pods(settings, local=False, trains=False), limits(settings, local=False)
    )
    write_pipeline(pipeline, path, namespace=settings.cluster.namespace, manifests=manifests)


def promotion_arguments(settings: Settings, version: str, request: PromotionRequest) -> dict[str, str]:
    sections = {
        "run": run_step(settings),
        "request": request,
        "canary_settings": settings.canary,
        "deploy_settings": deploy_step(settings),
    }
    return {"version": version, **{name: escaped(section.model_dump_json()) for name, section in sections.items()}}

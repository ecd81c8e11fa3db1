"""The pipeline that makes one registered version the champion: its server is questioned, then it is promoted and
deployed."""

from collections.abc import Callable, Mapping
from typing import Any

from kfp import dsl

from components.canary.component import canary
from components.deploy.component import deploy
from components.promote.component import promote
from pipelines.finetune import acting

NAME = "textgate-promotion"


def build(auto_deploy: bool, pods: Callable[[], None], limits: Mapping[str, Any]) -> Any:
    """The kfp pipeline; without `auto_deploy` it ends at the champion. `pods` and `limits` are as in finetune."""

    @dsl.pipeline(name=NAME, description="One registered version becomes the champion, and answers", **limits)
    def promotion_pipeline(version: str, run: str, request: str, canary_settings: str, deploy_settings: str):
        tried = acting(canary(version=version, run=run, settings=canary_settings))
        promoted = acting(
            promote(
                version=version,
                run=run,
                job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                answers=tried.outputs["Output"],
                request=request,
            )
        )
        if auto_deploy:
            acting(deploy(version=version, digest="", run=run, settings=deploy_settings)).after(promoted)
        pods()

    return promotion_pipeline

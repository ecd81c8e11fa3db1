from typing import NamedTuple

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def register(
    run: str,
    job_id: str,
    bundle: dsl.Input[dsl.Model],
    checkpoint: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    verdict: dsl.Input[dsl.Artifact],
    lineage: str,
) -> NamedTuple("Outputs", [("version", str), ("digest", str)]):
    """Makes the bundle a version of the registered model and the challenger; gives version and bundle digest."""
    import json
    from pathlib import Path

    from components.base.failures import reported

    with reported("register"):
        from components.base.settings import RunStep, from_json
        from components.register.register import register

        paths = (Path(artifact.path) for artifact in (bundle, checkpoint, evaluation, verdict))
        return register(from_json(RunStep, run), job_id, *paths, json.loads(lineage))

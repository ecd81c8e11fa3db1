from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def record(
    run: str,
    job_id: str,
    outcome: str,
    validation: dsl.Input[dsl.Artifact],
    encoded: dsl.Input[dsl.Dataset] = None,
    checkpoint: dsl.Input[dsl.Model] = None,
    quantization: dsl.Input[dsl.Artifact] = None,
    evaluation: dsl.Input[dsl.Artifact] = None,
    timing: dsl.Input[dsl.Artifact] = None,
    verdict: dsl.Input[dsl.Artifact] = None,
    canary: dsl.Input[dsl.Artifact] = None,
) -> str:
    """Fills the MLflow run from the reports made so far; gives the outcome."""
    from pathlib import Path

    from components.base.failures import reported

    artifacts = dict(validation=validation, encoded=encoded, checkpoint=checkpoint, quantization=quantization)
    artifacts |= dict(evaluation=evaluation, timing=timing, verdict=verdict, canary=canary)
    with reported("record"):
        from components.base.settings import RunStep, from_json
        from components.record.record import record

        folders = {name: Path(artifact.path) if artifact else None for name, artifact in artifacts.items()}
        return record(from_json(RunStep, run), job_id, outcome, folders)

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def evaluate(
    bundle: dsl.Input[dsl.Model],
    checkpoint: dsl.Input[dsl.Model],
    tables: dsl.Input[dsl.Dataset],
    champion_version: str,
    champion_digest: str,
    settings: str,
    evaluation: dsl.Output[dsl.Artifact],
    timing: dsl.Output[dsl.Artifact],
) -> None:
    """Scores the bundle, its float parent and the pinned champion on the same test rows."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("evaluate"):
        from components.base.settings import EvaluateStep, from_json
        from components.evaluate.evaluate import Champion, evaluate

        step, champion = from_json(EvaluateStep, settings), None
        if champion_version:
            from components.base.registry import download_bundle

            champion = Champion(champion_version, champion_digest, download_bundle(step.name, champion_version))
        inputs = Path(bundle.path), Path(checkpoint.path), Path(tables.path)
        evaluate(*inputs, champion, step, Path(evaluation.path), Path(timing.path))

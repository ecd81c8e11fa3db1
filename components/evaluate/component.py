"""Scores the bundle, its float parent and the pinned champion on the same test rows."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def evaluate(
    bundle: dsl.Input[dsl.Model],
    checkpoint: dsl.Input[dsl.Model],
    tables: dsl.Input[dsl.Dataset],
    champion_version: str,
    champion_digest: str,
    champion_data: str,
    data_md5: str,
    settings: str,
    evaluation: dsl.Output[dsl.Artifact],
    timing: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
) -> None:
    """Scores the bundle, its float parent and the pinned champion on the same test rows."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("evaluate"):
        from components.base.settings import EvaluateStep, from_json
        from components.evaluate.champion import load_champion
        from components.evaluate.evaluate import evaluate
        from components.evaluate.publish import publish

        step = from_json(EvaluateStep, settings)
        champion = load_champion(champion_version, champion_digest, champion_data, data_md5, step)
        inputs = Path(bundle.path), Path(checkpoint.path), Path(tables.path)
        evaluate(*inputs, champion, step, Path(evaluation.path), Path(timing.path))
        publish(Path(evaluation.path), page, metrics, confusion)

"""Decides whether the bundle may be registered, and says why."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def gate(
    evaluation: dsl.Input[dsl.Artifact],
    timing: dsl.Input[dsl.Artifact],
    validation: dsl.Input[dsl.Artifact],
    settings: str,
    override: str,
    verdict: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
) -> bool:
    """Says whether the bundle may be registered; a refusal is a verdict, not a failure, unless overridden."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("gate"):
        from components.base.settings import GateStep, Override, from_json
        from components.gate.gate import gate

        inputs = Path(evaluation.path), Path(timing.path), Path(validation.path)
        accepted = from_json(Override, override) if override else None
        return gate(*inputs, from_json(GateStep, settings), Path(verdict.path), Path(page.path), accepted)

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def quantize(
    checkpoint: dsl.Input[dsl.Model],
    tables: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Artifact],
    settings: str,
    bundle: dsl.Output[dsl.Model],
    report: dsl.Output[dsl.Artifact],
    candidates: dsl.Output[dsl.Model],
) -> None:
    """Makes the candidates for serving, compares them on validation rows and seals the bundle of one."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("quantize"):
        from components.base.settings import QuantizeStep, from_json
        from components.quantize.quantize import quantize

        step = from_json(QuantizeStep, settings)
        profile = Path(validation.path) / "profile.json"
        outputs = Path(bundle.path), Path(report.path), Path(candidates.path)
        quantize(Path(checkpoint.path), Path(tables.path), profile, step, *outputs)

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
) -> None:
    """Chooses between float and int8 on validation rows and seals the bundle."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("quantize"):
        from components.base.settings import QuantizeStep, from_json
        from components.quantize.quantize import quantize

        step = from_json(QuantizeStep, settings)
        profile = Path(validation.path) / "profile.json"
        quantize(Path(checkpoint.path), Path(tables.path), profile, step, Path(bundle.path), Path(report.path))

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def validate(
    tables: dsl.Input[dsl.Dataset],
    base_model: dsl.Input[dsl.Model],
    champion_version: str,
    champion_digest: str,
    settings: str,
    report: dsl.Output[dsl.Artifact],
) -> bool:
    """Checks the tables against the config's limits; False is a verdict on the data, with its reasons in the report."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("validate"):
        from components.base.settings import ValidateStep, from_json
        from components.validate.reference import usable_profile
        from components.validate.validate import validate

        step = from_json(ValidateStep, settings)
        reference = usable_profile(step.name, champion_version, champion_digest)
        return validate(Path(tables.path), step, Path(report.path), Path(base_model.path), reference)

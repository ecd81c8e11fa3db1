from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def validate(tables: dsl.Input[dsl.Dataset], settings: str, report: dsl.Output[dsl.Artifact]) -> bool:
    """Checks the tables against the config's limits; False is a verdict on the data, with its reasons in the report."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("validate"):
        from components.base.settings import ValidateStep, from_json
        from components.validate.validate import validate

        return validate(Path(tables.path), from_json(ValidateStep, settings), Path(report.path))

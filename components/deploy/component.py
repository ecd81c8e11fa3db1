"""Makes the champion the version that servers answer with."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def deploy(version: str, digest: str, run: str, settings: str) -> None:
    """The version, whose bundle must have `digest`, answers from now on."""
    from components.base.failures import reported

    with reported("deploy"):
        from components.base.settings import DeployStep, RunStep, from_json
        from components.deploy.deploy import deploy

        deploy(from_json(RunStep, run), version, from_json(DeployStep, settings), digest=digest)

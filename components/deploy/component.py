from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def deploy(version: str, digest: str, run: str) -> None:
    """The version, whose bundle must have `digest`, answers from now on."""
    from components.base.failures import reported

    with reported("deploy"):
        from components.base.settings import RunStep, from_json
        from components.deploy.deploy import deploy

        deploy(from_json(RunStep, run).name, version, digest)

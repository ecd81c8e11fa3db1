from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def canary(version: str, run: str, settings: str, report: dsl.Output[dsl.Artifact]) -> bool:
    """True when the server, started on the registered version, answered every question as it should."""
    from pathlib import Path

    from components.base.failures import reported

    with reported("canary"):
        from components.base.registry import download_bundle
        from components.base.settings import CanarySettings, RunStep, from_json
        from components.canary.canary import canary

        bundle = download_bundle(from_json(RunStep, run).name, version)
        return canary(bundle, from_json(CanarySettings, settings), Path(report.path))

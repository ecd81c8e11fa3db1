from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def promote(version: str, run: str, expected_champion: str, job_id: str) -> None:
    """Makes the version champion, if the champion it was compared with still is."""
    from components.base.failures import reported

    with reported("promote"):
        from components.base.settings import RunStep, from_json
        from components.promote.promote import promote

        promote(from_json(RunStep, run), version, expected_champion, why=f"registered by job {job_id}")

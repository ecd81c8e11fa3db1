"""Makes a version the champion."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def promote(
    version: str,
    run: str,
    expected_champion: str,
    job_id: str,
    reason: str = "",
    who: str = "",
    allow_signature_change: bool = False,
) -> None:
    """Makes the version champion, if the champion it was compared with still is."""
    from components.base.failures import reported

    with reported("promote"):
        from components.base.settings import RunStep, from_json
        from components.promote.promote import promote

        given = {"why": reason or f"registered by job {job_id}", "who": who}
        allowed = {"allow_signature_change": allow_signature_change}
        promote(from_json(RunStep, run), version, expected_champion, **given, **allowed)

"""Makes a version the champion."""

from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def promote(
    version: str,
    run: str,
    job_id: str,
    expected_champion: str = "as compared",
    answers: bool = True,
    request: str = "",
) -> None:
    """Makes the version champion, if the champion it was compared with still is; `answers` is what its canary said."""
    from components.base.failures import reported

    with reported("promote"):
        from components.base.settings import PromotionRequest, RunStep, from_json
        from components.promote.promote import promote

        asked = from_json(PromotionRequest, request) if request else PromotionRequest()
        wishes = {**asked.model_dump(exclude={"reason"}), "why": asked.reason or f"registered by job {job_id}"}
        promote(from_json(RunStep, run), version, expected_champion, answers=answers, **wishes)

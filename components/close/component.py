from kfp import dsl

from components.base.image import COMPONENT


@dsl.component(**COMPONENT)
def close(status: dsl.PipelineTaskFinalStatus, run: str, job_id: str, settings: str) -> None:
    """Ends the MLflow run with the pipeline's final state and what failed, and tells a webhook."""
    from components.base.failures import reported

    with reported("close"):
        from components.base.settings import NotifyStep, RunStep, from_json
        from components.close.close import close

        told = from_json(NotifyStep, settings)
        close(from_json(RunStep, run), job_id, status.state, status.error_message or "", told=told)

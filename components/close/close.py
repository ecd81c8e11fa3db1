"""The exit task: the run's final state, and what failed, whether or not the steps got far enough to say so."""

from __future__ import annotations

from components.base import tracking
from components.base.errors import TextgateError
from components.base.failures import first
from components.base.settings import NotifyStep, RunStep
from components.close.facts import gather
from components.close.notify import notify

# The pipeline's states, and MLflow's.
STATUS = {"SUCCEEDED": "FINISHED", "CANCELED": "KILLED", "CANCELLED": "KILLED"}
NOBODY = NotifyStep()


def close(run: RunStep, job_id: str, state: str, message: str = "", step: str = "", told: NotifyStep = NOBODY) -> None:
    """Ends the job's MLflow run, made first where the pipeline failed before it was opened, and notifies `told`.

    `step` and `message` say what failed where no step reported it itself. A tracking server that does not answer costs
    a line in the log and nothing else, for the pipeline has ended already.
    """
    failed = STATUS.get(state) != "FINISHED"
    tags = {"textgate.state": state.lower()}
    if failed:
        failure = first()
        tags["textgate.failed_step"] = failure["step"] if failure else step
        tags["textgate.failure"] = failure["message"] if failure else message
    run_id = None
    try:
        run_id = tracking.find_run(run.name, job_id) or tracking.open_run(run.name, job_id, {})
        tracking.close_run(run_id, STATUS.get(state, "FAILED"), tags)
    except TextgateError as error:
        print(f"the run of job {job_id} stays open in MLflow: {error}", flush=True)
    if told.kind != "none":
        notify(told, {**gather(told, run.name, job_id, state, run_id), **_failure(tags)})


def _failure(tags: dict[str, str]) -> dict[str, str]:
    """MLflow may not have it."""
    known = {"failed_step": tags.get("textgate.failed_step"), "failure": tags.get("textgate.failure")}
    return {key: value for key, value in known.items() if value is not None}

"""What a run trains on: the objects of the data version, and the base model."""

from __future__ import annotations

from components.base import base_models
from components.base.errors import TextgateError
from components.base.mlflow_client import uri
from components.base.settings import Settings
from pipelines.data.remote import Lacking, check_remotes
from pipelines.preflight.line import Line, failed, ok, unknown
from pipelines.preflight.storage import kept_out, reached, unreachable

DATA, BASE_MODEL = "data", "base model"


def version(settings: Settings, options: str) -> Line:
    """Every object, on the remotes together."""
    s3 = reached(settings)
    if any(remote.startswith("s3://") for remote in settings.data.remotes) and (why := unreachable(settings)):
        return unknown(DATA, why)
    try:
        check_remotes(settings.model_copy(update={"s3": s3}), options)
    except Lacking as error:
        for remote, problem in error.unasked.items():
            if line := kept_out(DATA, remote, problem):
                return line
        raise
    return ok(DATA, f"every object is on {', '.join(settings.data.remotes)}")


def base_model(settings: Settings) -> Line:
    reference = settings.base_model.reference
    if reference.startswith(base_models.S3) and (why := unreachable(settings)):
        return unknown(BASE_MODEL, why)
    in_pods = settings.cluster.env.get("MLFLOW_TRACKING_URI", "")
    if reference.startswith(base_models.REGISTERED) and uri() != in_pods:
        why = f"{reference} is in the MLflow of the pods, which is not the one that this machine uses"
        return unknown(BASE_MODEL, why, "set MLFLOW_TRACKING_URI to the same to have it checked")
    try:
        base_models.check(reference, reached(settings))
    except TextgateError as error:
        if reference.startswith(base_models.PACKAGE):
            return unknown(BASE_MODEL, str(error), "what counts is that the image has the package")
        return kept_out(BASE_MODEL, reference, error) or failed(BASE_MODEL, str(error))
    beside = "; the image needs that package, too" if reference.startswith(base_models.PACKAGE) else ""
    return ok(BASE_MODEL, f"{reference}{beside}")

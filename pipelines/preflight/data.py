"""What a run trains on: the objects of the data version, and the base model."""

from __future__ import annotations

from pathlib import Path

from components.base import base_models
from components.base.dvc_tree import object_key
from components.base.errors import TextgateError
from components.base.mlflow_client import uri
from components.base.objects import open_store
from components.base.settings import S3Settings, Settings
from pipelines.data.remote import check_remotes
from pipelines.data.version import read_version
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
    except TextgateError:
        if line := _kept_out(settings, s3):
            return line
        raise
    return ok(DATA, f"every object is on {', '.join(settings.data.remotes)}")


def _kept_out(settings: Settings, s3: S3Settings) -> Line | None:
    """Of the first remote that was asked without credentials, or refused them: what it holds is not known."""
    key = object_key(read_version(Path(settings.data.version)).md5)
    for remote in settings.data.remotes:
        try:
            open_store(remote, s3).exists(key)
        except TextgateError as error:
            if line := kept_out(DATA, remote, error):
                return line
    return None


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

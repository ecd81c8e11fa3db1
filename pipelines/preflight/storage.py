"""The object stores that a run writes to: a small object is put there, and taken away again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError, PartialCredentialsError

from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.settings import S3Settings, Settings
from components.base.settings.storage import ENDPOINTS
from pipelines.preflight.line import Line, failed, ok, unknown
from pipelines.preflight.names import of_a_cluster

REFUSED, ENDED = (401, 403), ("ExpiredToken", "InvalidToken")
Ask = Callable[[], list[Line]]


def reached(settings: Settings) -> S3Settings:
    """How this machine reaches S3: as its own environment says, else as that of the pods."""
    s3, env = settings.s3, settings.cluster.env
    endpoint = s3.endpoint or next((env[name] for name in ENDPOINTS if name in env), "")
    if not s3.endpoint and any(os.environ.get(name) for name in ENDPOINTS):
        endpoint = ""
    region = s3.region or ("" if os.environ.get("AWS_DEFAULT_REGION") else env.get("AWS_DEFAULT_REGION", ""))
    # Where it is mounted in pods alone, this machine trusts what AWS_CA_BUNDLE says.
    bundle = s3.ca_bundle if Path(s3.ca_bundle).exists() else ""
    return s3.model_copy(update={"endpoint": endpoint, "region": region, "ca_bundle": bundle})


def unreachable(settings: Settings) -> str:
    """Why S3 cannot be asked from here at all; empty where it can."""
    own = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    host = of_a_cluster(reached(settings).endpoint or own)
    return f"the object store {host} has a name that only the cluster resolves" if host else ""


def kept_out(check: str, place: str, error: Exception) -> Line | None:
    """What to say where S3 was asked without credentials, or refused them; None of any other error."""
    cause = error.__cause__
    if isinstance(cause, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else boto3 takes, to have it tried"
        return unknown(check, f"this machine has no credentials for {place}", advice)
    if isinstance(cause, ClientError):
        answer = cause.response
        if answer["ResponseMetadata"]["HTTPStatusCode"] in REFUSED or answer["Error"]["Code"] in ENDED:
            return failed(check, str(error))
    return None


def checks(settings: Settings, trains: bool, acts: bool) -> Iterator[tuple[str, Ask]]:
    """One for each setting that names a place which the run writes to."""
    places = {
        "promote.log": settings.promote.log if acts else "",
        "training.checkpoint.place": settings.training.checkpoint.place if trains else "",
        "cluster.pipeline_root": settings.cluster.pipeline_root,
    }
    for key, place in places.items():
        # What is no object store is a folder of a claim, or refused by the check of the settings.
        if "://" in place:
            yield key, partial(_ask, key, place, settings)


def _ask(key: str, place: str, settings: Settings) -> list[Line]:
    if not place.startswith("s3://"):
        return [unknown(key, f"{place} is not S3, which alone can be tried from here")]
    if why := unreachable(settings):
        return [unknown(key, why)]
    return [_write(key, place, reached(settings))]


def _write(key: str, place: str, s3: S3Settings) -> Line:
    probe, content = f".textgate-preflight-{os.urandom(8).hex()}", b"written and removed by textgate preflight\n"
    try:
        store = open_store(place, s3)
        store.create(probe, content)
    except TextgateError as error:
        return kept_out(key, place, error) or failed(key, str(error))
    try:
        store.remove(probe)
    except TextgateError as error:
        return failed(key, f"{place} takes objects, but {probe} cannot be removed: {error}", "remove it by hand")
    return ok(key, f"{place} takes objects from this machine's credentials")

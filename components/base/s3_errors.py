"""What S3's and botocore's errors mean: one message that says what is wrong, where, and what to do."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import ConnectionError as Unconnected
from urllib3.exceptions import HTTPError

from components.base.addresses import without_credentials
from components.base.errors import TextgateError

# The connection was refused or dropped, or nothing came in time. Some of urllib3's own get through botocore.
DROPPED = (Unconnected, HTTPClientError, HTTPError, IncompleteReadError)

ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
}
ENDPOINT_KEYS = "s3.endpoint (or AWS_ENDPOINT_URL_S3 where that is empty)"
ANOTHER_REGION = (
    "the bucket {bucket} is in another region than requests are signed for; check s3.region (or AWS_DEFAULT_REGION"
    " where that is empty)"
)
NO_BUCKET = "there is no bucket {bucket} at {endpoint}; create it, or correct {url} or " + ENDPOINT_KEYS
EXPIRED = "{endpoint} does not accept the credentials any more: their session has ended; renew AWS_SESSION_TOKEN"
BY_CODE = {
    "AuthorizationHeaderMalformed": ANOTHER_REGION,
    "ExpiredToken": EXPIRED,
    "InvalidAccessKeyId": "{endpoint} does not know the access key of the credentials; check AWS_ACCESS_KEY_ID",
    "InvalidBucketName": NO_BUCKET,
    "InvalidToken": EXPIRED,
    "NoSuchBucket": NO_BUCKET,
    "PermanentRedirect": ANOTHER_REGION,
    "PreconditionFailed": "{where} was replaced while it was read; run again",
    "RequestTimeTooSkewed": "{endpoint} refuses requests because the clock of this machine is wrong; set it",
    "SignatureDoesNotMatch": "{endpoint} does not accept the credentials: the secret is not the one of the access"
    " key; check AWS_SECRET_ACCESS_KEY",
}


class Place(NamedTuple):
    """Where an error arose: `url` is the store's address, `where` the object's or, of a list, the prefix's."""

    url: str
    bucket: str
    endpoint: str
    where: str


def explain(error: Exception, place: Place) -> Exception:
    """FileNotFoundError where the object is not there, else a TextgateError."""
    if isinstance(error, ClientError):
        if error.response["Error"]["Code"] == "NoSuchKey":
            return FileNotFoundError(f"there is no object {place.where}")
        return TextgateError(without_credentials(_refusal(error, place)))
    return TextgateError(without_credentials(_failure(error, place)))


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later: the server is away or overloaded."""
    if isinstance(error, ClientError):
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500)
    return isinstance(error, DROPPED)


def _refusal(error: ClientError, place: Place) -> str:
    code, operation = error.response["Error"]["Code"], error.operation_name
    if code in BY_CODE:
        return BY_CODE[code].format(**place._asdict())
    if code == "AccessDenied":
        action = ACTIONS.get(operation, operation)
        masked = " (S3 says so too of a missing object, to whoever lacks s3:ListBucket)"
        return (
            f"the credentials lack the permission {action} for {place.where} at {place.endpoint}"
            f"{masked if operation == 'GetObject' else ''}; grant it or use other credentials"
        )
    said = error.response["Error"].get("Message") or error.response["ResponseMetadata"]["HTTPStatusCode"]
    return f"{place.endpoint} refused {operation} of {place.where} ({code}: {said}); check {ENDPOINT_KEYS}"


def _failure(error: Exception, place: Place) -> str:
    reason = _reason(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return f"no credentials for {place.url} ({reason}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, FlexibleChecksumError):
        return f"{place.where} is not what was stored: {reason}"
    if isinstance(error, SSLError):
        if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
            return f"{place.endpoint} does not speak TLS; write http:// in {ENDPOINT_KEYS}"
        return (
            f"the certificate of {place.endpoint} is not trusted ({reason}); name the PEM file of the authority that"
            " issued it in s3.ca_bundle (or AWS_CA_BUNDLE where that is empty), and the host as the certificate does"
        )
    if isinstance(error, DROPPED):
        return f"{place.endpoint} does not answer ({reason}); check that it runs, and {ENDPOINT_KEYS}"
    return f"{place.where} cannot be reached: {reason}; check the address and {ENDPOINT_KEYS}"


def _reason(error: BaseException) -> str:
    """What the innermost error says: botocore wraps urllib3's, which wraps the system's."""
    while inner := _inner(error):
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _inner(error: BaseException) -> BaseException | None:
    given: Any = getattr(error, "kwargs", {}).get("error")
    candidates = (given, getattr(error, "reason", None), error.__cause__, *reversed(error.args))
    return next((inner for inner in candidates if isinstance(inner, BaseException)), None)

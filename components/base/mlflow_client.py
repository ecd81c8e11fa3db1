"""The connection to MLflow that tracking.py and registry.py share; both take the package `mlflow` from here.

MLFLOW_TRACKING_URI names the server, and MLflow's own variables its credentials; without it the store is a SQLite
file in the workspace.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

from components.base.addresses import without_credentials
from components.base.errors import TextgateError
from components.base.locks import locked
from components.base.workspace import create_home, home

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # MLflow reads it while it is imported

import mlflow as mlflow
import sqlalchemy
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# Packages whose exceptions speak of a server, a database or a disk, not of a fault in this code.
SURROUNDINGS = {"azure", "boto3", "botocore", "google", "mlflow", "requests", "sqlalchemy", "urllib3"}


class AccessRefused(TextgateError):
    """The server answers, and does not take the credentials, or none."""


def uri() -> str:
    """MLFLOW_TRACKING_URI, or the SQLite file in the workspace; SQLite waits a minute for other writers."""
    named = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"
    return f"{named}?timeout=60" if named.startswith("sqlite:") and "?" not in named else named


def shown_uri(address: str = "") -> str:
    """The URI, or the one that is given, without credentials and options, fit to be printed."""
    return without_credentials(address or uri()).partition("?")[0]


def is_there() -> bool:
    """Whether a store is named, or the workspace holds one; else the first connection makes it."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI")) or (home() / "mlflow.db").exists()


def is_server() -> bool:
    return uri().startswith(("http://", "https://"))


def connect() -> mlflow.MlflowClient:
    """A client that has had an answer, the store's tables made where they were missing.

    Raises TextgateError, after about ten seconds at most, where the server does not answer or refuses the credentials.
    """
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return _connected(uri())


def alone() -> AbstractContextManager[None]:
    """One process at a time on a database of this machine; a server looks after itself."""
    return nullcontext() if is_server() else locked(home() / "mlflow.lock")


@contextmanager
def explained(doing: str, advice: str = "", address: str = "") -> Iterator[None]:
    """Turns what MLflow, its server or its stores raise into a TextgateError that says what was being done, and with
    which MLflow where it is not the usual one."""
    try:
        yield
    except TextgateError:
        raise
    except Exception as error:
        package = type(error).__module__.partition(".")[0]
        if not isinstance(error, OSError | ImportError) and package not in SURROUNDINGS:
            raise
        message = f"MLflow at {shown_uri(address)} failed to {doing}: {_reason(error)}"
        raise TextgateError(f"{message}; {advice}" if advice else message) from error


@cache
def _connected(address: str) -> mlflow.MlflowClient:
    if is_server():
        ask_server(address)
    elif address.startswith(DATABASES):
        _ask_database(address)
    with alone(), explained("open the store", "check MLFLOW_TRACKING_URI"):
        client = mlflow.MlflowClient(address)
        client.search_experiments(max_results=1)
    return client


def ask_server(address: str) -> None:
    """Raises TextgateError where no MLflow answers there, as AccessRefused where it refuses the credentials."""
    names = ["MLFLOW_TRACKING_URI"]
    if address.startswith("https:"):
        names += ["MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"]
    with explained("answer", f"check {', '.join(names)}, and that the server is up", address):
        path = "/api/2.0/mlflow/experiments/search"
        patience: dict[str, Any] = {"timeout": 4, "max_retries": 1, "backoff_factor": 1, "raise_on_status": False}
        answer = http_request(get_default_host_creds(address), path, "GET", params={"max_results": 1}, **patience)
    said = f"HTTP {answer.status_code}: {_first_line(answer.text)}"
    if answer.status_code in {401, 403}:
        raise AccessRefused(
            f"MLflow at {shown_uri(address)} refused access ({said}); set MLFLOW_TRACKING_USERNAME and"
            " MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if answer.status_code != 200 or not answer.text.lstrip().startswith("{"):
        raise TextgateError(f"{shown_uri(address)} answers, but not as MLflow does ({said}); check MLFLOW_TRACKING_URI")


def _ask_database(address: str) -> None:
    """MLflow alone would try for minutes."""
    with explained("open the database", "check MLFLOW_TRACKING_URI and TEXTGATE_HOME"):
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            create_home()
        engine = sqlalchemy.create_engine(address)
        sqlalchemy.inspect(engine).get_table_names()
        engine.dispose()


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def _reason(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    if cause := re.search(r"Caused by \w+\((.*?)\)*$", text):
        text = cause[1].strip("\"'")
    if credentials := re.match(r"^[^:/]+://([^/]*)@", uri()):
        for secret in (credentials[1], credentials[1].partition(":")[2]):
            text = text.replace(secret, "***") if secret else text
    return text[:400]

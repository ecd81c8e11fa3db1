"""MLflow, by the address that pods use."""

from __future__ import annotations

import os

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from components.base.errors import TextgateError
from components.base.mlflow_client import AccessRefused, ask_server, shown_uri
from components.base.settings import ClusterSettings, Settings
from pipelines.preflight.line import Line, failed, ok, unknown
from pipelines.preflight.names import of_a_cluster

CHECK, VARIABLE = "MLflow", "MLFLOW_TRACKING_URI"
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN")


def ask(settings: Settings, version: str = "") -> Line:
    """`version` is the one that a promotion is to find there."""
    cluster = settings.cluster
    address = cluster.env.get(VARIABLE, "")
    if not address:
        return _unnamed(cluster)
    if not address.startswith(("http://", "https://")):
        said = f"cluster.env.{VARIABLE} is {shown_uri(address)}, which each pod would have for itself"
        return failed(CHECK, said, "name a server, as http://HOST:PORT")
    if host := of_a_cluster(address):
        return unknown(CHECK, f"{host} is a name that only the cluster resolves")
    try:
        ask_server(address)
    except AccessRefused as error:
        return _refused(cluster, address, str(error))
    if version and not _has(address, settings.name, version):
        return failed(CHECK, f"{address} has no version {version} of {settings.name}", "textgate models list shows all")
    return ok(CHECK, f"{address} answers" + (f", and has version {version}" if version else ""))


def _has(address: str, name: str, version: str) -> bool:
    try:
        MlflowClient(address, address).get_model_version(name, version)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return False
        raise TextgateError(f"MLflow at {shown_uri(address)} failed to say whether it has {name}: {error}") from None
    return True


def _unnamed(cluster: ClusterSettings) -> Line:
    if name := _source(cluster, VARIABLE):
        return unknown(CHECK, f"its address is in {name} of the cluster")
    return unknown(
        CHECK, f"no {VARIABLE} is set for pods", f"set cluster.env.{VARIABLE}, unless Kubeflow or the image sets it"
    )


def _refused(cluster: ClusterSettings, address: str, said: str) -> Line:
    """Pods have credentials of their own, which are not known here."""
    sources = [name for variable in CREDENTIALS if (name := _source(cluster, variable))]
    if not sources:
        advice = f"give pods {CREDENTIALS[0]} and MLFLOW_TRACKING_PASSWORD by cluster.secrets"
        return failed(CHECK, f"{address} wants credentials, and pods get none", advice)
    if any(os.environ.get(variable) for variable in CREDENTIALS):
        return failed(CHECK, said)
    advice = "set the same credentials here to have them tried"
    return unknown(CHECK, f"{address} answers, and wants the credentials of {sources[0]}", advice)


def _source(cluster: ClusterSettings, variable: str) -> str:
    """The Secret or ConfigMap that gives pods this variable."""
    return next((one.name for one in [*cluster.secrets, *cluster.config_maps] if variable in one.env), "")

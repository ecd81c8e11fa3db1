"""What of a config cannot work in a pod."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from components.base.addresses import is_loopback, without_credentials
from components.base.errors import TextgateError
from components.base.settings import Settings
from components.base.settings.storage import ENDPOINTS
from pipelines import pods

STORE = "s3://bucket/prefix"
MODELS = ("package://module/path", "hf://org/name@revision", "mlflow://NAME/VERSION", STORE)
# Where an image has certificates of its own.
CERTIFICATES = ("/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")


def check_settings(settings: Settings, trains: bool = True, acts: bool = True) -> None:
    """Raises TextgateError naming each key whose value a step in a pod could not use, and what is allowed; `trains`
    where the run needs data and base model, `acts` where it may promote and deploy."""
    places: list[tuple[str, str, tuple[str, ...]]] = [("promote.log", settings.promote.log, (STORE,))] if acts else []
    if trains:
        places += [("data.remotes", remote, (STORE,)) for remote in settings.data.remotes]
        places.append(("base_model.reference", settings.base_model.reference, MODELS))
    faults = [fault for place in places if (fault := _place_fault(*place))]
    faults += _faults_of_addresses(settings)
    faults += pods.faults(settings, trains)
    if acts and settings.deploy.mode == "auto" and settings.deploy.target == "local":
        faults.append(
            "deploy.mode auto reaches only a server of this machine; use --set deploy.mode=manual, or --set"
            " deploy.target=kserve with deploy.kserve.namespace and deploy.kserve.image"
        )
    if faults:
        raise TextgateError("this config cannot run on a cluster:\n  " + "\n  ".join(faults))


def _place_fault(key: str, place: str, allowed: tuple[str, ...]) -> str:
    if place.startswith(tuple(kind.partition("://")[0] + "://" for kind in allowed)):
        return ""
    kind = place if "://" in place else f"a folder of this machine ({place or 'promotions in the workspace'})"
    example = f"[{allowed[0]}]" if key == "data.remotes" else allowed[0]
    return f"{key} is {kind}; a cluster needs {' or '.join(allowed)}, as --set '{key}={example}'"


def _faults_of_addresses(settings: Settings) -> Iterator[str]:
    s3, cluster = settings.s3, settings.cluster
    variables = {f"cluster.env.{name}": cluster.env.get(name, "") for name in ("MLFLOW_TRACKING_URI", *ENDPOINTS)}
    for key, address in {"s3.endpoint": s3.endpoint, **variables}.items():
        if is_loopback(address):
            yield f"{key} is {without_credentials(address)}, which leads each pod to itself; name the host as pods do"
    mounted = [one.path for one in (*cluster.secrets, *cluster.config_maps) if one.path]
    mounted += [one.path for one in cluster.pvcs if not one.steps]
    if s3.ca_bundle and not any(PurePosixPath(s3.ca_bundle).is_relative_to(path) for path in (*mounted, *CERTIFICATES)):
        yield (
            f"s3.ca_bundle {s3.ca_bundle} is a file that pods lack; use one below a path of cluster.secrets,"
            " cluster.config_maps or a claim that all steps mount, or name one of the image in"
            " cluster.env.AWS_CA_BUNDLE and leave s3.ca_bundle empty"
        )

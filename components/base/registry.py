"""The one place that talks to MLflow about models: versions, their tags and aliases, and the bundles they hold."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError
from components.base.files import new_folder
from components.base.locks import locked
from components.base.mlflow_client import connect, explained, mlflow, shown_uri, uri
from components.base.mlflow_model import BUNDLE_DIGEST as BUNDLE_DIGEST
from components.base.mlflow_model import write_mlmodel
from components.base.workspace import home
from serving import bundle as bundles

CHAMPION = "champion"
CHALLENGER = "challenger"
VERDICT = "textgate.verdict"
VERDICT_DIGEST = "textgate.verdict_digest"
RUN_ID = "textgate.run_id"
CHECKPOINT_DIGEST = "textgate.checkpoint_digest"
CHECKPOINT_RUN_ID = "textgate.checkpoint_run_id"
DATA_MD5 = "textgate.data_md5"
BASE_MODEL = "textgate.base_model"
COMPARED_WITH = "textgate.compared_with"
REJECTED = "textgate.rejected"
REJECTED_BY = "textgate.rejected_by"
REJECTED_AT = "textgate.rejected_at"
REJECTED_VERDICT = "textgate.rejected_verdict"
NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class UnusableVersion(TextgateError):
    """MLflow answered: the version is not there, or its files are not those that were registered."""


def version_tags(name: str, version: str) -> dict[str, str]:
    """Raises UnusableVersion where the model has no such version."""
    client = connect()
    with explained(f"read version {version} of {name}"), _there(name, version):
        return dict(client.get_model_version(name, version).tags)


def tag_version(name: str, version: str, tags: Mapping[str, str]) -> None:
    client = connect()
    with explained(f"tag version {version} of {name}"):
        for key, value in tags.items():
            client.set_model_version_tag(name, version, key, value)


def rejection(tags: Mapping[str, str]) -> str:
    """Who rejected the version with these tags, when and why; empty where nobody did, or before its present verdict."""
    reason = tags.get(REJECTED, "")
    if not reason or tags.get(REJECTED_VERDICT, "") != tags.get(VERDICT_DIGEST, ""):
        return ""
    return f"rejected by {tags.get(REJECTED_BY, 'somebody')} at {tags.get(REJECTED_AT, 'some time')}: {reason}"


def find_version(name: str, value: str, tag: str = BUNDLE_DIGEST) -> str | None:
    """The newest version whose tag has this value: without `tag`, which holds the bundle with this digest."""
    client = connect()
    with explained(f"search the versions of {name}"):
        found = client.search_model_versions(f"name = '{name}' and tags.`{tag}` = '{value}'")
    return max((str(version.version) for version in found), key=int, default=None)


def alias_of(name: str, alias: str) -> str:
    """The version that has the alias; empty where none has. However many versions there are, it costs the same."""
    client = connect()
    with explained(f"read the alias {alias} of {name}"):
        try:
            return str(client.get_model_version_by_alias(name, alias).version)
        except mlflow.MlflowException as error:
            if error.error_code not in NOT_THERE:
                raise
    return ""


def aliases(name: str) -> dict[str, str]:
    """Alias to version."""
    client = connect()
    with explained(f"read the aliases of {name}"):
        return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def set_alias(name: str, alias: str, version: str) -> None:
    client = connect()
    with explained(f"give version {version} of {name} the alias {alias}"):
        client.set_registered_model_alias(name, alias, version)


def drop_alias(name: str, alias: str, version: str) -> None:
    """Takes the alias away if it points to this version."""
    if alias_of(name, alias) != version:
        return
    client = connect()
    with explained(f"take the alias {alias} from version {version} of {name}"):
        client.delete_registered_model_alias(name, alias)


def create_version(name: str, run_id: str, bundle: Path, tags: Mapping[str, str], summary: str) -> str:
    """Uploads the bundle's files as they are, MLmodel with its ids, and gives the number of the new version.

    A version appears only once all its files are stored.
    """
    client = connect()
    with explained(f"store a version of {name}"):
        experiment_id = client.get_run(run_id).info.experiment_id
        model = client.create_logged_model(experiment_id, name="bundle", source_run_id=run_id)
        try:
            with tempfile.TemporaryDirectory() as beside:
                write_mlmodel(bundle, Path(beside), _ids(model))
                client.log_model_artifacts(model.model_id, str(bundle))
                client.log_model_artifacts(model.model_id, beside)
            client.finalize_logged_model(model.model_id, "READY")
        except BaseException:
            with suppress(Exception):
                client.finalize_logged_model(model.model_id, "FAILED")
            raise
        client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(model.model_id, step=0)])
        version = client.create_model_version(
            name, model.artifact_location, run_id, tags=dict(tags), description=summary, model_id=model.model_id
        ).version
        # What MLflow's page of the logged model looks for.
        link = json.dumps([{"name": name, "version": str(version)}])
        client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": link})
    return str(version)


def download_bundle(name: str, version: str) -> Path:
    """The version's bundle in the workspace's cache, fetched once, verified each time against the version's digest.

    Raises UnusableVersion where the version, its digest or a file is missing, or the bytes are others.
    """
    digest = _tagged_digest(name, version)
    target = home() / "cache" / "bundles" / digest
    with locked(target.with_name(f".{digest}.lock")):
        if not _fault(target, digest):
            return target
        with new_folder(target) as folder:
            _fetch(name, version, digest, folder)
    return target


@contextmanager
def fetched(name: str, version: str) -> Iterator[Path]:
    """The version's bundle as MLflow has it at this moment, whatever is cached, in a folder that is removed afterwards.

    Raises UnusableVersion as download_bundle does.
    """
    digest = _tagged_digest(name, version)
    beside = home() / "cache"
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=beside) as folder:
        bundle = Path(folder) / "bundle"
        bundle.mkdir()
        _fetch(name, version, digest, bundle)
        yield bundle


def read_files(name: str, version: str, *files: str) -> list[bytes]:
    """Single files of a version, unverified. Raises UnusableVersion where one is not there."""
    source = version_source(name, version)
    with explained(f"read {' and '.join(files)} of version {version} of {name}"):
        there = mlflow.artifacts.list_artifacts(artifact_uri=source, tracking_uri=uri()) or []
        if missing := sorted({*files} - {Path(file.path).name for file in there}):
            raise UnusableVersion(
                f"version {version} of {name} in MLflow at {shown_uri()} has no file {missing[0]} any more"
            )
        with tempfile.TemporaryDirectory() as folder:
            paths = [
                mlflow.artifacts.download_artifacts(f"{source}/{file}", dst_path=folder, tracking_uri=uri())
                for file in files
            ]
            return [Path(path).read_bytes() for path in paths]


def download_pinned(name: str, version: str, digest: str) -> Path:
    """As download_bundle. Raises UnusableVersion where the version no longer has the bundle with this digest."""
    bundle = download_bundle(name, version)
    if bundles.digest(bundle) != digest:
        raise UnusableVersion(f"version {version} of {name} is not the bundle that was pinned ({digest[:12]})")
    return bundle


def version_source(name: str, version: str) -> str:
    """Where MLflow keeps the version's files: s3://..., a path, or mlflow-artifacts:/... where its server hands them
    out. Raises UnusableVersion where the model has no such version."""
    client = connect()
    with explained(f"find the files of version {version} of {name}"), _there(name, version):
        return str(client.get_model_version_download_uri(name, version))


@contextmanager
def _there(name: str, version: str) -> Iterator[None]:
    try:
        yield
    except mlflow.MlflowException as error:
        if error.error_code not in NOT_THERE:
            raise
        raise UnusableVersion(f"MLflow at {shown_uri()} has no version {version} of {name}") from None


def _tagged_digest(name: str, version: str) -> str:
    digest = version_tags(name, version).get(BUNDLE_DIGEST, "")
    if not digest:
        raise UnusableVersion(f"version {version} of {name} has no tag {BUNDLE_DIGEST}: textgate did not register it")
    return digest


def _fetch(name: str, version: str, digest: str, folder: Path) -> None:
    _download(name, version, folder)
    if fault := _fault(folder, digest):
        raise UnusableVersion(f"version {version} of {name} in MLflow at {shown_uri()} is damaged: {fault}")


def _fault(folder: Path, digest: str) -> str:
    """What keeps the folder from being the bundle with this digest; empty when it is."""
    try:
        bundles.verify(folder)
    except TextgateError as error:
        return str(error)
    found = bundles.digest(folder)
    return "" if found == digest else f"its bundle digest is {found}, and the version's tag says {digest}"


def _download(name: str, version: str, folder: Path) -> None:
    source = version_source(name, version)
    with explained(f"fetch version {version} of {name}"), tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        if not mlflow.artifacts.list_artifacts(artifact_uri=source, tracking_uri=uri()):
            raise UnusableVersion(f"version {version} of {name} in MLflow at {shown_uri()} has no files any more")
        fetched = mlflow.artifacts.download_artifacts(source, dst_path=beside, tracking_uri=uri())
        for path in Path(fetched).iterdir():
            path.rename(folder / path.name)


def _ids(model: Any) -> dict[str, Any]:
    """What MLflow wants to find in the MLmodel of a version, beside what a bundle's own has."""
    return {
        "artifact_path": model.artifact_location,
        "mlflow_version": mlflow.__version__,
        "model_id": model.model_id,
        "model_uuid": model.model_id,
        "run_id": model.source_run_id,
        "utc_time_created": datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
    }

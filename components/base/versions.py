"""All versions of a registered model at once, and the removal of one with its files; registry.py is for single ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from components.base import registry
from components.base.mlflow_client import connect, explained, mlflow, uri
from components.base.registered_checkpoint import ARTIFACT, REFERENCE, reference_to


class Version(NamedTuple):
    """`when` it was registered; `aliases` are those that point to it."""

    number: str
    when: datetime
    tags: Mapping[str, str]
    aliases: tuple[str, ...]


def all_versions(name: str) -> list[Version]:
    """Newest first; none where MLflow does not know the model."""
    found = _search(name, f"name = '{name}'")
    aliases = registry.aliases(name) if found else {}
    return [
        Version(
            number=str(one.version),
            when=datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
            tags=dict(one.tags),
            aliases=tuple(sorted(alias for alias, version in aliases.items() if version == str(one.version))),
        )
        for one in sorted(found, key=lambda one: int(one.version), reverse=True)
    ]


def begun_from(name: str) -> list[tuple[str, str, str]]:
    """Versions, of whichever model, whose training began from a version of this one: the one it began from, then model
    and version."""
    found = []
    for one in _search(name, f"tags.`{registry.BASE_MODEL}` LIKE '{reference_to(name, '%')}'"):
        reference = REFERENCE.fullmatch(one.tags[registry.BASE_MODEL])
        if reference and reference[1] == name:
            found.append((reference[2], str(one.name), str(one.version)))
    return found


def find_aliases(name: str, version: str) -> list[str] | None:
    """Those that point to the version at this moment; None where there is no such version."""
    client = connect()
    with explained(f"read version {version} of {name}"):
        try:
            return list(client.get_model_version(name, version).aliases)
        except mlflow.MlflowException as error:
            if error.error_code not in registry.NOT_THERE:
                raise
    return None


def remove(name: str, version: str) -> None:
    """Bundle and checkpoint, the logged model, and last the version itself, so that what was cut off can be done again.

    The run that made it, with its reports, stays. Raises TextgateError where MLflow or its artifact store refuses.
    """
    client = connect()
    with explained(f"remove version {version} of {name}"):
        found = client.get_model_version(name, version)
        _delete(registry.version_source(name, version))
        run = _run(client, found.tags.get(registry.CHECKPOINT_RUN_ID, ""))
        if run is not None:
            _delete(f"{run.info.artifact_uri}/{ARTIFACT}")
        if model := _logged_model(client, found):
            client.delete_logged_model(model)
        client.delete_model_version(name, version)


def _search(name: str, query: str) -> list[Any]:
    client, found, token = connect(), [], None
    with explained(f"search the versions of {name}"):
        while True:
            page = client.search_model_versions(query, page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def _delete(address: str) -> None:
    """What lies at this artifact URI, if anything does."""
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository
    repository(address, tracking_uri=uri()).delete_artifacts()


def _run(client: mlflow.MlflowClient, run_id: str) -> Any:
    if not run_id:
        return None
    try:
        return client.get_run(run_id)
    except mlflow.MlflowException as error:
        if error.error_code not in registry.NOT_THERE:
            raise
        return None


def _logged_model(client: mlflow.MlflowClient, version: Any) -> str:
    """The id of the one that the version was made of: MLflow's registry does not name it, but the run does."""
    run = _run(client, version.run_id)
    for output in run.outputs.model_outputs if run and run.outputs else []:
        try:
            model = client.get_logged_model(output.model_id)
        except mlflow.MlflowException as error:
            if error.error_code not in registry.NOT_THERE:
                raise
            continue
        if model.artifact_location == version.source:
            return str(model.model_id)
    return ""

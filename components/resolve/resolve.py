"""The step: what the run stands on, pinned as strings that every later step sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.base.settings import RunStep


class Outputs(NamedTuple):
    """`champion_version` and `champion_digest` are empty where there is no champion yet."""

    data_md5: str
    base_model_digest: str
    champion_version: str
    champion_digest: str


def resolve(run: RunStep, job_id: str, data_md5: str, base_model: str, lineage: Mapping[str, str]) -> Outputs:
    """Opens the job's MLflow run, tagged with `lineage`, and pins the inputs.

    Raises TextgateError where the base model is not usable, or MLflow does not have the champion of the promotion log.
    """
    pinned = {**lineage, "data_md5": data_md5, "base_model": base_model}
    tags = {f"textgate.{key}": value for key, value in pinned.items()}
    if commit := lineage.get("git_commit"):
        tags["mlflow.source.git.commit"] = commit
    run_id = tracking.open_run(run.name, job_id, tags)
    champion = open_log(run).head()
    if champion:
        _check_champion(run.name, champion.version, champion.bundle_digest)
    outputs = Outputs(
        data_md5=data_md5,
        base_model_digest=base_models.digest(base_model, run.s3),
        champion_version=champion.version if champion else "",
        champion_digest=champion.bundle_digest if champion else "",
    )
    tracking.log(run_id, tags={f"textgate.{key}": value for key, value in outputs._asdict().items()})
    return outputs


def _check_champion(name: str, version: str, digest: str) -> None:
    """Better known now than after the training that would be compared with it."""
    held = registry.version_tags(name, version).get(registry.BUNDLE_DIGEST, "")
    if held != digest:
        raise TextgateError(
            f"the promotion log says that version {version} of {name} is champion with the bundle {digest[:12]}, but in"
            f" MLflow that version has the bundle {held[:12] or '(none)'}; check that MLFLOW_TRACKING_URI and the log"
            " belong together"
        )

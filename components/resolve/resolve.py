"""The step: what the run stands on, pinned as strings that every later step sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.promotion_log import open_log
from components.base.registered_checkpoint import REFERENCE, reference_to
from components.base.settings import BaseModelSettings, Reproduction, RunStep

UNKNOWN = "unknown"


class Outputs(NamedTuple):
    """`base_model` is the reference to what training begins from. `champion_data` has, with spaces between, the hashes
    of the data that the champion was trained on, and those versions that it was begun from; one that MLflow does not
    know is UNKNOWN. The strings of the champion are empty where there is none yet."""

    data_md5: str
    base_model: str
    base_model_digest: str
    champion_version: str
    champion_digest: str
    champion_data: str


def resolve(
    run: RunStep, job_id: str, data_md5: str, base_model: BaseModelSettings, lineage: Mapping[str, str]
) -> Outputs:
    """Opens the job's MLflow run, tagged with `lineage`, and pins the inputs; a reproduction's are pinned already.

    Raises TextgateError where the base model is not usable, or MLflow has another bundle than the promotion log as the
    champion, or none and `run.unusable_champion` is refuse.
    """
    pinned = {**lineage, "data_md5": data_md5, "base_model": base_model.reference}
    tags = {f"textgate.{key}": value for key, value in pinned.items()}
    if commit := lineage.get("git_commit"):
        tags["mlflow.source.git.commit"] = commit
    if run.like:
        tags["textgate.reproduces"] = run.like.run_id
    run_id = tracking.open_run(run.name, job_id, tags)
    pins = _pinned_before(run, run.like) if run.like else _pinned_now(run, base_model)
    outputs = Outputs(data_md5=data_md5, **pins)
    tracking.log(run_id, tags={f"textgate.{key}": value for key, value in outputs._asdict().items()})
    return outputs


def _pinned_now(run: RunStep, base_model: BaseModelSettings) -> dict[str, str]:
    champion = open_log(run).head()
    held = _champion_tags(run, champion.version, champion.bundle_digest, "is champion") if champion else {}
    reference, digest = _begin(run, base_model, champion.version if champion else "", held)
    return {
        "base_model": reference,
        "base_model_digest": digest,
        "champion_version": champion.version if champion else "",
        "champion_digest": champion.bundle_digest if champion else "",
        "champion_data": " ".join(_trained_on(held)) if champion else "",
    }


def _pinned_before(run: RunStep, like: Reproduction) -> dict[str, str]:
    """What the run was pinned to that is made again, all of it still there."""
    if like.champion_version:
        _champion_tags(run, like.champion_version, like.champion_digest, "was champion")
    if (found := base_models.digest(like.base_model, run.s3)) != like.base_model_digest:
        raise TextgateError(
            f"the base model {like.base_model} has the digest {found[:12]}, and the run {like.run_id} began from"
            f" {like.base_model_digest[:12]}; where that lies, `--set base_model.reference=...` names"
        )
    return like.model_dump(exclude={"run_id"})


def _begin(run: RunStep, base_model: BaseModelSettings, champion: str, held: Mapping[str, str]) -> tuple[str, str]:
    """Reference and digest of the model that training begins from; `held` are the tags of the champion's version."""
    if base_model.warm_start == "champion":
        if kept := held.get(registry.CHECKPOINT_DIGEST):
            return reference_to(run.name, champion), kept
        why = f"champion version {champion} keeps no checkpoint" if champion else "there is no champion yet"
        print(f"base_model.warm_start champion: {why}; training begins from {base_model.reference}", flush=True)
    reference = base_models.pin(base_model.reference)
    return reference, base_models.digest(reference, run.s3)


def _trained_on(tags: Mapping[str, str]) -> list[str]:
    """The data of the version with these tags, of the version that it was begun from, and so on, each once."""
    found: dict[str, None] = {}
    passed = set()
    while True:
        found[tags.get(registry.DATA_MD5, UNKNOWN)] = None
        reference = tags.get(registry.BASE_MODEL, "")
        if reference in passed or not (begun := REFERENCE.fullmatch(reference)):
            return list(found)
        passed.add(reference)
        try:
            tags = registry.version_tags(*begun.groups())
        except registry.UnusableVersion:
            tags = {}


def _champion_tags(run: RunStep, version: str, digest: str, claim: str) -> dict[str, str]:
    """Of its version: better known now than after the training that would be compared with it. Empty where it is gone
    and the settings go on without."""
    said = f"the promotion log says that version {version} of {run.name} {claim}"
    try:
        tags = registry.version_tags(run.name, version)
    except registry.UnusableVersion as problem:
        if run.unusable_champion == "refuse":
            raise TextgateError(
                f"{said}, but {problem}; check that MLFLOW_TRACKING_URI and the log belong together, or go on without a"
                " comparison by gate.unusable_champion: warn"
            ) from None
        print(f"{said}, but {problem}: nothing is compared with it", flush=True)
        return {}
    held = tags.get(registry.BUNDLE_DIGEST, "")
    if held != digest:
        raise TextgateError(
            f"{said} with the bundle {digest[:12]}, but in MLflow that version has the bundle"
            f" {held[:12] or '(none)'}; check that MLFLOW_TRACKING_URI and the log belong together"
        )
    return tags

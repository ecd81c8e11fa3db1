"""The step: what the run stands on, pinned as strings that every later step sees."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from components.base import base_models, registry, tracking
from components.base.errors import TextgateError
from components.base.files import canonical_json
from components.base.lineage_files import FOLDER, LINEAGE
from components.base.promotion_log import open_log
from components.base.registered_checkpoint import REFERENCE, reference_to
from components.base.running import code_digest
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
    run: RunStep,
    job_id: str,
    data_md5: str,
    base_model: BaseModelSettings,
    lineage: Mapping[str, str],
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> Outputs:
    """Opens the job's MLflow run, tagged with `lineage`, pins the inputs, which a reproduction's are already, and keeps
    `files` and all of these with the run.

    Raises TextgateError where the base model is not usable, or MLflow has another bundle than the promotion log as the
    champion, or none and `run.unusable_champion` is refuse.
    """
    known = {**lineage, "data_md5": data_md5, "base_model": base_model.reference, **_here(lineage, job_id)}
    if run.like:
        known["reproduces"] = run.like.run_id
    tags = {tracking.MODEL: run.name, **_tags(known)}
    if commit := lineage.get("git_commit"):
        tags["mlflow.source.git.commit"] = commit
    run_id = tracking.open_run(run.name, job_id, tags)
    pins = _pinned_before(run, run.like) if run.like else _pinned_now(run, base_model)
    outputs = Outputs(data_md5=data_md5, **pins)
    tracking.log(run_id, tags=_tags(outputs._asdict()))
    _keep(run_id, {**files, LINEAGE: canonical_json({**known, **outputs._asdict()}).encode()})
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


def _here(lineage: Mapping[str, str], job_id: str) -> dict[str, str]:
    """What is known only where the run is. On a cluster the code is the image's."""
    running, expected = code_digest(), lineage.get("code_digest", "")
    if expected and running != expected:
        print(
            f"the steps run other code ({running[:12]}) than lay where the run was started ({expected[:12]}):"
            " the image was built of another commit, and the run's commit is not that of its code",
            flush=True,
        )
    return {"running_code_digest": running, "kfp_run_id": job_id if lineage.get("cluster") else ""}


def _tags(values: Mapping[str, str]) -> dict[str, str]:
    return {f"textgate.{key}": value for key, value in values.items()}


def _keep(run_id: str, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        tracking.log_files(run_id, {FOLDER: Path(folder)})


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

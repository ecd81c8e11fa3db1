"""The step: the bundle that the gate let pass becomes a version of the registered model, with evidence and lineage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from components.base import base_models, registry, tracking
from components.base.checkpoint import REPORT, trained_with
from components.base.errors import TextgateError
from components.base.files import read_json, sha256_file
from components.base.locks import locked
from components.base.registered_checkpoint import ARTIFACT
from components.base.settings import RunStep
from components.base.workspace import home
from serving import bundle as bundles

VERDICT_FILE = "verdict.json"
TAGGED = ("accuracy", "macro_f1", "micro_f1")


class Outputs(NamedTuple):
    """`digest` is the bundle's."""

    version: str
    digest: str


def register(
    run: RunStep,
    job_id: str,
    bundle: Path,
    checkpoint: Path,
    evaluation: Path,
    verdict: Path,
    lineage: Mapping[str, str],
) -> Outputs:
    """Uploads the bundle as it is and makes it the challenger; where a version holds it already, that one is taken.

    The Hugging Face checkpoint `hf` in `checkpoint` is kept with the run, once for each version, unless
    `run.keep_checkpoint` is false.

    Raises TextgateError where the bundle is damaged, or the evaluation is of another one.
    """
    manifest, digest = bundles.verify(bundle), bundles.digest(bundle)
    scores, decided = read_json(evaluation / "evaluation.json"), read_json(verdict / VERDICT_FILE)
    if scores["bundle"]["digest"] != digest:
        raise TextgateError(
            f"the evaluation is of the bundle {scores['bundle']['digest'][:12]}, not of {digest[:12]}, which is to be"
            " registered; evaluate it again"
        )
    run_id = tracking.the_run(run.name, job_id)
    # The evidence that promotion reads again; the digest on the version seals it.
    tracking.log_files(run_id, {f"verdict/{VERDICT_FILE}": verdict / VERDICT_FILE})
    tags = _lineage(run_id, lineage) | {
        registry.BUNDLE_DIGEST: digest,
        registry.VERDICT: decided["outcome"],
        **_override(decided),
        registry.VERDICT_DIGEST: sha256_file(verdict / VERDICT_FILE),
        registry.RUN_ID: run_id,
        "textgate.precision": manifest.precision,
        **trained_with(read_json(checkpoint / REPORT)),
        "textgate.job_id": job_id,
        **_scores(scores),
    }
    with locked(home() / "cache" / f".register-{digest}.lock"):
        version = registry.find_version(run.name, digest)
        if version:
            print(f"version {version} of {run.name} holds this very bundle already: no new version", flush=True)
            held = registry.version_tags(run.name, version)
            registry.tag_version(run.name, version, tags | _keep(run, run_id, checkpoint / "hf", held))
        else:
            tags |= _keep(run, run_id, checkpoint / "hf", {})
            version = registry.create_version(run.name, run_id, bundle, tags, decided["summary"])
        if told := registry.rejection(registry.version_tags(run.name, version)):
            print(f"version {version} of {run.name} does not become the challenger: {told}", flush=True)
        else:
            registry.set_alias(run.name, registry.CHALLENGER, version)
    tracking.log(run_id, tags={"textgate.version": version})
    return Outputs(version, digest)


def _lineage(run_id: str, lineage: Mapping[str, str]) -> dict[str, str]:
    """What resolve pinned on the run, and `lineage`."""
    pinned = ("data_md5", "base_model", "base_model_digest", "kfp_run_id", "running_code_digest")
    known = tracking.run_tags(run_id)
    tags = {f"textgate.{key}": known[f"textgate.{key}"] for key in pinned if f"textgate.{key}" in known}
    return tags | {f"textgate.{key}": value for key, value in lineage.items()}


def _override(verdict: Mapping[str, Any]) -> dict[str, str]:
    """Empty where there was none: the version may have been registered with one before."""
    given = verdict.get("override") or {"reason": "", "who": ""}
    return {"textgate.override": given["reason"], "textgate.overridden_by": given["who"]}


def _keep(run: RunStep, run_id: str, checkpoint: Path, held: Mapping[str, str]) -> dict[str, str]:
    """Stores the checkpoint unless the version, whose tags are `held`, has one; gives the tags that lead to it."""
    if not run.keep_checkpoint or registry.CHECKPOINT_DIGEST in held:
        return {}
    digest = base_models.digest(str(checkpoint))
    tracking.log_files(run_id, {ARTIFACT: checkpoint})
    return {registry.CHECKPOINT_DIGEST: digest, registry.CHECKPOINT_RUN_ID: run_id}


def _scores(evaluation: Mapping[str, Any]) -> dict[str, str]:
    champion, metrics = evaluation["champion"], evaluation["bundle"]["metrics"]
    values = {name: metrics[name]["value"] for name in TAGGED if name in metrics}
    return {
        "textgate.compared_with": champion["version"] if champion else "",
        **{f"textgate.test.{name}": f"{value:.4f}" for name, value in values.items() if value is not None},
    }

"""What a run is made of, gathered before it starts: small strings, which become tags, and files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from components.base.files import canonical_json, sha256_file, sha256_text
from components.base.image import image_of
from components.base.lineage_files import ARGUMENTS, DATA_FILE, DIFF, PIPELINE, SETTINGS, pack
from components.base.running import ROOT, code_digest
from components.base.settings import Settings
from pipelines.lineage.code import Code, read_code
from pipelines.lineage.lengths import check_length, too_long

LOCK = "requirements.lock"


def gather(
    settings: Settings,
    run_name: str,
    pipeline: Path,
    data_file: bytes,
    arguments: Mapping[str, str],
    about: Mapping[str, str],
) -> dict[str, str]:
    """The pipeline's parameters `lineage` and `lineage_files`; `arguments` are all the others, `about` further strings,
    `data_file` is the content of the DVC file.

    A patch that is too long to travel with them is left out, which is said and recorded. Raises TextgateError where the
    parameters are too long without it.
    """
    code, text = read_code(ROOT), canonical_json(settings.model_dump())
    lineage = {
        "run_name": run_name,
        **_code(code),
        "config_digest": sha256_text(text),
        "pipeline_digest": sha256_file(pipeline),
        "lock_digest": sha256_file(ROOT / LOCK) if (ROOT / LOCK).exists() else "",
        "seed": str(settings.training.seed),
        **{"parent_run": "", "cluster": "", **about},
    }
    # A run of this machine uses no image.
    lineage["image"] = image_of(settings.cluster.image) if lineage["cluster"] else ""
    files = {
        SETTINGS: text.encode(),
        ARGUMENTS: canonical_json(dict(arguments)).encode(),
        DATA_FILE: data_file,
        PIPELINE: pipeline.read_bytes(),
        DIFF: code.diff,
    }
    described = {"lineage": json.dumps(lineage, sort_keys=True), "lineage_files": pack(files)}
    on_cluster = bool(lineage["cluster"])
    if code.diff and too_long({**arguments, **described}, on_cluster):
        lineage["diff_missing"] = f"it is too long to travel with the run ({len(code.diff):,} bytes)"
        _warn(f"{lineage['diff_missing']}: reproducing this run needs its code committed, or large new files ignored")
        del files[DIFF]
        described = {"lineage": json.dumps(lineage, sort_keys=True), "lineage_files": pack(files)}
    if warning := check_length({**arguments, **described}, on_cluster):
        _warn(warning)
    return described


def _code(code: Code) -> dict[str, str]:
    if code.problem:
        _warn(f"what was changed in the code is not recorded: {code.problem}")
    if code.left_out:
        _warn(f"the patch of the changed code leaves out {', '.join(code.left_out)}")
    return {
        "git_commit": f"{code.commit}-dirty" if code.diff else code.commit,
        "diff_digest": hashlib.sha256(code.diff).hexdigest() if code.diff else "",
        "diff_missing": code.problem,
        "diff_left_out": ", ".join(code.left_out)[:1000],
        "code_digest": code_digest(),
    }


def _warn(said: str) -> None:
    print(f"textgate: {said}", file=sys.stderr)

"""From settings to the compiled pipeline and its arguments."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler

from components.base.errors import TextgateError
from components.base.files import canonical_json, sha256_text, write_text
from components.base.settings import Settings, step_sections
from pipelines.finetune import build

ROOT = Path(__file__).resolve().parent.parent


def compile_pipeline(settings: Settings, path: Path) -> None:
    """Writes the pipeline as one YAML; settings are arguments of a run, the modes of promote and deploy part of it."""
    beside = path.with_name(f".{path.stem}.beside.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pipeline = build(settings.promote.mode == "auto", settings.deploy.mode == "auto")
        compiler.Compiler().compile(pipeline, str(beside))
        write_text(path, beside.read_text(encoding="utf-8"))
    finally:
        beside.unlink(missing_ok=True)


def pipeline_arguments(settings: Settings, run_name: str) -> dict[str, str]:
    """The parameters of one run: everything that decides its result, as strings."""
    sections = step_sections(settings)
    lineage = {
        "run_name": run_name,
        "git_commit": git_commit(),
        "config_digest": sha256_text(canonical_json(settings.model_dump())),
        "seed": str(settings.training.seed),
    }
    return {
        "run": sections.pop("run"),
        "data_md5": data_md5(Path(settings.data.version)),
        "base_model": settings.base_model.reference,
        "lineage": json.dumps(lineage, sort_keys=True),
        **{f"{step}_settings": section for step, section in sections.items()},
    }


def data_md5(version: Path) -> str:
    """The `.dir` md5 in a DVC file. Raises TextgateError when the file is absent or names something else."""
    try:
        outs: Any = yaml.safe_load(version.read_text(encoding="utf-8"))["outs"]
        md5 = outs[0]["md5"]
    except FileNotFoundError:
        raise TextgateError(f"{version} does not exist; `textgate data import` makes the data and DVC its version") from None
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, yaml.YAMLError):
        raise TextgateError(f"{version} is not a DVC file with one output") from None
    if not re.fullmatch(r"[0-9a-f]{32}\.dir", str(md5)):
        raise TextgateError(f"{version} names {md5!r}, not a folder tracked by DVC (32 hex digits and .dir)")
    return str(md5)


def git_commit() -> str:
    """The commit of this code, with `-dirty` where files differ from it; empty outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""

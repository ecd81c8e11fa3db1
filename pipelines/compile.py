"""From settings to the compiled pipeline and its arguments."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kfp import compiler

from components.base.files import canonical_json, sha256_text, write_text
from components.base.settings import Override, Settings, read_behaviour, read_bench, read_suite, step_sections
from pipelines.data.version import read_version
from pipelines.finetune import build
from pipelines.lint import check

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like

ROOT = Path(__file__).resolve().parent.parent


def compile_pipeline(settings: Settings, path: Path, to: str = "") -> None:
    """Writes the pipeline as one YAML; settings are arguments of a run, the modes of promote and deploy part of it.

    `to` is the last step of a reproduction that does not go the whole way.
    """
    beside = path.with_name(f".{path.stem}.beside.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        modes = settings.promote.mode == "auto", settings.deploy.mode == "auto"
        kept = settings.training.checkpoint
        pipeline = build(*modes, settings.tokenization.shards, kept.retries if kept.place else 0, to)
        compiler.Compiler().compile(pipeline, str(beside))
        check(beside)
        write_text(path, beside.read_text(encoding="utf-8"))
    finally:
        beside.unlink(missing_ok=True)


def pipeline_arguments(
    settings: Settings, run_name: str, override: Override | None = None, like: Like | None = None
) -> dict[str, str]:
    """The parameters of one run: everything that decides its result, as strings; of a reproduction, those of `like`."""
    lineage = {
        "run_name": run_name,
        "git_commit": git_commit(),
        "config_digest": sha256_text(canonical_json(settings.model_dump())),
        "seed": str(settings.training.seed),
    }
    told = json.dumps(lineage, sort_keys=True)
    arguments = like.arguments(told) if like else _new_arguments(settings, told, override)
    # kfp takes {{$...}} for its own. In JSON two braces stand together only within a string, where this is the same.
    return {name: value.replace("{{", r"\u007b\u007b") for name, value in arguments.items()}


def _new_arguments(settings: Settings, lineage: str, override: Override | None) -> dict[str, str]:
    sections = step_sections(settings, read_suite(settings), read_behaviour(settings), read_bench(settings.gate))
    return {
        "run": sections.pop("run"),
        "data_md5": read_version(Path(settings.data.version)).md5,
        "base_model": settings.base_model.model_dump_json(),
        "override": override.model_dump_json() if override else "",
        "lineage": lineage,
        **{f"{step}_settings": section for step, section in sections.items()},
    }


def git_commit() -> str:
    """The commit of this code, with `-dirty` where files differ from it; empty outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""

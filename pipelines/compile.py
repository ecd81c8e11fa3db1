"""From settings to the compiled pipeline and its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from components.base.errors import TextgateError
from components.base.files import replaceable, sha256_file, write_text
from components.base.settings import Override, Settings, read_behaviour, read_bench, read_suite, step_sections
from pipelines.data.version import read_version
from pipelines.finetune import build
from pipelines.lineage.gather import gather
from pipelines.lint import check
from pipelines.pods import limits, pods

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like

# Of a compiled file's sha256, which names the version of the pipeline that holds it.
VERSION_DIGITS = 16


def compile_pipeline(
    settings: Settings, path: Path, to: str = "", local: bool = False, manifests: bool = False
) -> None:
    """Writes the pipeline as one YAML: with what each step's pod gets, or for a run of this machine (`local`), where
    there are no pods. Settings of steps are arguments of a run, the modes of promote and deploy part of the pipeline.

    `to` is the last step of a reproduction that does not go the whole way. `manifests` writes it as the Kubernetes
    objects Pipeline and PipelineVersion. Raises TextgateError, with nothing written, where no pod could have what the
    settings say.
    """
    modes = settings.promote.mode == "auto", settings.deploy.mode == "auto"
    pipeline = build(*modes, settings.tokenization.shards, to, pods(settings, local), limits(settings, local))
    write_pipeline(pipeline, path, settings.cluster.namespace, local, manifests)


def write_pipeline(pipeline: Any, path: Path, namespace: str, local: bool = False, manifests: bool = False) -> None:
    """Compiles and checks it. Raises TextgateError that lists every fault, with nothing written."""
    file = replaceable(path)
    beside = file.with_name(f".{file.stem}.beside.yaml")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        compiler.Compiler().compile(pipeline, str(beside))
        if manifests:
            _write_manifests(pipeline, beside, namespace)
        check(beside, local, str(path))
        write_text(file, beside.read_text(encoding="utf-8"))
    except OSError as error:
        raise TextgateError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            beside.unlink()


def version_of(file: Path) -> str:
    """The name of the pipeline version that a compiled file is: equal for equal content."""
    return sha256_file(file)[:VERSION_DIGITS]


def _write_manifests(pipeline: Any, file: Path, namespace: str) -> None:
    """In place of the compiled file, whose version they name."""
    name, version = pipeline.pipeline_spec.pipeline_info.name, version_of(file)
    options = KubernetesManifestOptions(
        pipeline_name=name,
        pipeline_version_name=f"{name}-{version}",
        pipeline_version_display_name=version,
        namespace=namespace or None,
        include_pipeline_manifest=True,
    )
    compiler.Compiler().compile(
        pipeline, str(file), kubernetes_manifest_options=options, kubernetes_manifest_format=True
    )


def pipeline_arguments(
    settings: Settings,
    run_name: str,
    pipeline: Path,
    override: Override | None = None,
    about: Mapping[str, str] | None = None,
    like: Like | None = None,
) -> dict[str, str]:
    """The parameters of one run: everything that decides its result, as strings, and what says so later, of which
    `about` is a part. `pipeline` is the compiled one; `like` gives those of a reproduction."""
    if like:
        arguments, data_file = like.arguments(), like.recorded.data_file().encode()
    else:
        arguments, data_file = _new_arguments(settings, override), Path(settings.data.version).read_bytes()
    arguments = {name: escaped(value) for name, value in arguments.items()}
    described = gather(settings, run_name, pipeline, data_file, arguments, about or {})
    return arguments | {name: escaped(value) for name, value in described.items()}


def _new_arguments(settings: Settings, override: Override | None) -> dict[str, str]:
    sections = step_sections(settings, read_suite(settings), read_behaviour(settings), read_bench(settings.gate))
    return {
        "run": sections.pop("run"),
        "data_md5": read_version(Path(settings.data.version)).md5,
        "base_model": settings.base_model.model_dump_json(),
        "override": override.model_dump_json() if override else "",
        **{f"{step}_settings": section for step, section in sections.items()},
    }


def escaped(value: str) -> str:
    """kfp takes {{$...}} for its own. In JSON two braces stand together only in a string, where this is the same."""
    return value.replace("{{", r"\u007b\u007b")

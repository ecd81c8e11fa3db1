"""Every form of the pipelines that the configs of this repository have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.base.settings import Settings, load
from pipelines.cli.options import ENDS
from pipelines.compile import compile_pipeline
from pipelines.promotion.compiling import compile_promotion

CONFIGS = Path(__file__).parents[2] / "configs"
MODES = {"auto": ("auto", "auto"), "champion": ("auto", "manual"), "challenger": ("manual", "manual")}
# Any digest will do: nothing is run.
IMAGE = f"textgate/pipeline-cpu@sha256:{'0' * 64}"
SHARDS = 3


def compile_all(folder: Path) -> Iterator[Path]:
    """Compiles each into the folder, one after the other."""
    for config in sorted(CONFIGS.glob("*.yaml")):
        if not config.stem.endswith(".behaviour"):
            yield from _forms(load(config), folder / config.stem)


def _forms(settings: Settings, folder: Path) -> Iterator[Path]:
    for name, (promote, deploy) in MODES.items():
        form = changed(settings, {"promote": {"mode": promote}, "deploy": {"mode": deploy}})
        for manifests in (False, True):
            path = folder / f"{name}{'-manifests' if manifests else ''}.yaml"
            compile_pipeline(form, path, manifests=manifests)
            yield path
        if name != "challenger":
            path = folder / f"promotion-{name}.yaml"
            compile_promotion(form, path)
            yield path
    sharded = changed(settings, {"tokenization": {"shards": SHARDS}})
    for to in ("", *ENDS):
        path = folder / f"shards-to-{to or 'the-end'}.yaml"
        compile_pipeline(sharded, path, to)
        yield path


def changed(settings: Settings, changes: dict[str, dict[str, object]]) -> Settings:
    """With the keys of these sections, and an image of its own where it names none."""
    content = settings.model_dump()
    content["cluster"]["image"] = content["cluster"]["image"] or IMAGE
    for section, keys in changes.items():
        content[section] |= keys
    return Settings.model_validate(content)

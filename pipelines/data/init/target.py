"""Where a new config goes, what its model is called, and which folder its data gets."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.base.errors import TextgateError
from components.base.settings import load
from pipelines.data.init.splits import WORDS

CONFIGS = Path("configs")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
ENDINGS = re.compile(r"(\.(csv|tsv|jsonl|ndjson|json|parquet|conll|txt))?(\.(gz|zst))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """`version` is the DVC file and `cache` DVC's cache, relative to the config's folder."""

    name: str
    config: Path
    version: str
    cache: str


def choose_target(paths: Sequence[Path], name: str, config: Path | None, force: bool) -> Target:
    """Raises TextgateError where the config exists already, unless `force`, or no name can be made of the paths'."""
    if name and not NAME.fullmatch(name):
        raise TextgateError(
            f"--name {name}: a name is of small letters, digits and hyphens, not at its ends, and at most 63 long"
        )
    name = name or _name_of(paths)
    config = config or CONFIGS / f"{name}.yaml"
    if config.exists() and not force:
        raise TextgateError(f"{config} exists already; write another with --output, or replace it with --force")
    root, folder = _root(config), config.absolute().parent
    version = _standing_version(config, name) or _free_version(root, name)
    return Target(name, config, os.path.relpath(version, folder), os.path.relpath(root / ".dvc/cache", folder))


def _name_of(paths: Sequence[Path]) -> str:
    """What the paths share in their names but for the words of splits, else that of the folder that holds them."""
    found = [path.resolve() for path in paths]
    names = {_without_split(_spelled(ENDINGS.sub("", path.name))) for path in found}
    spelled = names.pop() if len(names) == 1 else ""
    if not spelled:
        spelled = _spelled(Path(os.path.commonpath([path.parent for path in found])).name)
    if not spelled:
        raise TextgateError(f"what is the model to be called? {paths[0]} gives no name; name it by --name")
    return spelled


def _without_split(name: str) -> str:
    return "-".join(word for word in name.split("-") if word not in WORDS)


def _spelled(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:63].rstrip("-")


def _root(config: Path) -> Path:
    """The DVC project that the config lies in; without one, the folder that configs/ lies in."""
    folder = config.absolute().parent
    for parent in (folder, *folder.parents):
        if (parent / ".dvc").is_dir():
            return parent
    return folder.parent if folder.name == CONFIGS.name else folder


def _standing_version(config: Path, name: str) -> Path | None:
    """That of the config that is replaced: its data stays its data."""
    if not config.exists():
        return None
    try:
        settings = load(config)
    except TextgateError:
        return None
    return Path(settings.data.version) if settings.name == name else None


def _free_version(root: Path, name: str) -> Path:
    """NAME.dvc, or with an ending where that is another's, or its folder exists (it may hold the very files)."""
    for ending in ("", "-data", *(f"-data-{number}" for number in range(2, 100))):
        version = root / f"{name}{ending}.dvc"
        if not version.exists() and not os.path.lexists(version.with_suffix("")):
            return version
    raise TextgateError(f"{root} has data of the names {name} to {name}-data-99 already; choose another by --name")

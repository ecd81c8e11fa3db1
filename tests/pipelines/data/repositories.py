"""Real git and DVC repositories with tables, and clones of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from dvc.repo import Repo

from components.base.settings import Settings, load
from pipelines.data.version import read_version

Rows = Sequence[Mapping[str, Any]]
IDENTITY = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]


def rows(start: int, stop: int, label: str = "good") -> list[dict[str, Any]]:
    return [{"id": f"{number:04}", "text": f"text {number}", "label": label} for number in range(start, stop)]


SPLITS: dict[str, list[dict[str, Any]]] = {
    "train": [*rows(0, 20), *rows(20, 40, "bad")],
    "validation": [*rows(40, 45), *rows(45, 50, "bad")],
    "test": [*rows(50, 55), *rows(55, 60, "bad")],
}


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout


def write_tables(folder: Path, splits: Mapping[str, Rows]) -> None:
    """Splits that are not named stay as they are."""
    folder.mkdir(exist_ok=True)
    for split, of in splits.items():
        path = folder / f"{split}.parquet"
        path.unlink(missing_ok=True)
        pq.write_table(pa.Table.from_pylist([dict(row) for row in of]), path)


def add(project: Path, splits: Mapping[str, Rows], message: str = "") -> str:
    """Writes tables, makes them the version by `dvc add`, commits it with a message; gives the md5."""
    write_tables(project / "data", splits)
    with Repo(str(project)) as repo:
        repo.add(str(project / "data"))
    if message:
        git(project, "add", "-A")
        git(project, "commit", "-q", "-m", message)
    return read_version(project / "data.dvc").md5


def repository(folder: Path, remotes: Sequence[str] = ("remote",), **sections: Any) -> Path:
    """With SPLITS as its first committed version, and a config config.yaml, not in git."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    Repo.init(str(folder)).close()
    (folder / ".git/info/exclude").write_text("config.yaml\nremote\n")
    write_config(folder, remotes, **sections)
    add(folder, SPLITS, "first")
    return folder


def write_config(project: Path, remotes: Sequence[str], **sections: Any) -> Path:
    config = {
        "name": "tiny",
        "data": {"version": "data.dvc", "remotes": list(remotes), "labels": ["bad", "good"]},
        "base_model": {"reference": "base_model"},
        **sections,
    }
    path = project / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def settings_of(project: Path, *overrides: str) -> Settings:
    return load(project / "config.yaml", list(overrides))


def fresh_clone(project: Path, folder: Path) -> Path:
    """As `git clone` gives it, with the config of the original and its remotes."""
    git(project.parent, "clone", "-q", str(project), str(folder))
    shutil.copyfile(project / "config.yaml", folder / "config.yaml")
    return folder


def objects(store: Path) -> dict[str, bytes]:
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def overwrite(path: Path, content: bytes) -> None:
    """Also where it is read-only, as DVC's objects are; which stays so."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    os.chmod(path, mode)

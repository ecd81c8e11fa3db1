"""An import without DVC, to see what becomes of rows; and a project of DVC and git, to import into by the command."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
import yaml

from components.base.settings import SPLITS, DataSettings
from pipelines.cli import main
from pipelines.data.importing.importing import Built, build_tables
from pipelines.data.sources import find_sources
from pipelines.data.stages import Stages

LABELS = ["neg", "pos"]
Write = Callable[[str, bytes | str], Path]


class Result(NamedTuple):
    built: Built
    rows: dict[str, list[dict[str, Any]]]
    folder: Path

    @property
    def all(self) -> list[dict[str, Any]]:
        return sorted((row for rows in self.rows.values() for row in rows), key=lambda row: next(iter(row.values())))

    @property
    def bytes(self) -> dict[str, bytes]:
        return {split: (self.folder / f"{split}.parquet").read_bytes() for split in SPLITS}


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the folder `in`."""

    def write(name: str, content: bytes | str) -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Result]:
    """build(*paths, **data settings) builds the tables; `source` is data.source, without `split` that by share."""

    def build(*paths: Path, **settings: Any) -> Result:
        data = DataSettings.model_validate({"labels": LABELS, **settings})
        number = len(list(tmp_path.glob("out*")))
        folder, work = tmp_path / f"out{number}", tmp_path / f"work{number}"
        folder.mkdir()
        work.mkdir()
        sources = find_sources(paths, data.task)
        built = build_tables(sources, data, folder, work, tmp_path / "bad.jsonl", Stages())
        assert built.read == built.kept + built.dropped.total()
        rows = {split: pq.read_table(folder / f"{split}.parquet").to_pylist() for split in SPLITS}
        assert built.kept == sum(map(len, rows.values()))
        return Result(built, rows, folder)

    return build


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project with git and DVC, which is the current folder."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    (tmp_path / "project/.dvc").mkdir(parents=True)
    (tmp_path / "project/.dvc/config").write_text("[core]\n    analytics = false\n")
    (tmp_path / "project/.dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    subprocess.run(["git", "init", "-q", str(tmp_path / "project")], check=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """run(*arguments, **data settings) is `textgate data import` in the project."""

    def run(*arguments: str | Path, **settings: Any) -> Said:
        config = {
            "name": "own",
            "data": {"version": "own.dvc", "labels": LABELS, **settings},
            "base_model": {"reference": "base_model"},
        }
        (project / "own.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        command = ["textgate", "data", "import", "--config", "own.yaml", *map(str, arguments)]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return Said(int(stop.value.code or 0), said.out, said.err)

    return run


def good_rows(count: int = 12) -> list[tuple[str, str]]:
    """Different texts with their labels, both labels alike."""
    return [(f"text number {number}", LABELS[number % 2]) for number in range(count)]


def csv_of(rows: list[tuple[str, ...]], head: str = "text,label") -> str:
    return "\n".join([head, *(",".join(row) for row in rows)]) + "\n"

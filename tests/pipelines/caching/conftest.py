from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_project import write_config


@pytest.fixture
def project(workspace: Path, tmp_path: Path) -> Path:
    write_config(tmp_path)
    (tmp_path / "data.dvc").write_text(f"outs:\n- {{md5: {'0' * 32}.dir, size: 3, nfiles: 3, hash: md5, path: data}}\n")
    return tmp_path

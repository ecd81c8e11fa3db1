from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.base.workspace import create_home, home


def test_git_does_not_see_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTGATE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    assert create_home() == home() == tmp_path / ".textgate"
    (home() / "mlflow.db").touch()
    assert create_home() == home()
    status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True)
    assert status.stdout == ""

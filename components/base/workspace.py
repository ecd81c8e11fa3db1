"""Where state lies on this machine: runs, the embedded tracking store, promotion logs, pinned bundles."""

from __future__ import annotations

import os
from pathlib import Path

from components.base.files import write_text


def home() -> Path:
    """TEXTGATE_HOME, or `.textgate` in the current folder."""
    return Path(os.environ.get("TEXTGATE_HOME") or ".textgate").resolve()


def create_home() -> Path:
    """The same, made where it is missing, with a `.gitignore` that keeps all of it out of the project's repository."""
    folder = home()
    if not folder.exists():
        write_text(folder / ".gitignore", "*\n")
    return folder

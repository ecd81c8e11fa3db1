"""Where state lies on this machine: runs, the embedded tracking store, promotion logs, pinned bundles."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """TEXTGATE_HOME, or `.textgate` in the current folder."""
    return Path(os.environ.get("TEXTGATE_HOME") or ".textgate").resolve()

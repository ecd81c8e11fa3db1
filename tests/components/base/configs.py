"""Writes small config files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "data": {"labels": ["a", "b"]},
    "base_model": {"reference": "package://some/model"},
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **changes}))
    return path

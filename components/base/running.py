"""The code that runs here, which on a cluster is the image's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from components.base.files import digest_files, files_below

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "serving")


@cache
def code_digest() -> str:
    """One sha256 over the packages that the steps run, wherever they lie."""
    names = [package / name for package in map(Path, PACKAGES) for name in files_below(ROOT / package)]
    return digest_files(ROOT, [name for name in names if "__pycache__" not in name.parts])

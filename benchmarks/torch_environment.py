"""PyTorch, which is no part of textgate's own environment: what benchmarks compare with runs by a python of its own."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

from benchmarks.harness import OUT

REQUIREMENTS = Path(__file__).with_name("torch-requirements.txt")
ENVIRONMENT = OUT / "torch"
VARIABLE = "TORCH_PYTHON"


class NoTorch(Exception):
    """There is no such python, or it lacks a package; the message says what to do."""


def torch_python() -> str:
    """That of TORCH_PYTHON, or of an environment made here for torch-requirements.txt. Raises NoTorch."""
    if named := os.environ.get(VARIABLE):
        return named
    python, ready = ENVIRONMENT / "bin/python", ENVIRONMENT / "ready"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return str(python)
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoTorch(f"no environment for {REQUIREMENTS.name} can be made ({error}); name one in {VARIABLE}") from None
    ready.write_text(wanted, encoding="utf-8")
    return str(python)


def run_torch(script: Path, *arguments: str) -> None:
    """Raises NoTorch where the script does not end well."""
    python = torch_python()
    try:
        subprocess.run([python, str(script), *arguments], check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    except (OSError, subprocess.CalledProcessError):
        raise NoTorch(
            f"{script.name} fails under {python}; {VARIABLE} must name one with the packages of {REQUIREMENTS.name}"
        ) from None

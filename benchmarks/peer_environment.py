"""What benchmarks compare with and textgate's own environment has no place for: each runs by a python of its own."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import OUT

FOLDER = Path(__file__).parent


class NoPeer(Exception):
    """There is no such python, or it lacks a package; the message says what to do."""


class Peer(NamedTuple):
    """`variable` may name a python that has the packages of `requirements`."""

    name: str
    requirements: Path
    variable: str

    def python(self) -> str:
        """The one that is named, or that of an environment made here. Raises NoPeer."""
        if named := os.environ.get(self.variable):
            return named
        environment = OUT / self.name
        python, ready = environment / "bin/python", environment / "ready"
        wanted = self.requirements.read_text(encoding="utf-8")
        if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
            return str(python)
        try:
            venv.create(environment, clear=True, with_pip=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(self.requirements)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoPeer(
                f"no environment for {self.requirements.name} can be made ({error}); name one in {self.variable}"
            ) from None
        ready.write_text(wanted, encoding="utf-8")
        return str(python)

    def run(self, script: Path, *arguments: str) -> str:
        """What the script prints. Raises NoPeer where it does not end well."""
        command = [self.python(), str(script), *arguments]
        try:
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
            )
        except (OSError, subprocess.CalledProcessError):
            raise NoPeer(
                f"{script.name} fails under {command[0]}; {self.variable} must name one with the packages of"
                f" {self.requirements.name}"
            ) from None
        return done.stdout


TORCH = Peer("torch", FOLDER / "torch-requirements.txt", "TORCH_PYTHON")
KSERVE = Peer("kserve", FOLDER / "serve/kserve-requirements.txt", "KSERVE_PYTHON")

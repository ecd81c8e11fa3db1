"""The environment of a commit's lock: the present one where that is the same, else one made as the Makefile does."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from components.base.errors import TextgateError
from components.base.running import ROOT
from components.base.workspace import create_home
from pipelines.lineage.recorded import RecordedRun
from pipelines.reproduce.code import show

LOCKS = ("requirements.lock", "nodeps.lock")
READY = "ready"
LAST_LINES = 5


def present(run: RecordedRun, commit: str, here: bool = True) -> str:
    """Why the present environment is not that of the run, "" where it is; on a cluster (not `here`), that which started
    it, whose locks alone are known."""
    mine = [_read(ROOT / name) for name in LOCKS]
    if mine != [show(commit, name) for name in LOCKS]:
        return "the run's commit has another lock than this checkout"
    if not here:
        return ""
    python = run.params.get("versions.python", platform.python_version())
    if python.split(".")[:2] != list(platform.python_version_tuple()[:2]):
        return f"the run had Python {python}, and this is {platform.python_version()}"
    for name, recorded in sorted(run.params.items()):
        library = name.removeprefix("versions.")
        if name.startswith("versions.") and library != "python" and (found := _installed(library)) != recorded:
            return f"the run had {library} {recorded}, and installed is {found or 'none'}"
    return ""


def interpreter(run: RecordedRun) -> str:
    """The Python that an environment of the run can be made with; "" where this machine has none of its version."""
    wanted = run.params.get("versions.python", platform.python_version()).split(".")[:2]
    if wanted == list(platform.python_version_tuple()[:2]):
        return sys.executable
    return shutil.which(f"python{'.'.join(wanted)}") or ""


def prepare(run: RecordedRun, code: Path) -> Path:
    """The python of an environment of the locks in `code`; it is kept in the workspace, for all runs with these.

    Raises TextgateError with what `make setup` said where it cannot be made.
    """
    python = interpreter(run) or sys.executable
    digest = hashlib.sha256(b"".join(_read(code / name) or b"" for name in LOCKS)).hexdigest()[:16]
    named = "-".join([*run.params.get("versions.python", platform.python_version()).split(".")[:2], digest])
    folder = create_home() / "environments" / named
    if not (folder / READY).exists():
        print(f"making the environment of the run's lock in {folder}; the first time takes some minutes", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        link = code / ".venv"  # make takes no path with a space
        link.symlink_to(folder, target_is_directory=True)
        command = ["make", "-C", str(code), "setup", f"PYTHON={python}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "MAKEFLAGS": ""})
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:])
            raise TextgateError(f"the environment of the run's lock could not be made in {folder}:\n{said}")
        link.unlink()
    return folder / "bin" / "python"


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""

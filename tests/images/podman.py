"""Podman as root with a store of its own, and a stand-in for the base image, made of Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import environment

TOOLS = ("podman", "runc", "debootstrap")
STAND_IN = "localhost/stand-in:bookworm"
PACKAGES = "ca-certificates,python3,python3-venv"
CONTAINERS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# Both are what a build on a network with its own certificate authority needs of its base.
PIP = "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"
UV = "system-certs = true\n"


def missing() -> str:
    """Why images cannot be built here, or nothing."""
    if os.geteuid():
        return "images are built as root"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"needs {', '.join(absent)} (Debian's packages of that name)" if absent else ""


@contextmanager
def private_store(folder: Path) -> Iterator[None]:
    """podman, as this process and its children call it, keeps all that it keeps below `folder`; removed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir()
    (folder / "containers.conf").write_text(CONTAINERS)
    store = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(store)
    (folder / "registries.conf").write_text('[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n')
    variables = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        "TMPDIR": str(folder / "tmp"),
    }
    with environment(variables):
        try:
            yield
        finally:
            podman("system", "reset", "--force", check=False)
            shutil.rmtree(folder, ignore_errors=True)


def podman(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    assert not check or not done.returncode, f"podman {arguments[0]}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def make_stand_in(folder: Path) -> str:
    """Debian with its own Python in place of the image of Python that infra/image/base.txt names."""
    root = folder / "root"
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout[-2000:] + done.stderr
    if bundle := os.environ.get("SSL_CERT_FILE"):
        shutil.copyfile(bundle, root / "etc/ssl/certs/ca-certificates.crt")
    (root / "etc/pip.conf").write_text(PIP)
    (root / "etc/uv").mkdir()
    (root / "etc/uv/uv.toml").write_text(UV)
    for kept in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / kept)
    archive = folder / "root.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    shutil.rmtree(root)
    podman("import", str(archive), STAND_IN)
    archive.unlink()
    return STAND_IN

"""One target of the Dockerfile, built from this checkout."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from components.base.errors import TextgateError
from pipelines.images.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "infra" / "image" / "base.txt"
TARGETS = ("pipeline-cpu", "pipeline-gpu", "serving")
# What the build reads: changes elsewhere do not make an image other than its commit's.
BUILT_FROM = ("Dockerfile", ".dockerignore", "components", "serving", "infra/image", "nodeps.lock")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Built:
    """`size` is of all layers, uncompressed; `over_base` of those above the base, None where the engine does not keep
    the base's name."""

    tag: str
    image: str
    size: int
    over_base: int | None
    commit: str
    seconds: float


def default_tag(target: str) -> str:
    return f"textgate/{target}:python3.12"


def default_base() -> str:
    """Pinned by digest, so that the same commit has the same base. Raises TextgateError where none is named."""
    try:
        base = BASE.read_text().strip()
    except OSError:
        raise TextgateError(f"{BASE} cannot be read; images are built in a checkout of textgate") from None
    if not base:
        raise TextgateError(
            f"{BASE} names no base; `git checkout {BASE}` puts it back, and `textgate image digest REGISTRY/NAME:TAG`"
            " prints what to write there for another"
        )
    return base


def build(
    target: str,
    engine: Engine,
    *,
    tag: str = "",
    base: str = "",
    arguments: Sequence[str] = (),
    each: Callable[[str], None] = lambda line: None,
) -> Built:
    """Builds and labels it; `each` gets the lines of the engine, `arguments` are its own.

    Raises TextgateError where no Dockerfile is, or with the last lines of a build that fails.
    """
    tag, base = tag or default_tag(target), base or default_base()
    dockerfile = ROOT / "Dockerfile"
    if not dockerfile.is_file():
        raise TextgateError(f"{dockerfile} does not exist; images are built in a checkout of textgate")
    commit = commit_of(ROOT)
    build_arguments = {"BASE_IMAGE": base, "COMMIT": commit, "SOURCE": source_of(ROOT), "VERSION": version("textgate")}
    given = [part for name, value in build_arguments.items() for part in ("--build-arg", f"{name}={value}")]
    started = time.monotonic()
    engine.stream(
        *("build", "--file", str(dockerfile), "--target", target, "--tag", tag, *given, *arguments, str(ROOT)),
        each=each,
    )
    seconds = time.monotonic() - started
    size = int(engine.inspect(tag, "{{.Size}}"))
    over_base = size - int(engine.inspect(base, "{{.Size}}")) if engine.has(base) else None
    return Built(tag, engine.inspect(tag, "{{.Id}}").removeprefix("sha256:"), size, over_base, commit, seconds)


def commit_of(folder: Path) -> str:
    """With `-dirty` at its end where what is built from was changed since; `unknown` outside git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return UNKNOWN
    return commit + ("-dirty" if _git(folder, "status", "--porcelain", "--", *BUILT_FROM) else "")


def source_of(folder: Path) -> str:
    """The web address of the remote `origin`, without credentials; `unknown` where it has none."""
    remote = _git(folder, "remote", "get-url", "origin")
    if short := re.fullmatch(r"[\w.-]+@([\w.-]+):([^/].*)", remote):
        return f"https://{short[1]}/{short[2]}"
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https", "ssh") or not parts.hostname:
        return UNKNOWN
    port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
    return f"{'http' if parts.scheme == 'http' else 'https'}://{parts.hostname}{port}{parts.path}"


def _git(folder: Path, *arguments: str) -> str:
    """Empty where git fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return "" if done.returncode else done.stdout.strip()

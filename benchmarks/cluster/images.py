"""The images on a stand-in base: seconds to build, size over the base; of the GPU's, what its packages weigh."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from packaging.utils import parse_wheel_filename

from benchmarks.harness import Figure, at_most
from pipelines.images.building import ROOT, build
from pipelines.images.engine import Engine
from tests.images.podman import make_stand_in, missing, private_store

SERVING_MB = 450
INDEX = "https://pypi.org/simple"
PLATFORM = re.compile(r"(manylinux\S*_x86_64|linux_x86_64|any)$")


def figures(data: Path | None) -> list[Figure]:
    if reason := missing():
        return [Figure("images", f"not built: {reason}", ""), *_gpu()]
    with tempfile.TemporaryDirectory() as folder, private_store(Path(folder) / "store"):
        base = make_stand_in(Path(folder))
        return [*_built(base), *_gpu()]


def _built(base: str) -> Iterator[Figure]:
    for target in ("serving", "pipeline-cpu"):
        built = build(target, Engine("podman"), base=base)
        size = (built.over_base or 0) / 1e6
        what = f"{target}, uncompressed over its base (Debian's Python instead of the image of Python)"
        yield at_most(what, size, "MB", SERVING_MB) if target == "serving" else Figure(what, size, "MB")
        yield Figure(f"{target}, built", built.seconds, "s")


def _gpu() -> Iterator[Figure]:
    """Not built: no machine with a GPU pulls it here."""
    what = "pipeline-gpu, not built: to download beyond pipeline-cpu"
    try:
        sizes = {name: _wheel_size(name, version) for name, version in _beyond()}
    except httpx.HTTPError as error:
        yield Figure(what, f"not measured: {error or type(error).__name__}", "")
        return
    largest = max(sizes, key=lambda name: sizes[name])
    yield Figure(what, sum(sizes.values()) / 1e6, f"MB ({len(sizes)} packages of CUDA, the largest {largest})")


def _beyond() -> list[tuple[str, str]]:
    """What the GPU's lock has and the CPU's has not."""
    cpu, gpu = (
        set(re.findall(r"^(\S+)==([^\s;]+)", (ROOT / f"infra/image/{target}.lock").read_text(), re.MULTILINE))
        for target in ("pipeline-cpu", "pipeline-gpu")
    )
    return sorted(gpu - cpu)


def _wheel_size(name: str, version: str) -> int:
    """Bytes of the wheel that Linux on x86_64 takes, as the index tells."""
    answer = httpx.get(f"{INDEX}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}, timeout=30)
    answer.raise_for_status()
    for file in answer.json()["files"]:
        if file["filename"].endswith(".whl"):
            _, found, _, tags = parse_wheel_filename(file["filename"])
            if str(found) == version and any(PLATFORM.search(tag.platform) for tag in tags):
                return int(file["size"])
    raise LookupError(f"the index has no wheel of {name} {version}")

"""What containers run in: an image by digest, with nothing installed at run time, and a GPU with all it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from components.base.settings.cluster import PINNED
from pipelines.lint.compiled import Compiled

INSTALLS = re.compile(r"\bpip3?\b.{0,40}\binstall\b|\buv\s+(pip|add|sync)\b", re.DOTALL)
# A number, or the parameter of the pipeline that gives it.
COUNT = re.compile(r"0*[1-9][0-9]*|\{\{.+\}\}")
FOR_GPUS = re.compile(r"gpu|cuda|rocm", re.IGNORECASE)


def installs_nothing(compiled: Compiled) -> Iterator[str]:
    for label, container in compiled.containers.items():
        if INSTALLS.search(" ".join([*container.get("command", []), *container.get("args", [])])):
            yield f"{label}: installs packages at run time; they belong into the image"


def has_an_image(compiled: Compiled) -> Iterator[str]:
    for label, executor in compiled.executors.items():
        if "importer" not in executor and not executor.get("container", {}).get("image"):
            yield f"{label}: has no container image"


def image_is_pinned(compiled: Compiled) -> Iterator[str]:
    for label, container in compiled.containers.items():
        image = container.get("image", "")
        if image and not PINNED.fullmatch(image):
            yield f"{label}: the image {image} is not pinned by its digest"


def gpu_is_whole(compiled: Compiled) -> Iterator[str]:
    """An accelerator's type, count and a memory limit stand together; the image for GPUs has one."""
    containers = compiled.containers
    images = {one.get("image", "") for one in containers.values() if _accelerator(one)}
    for label, container in containers.items():
        image, accelerator = container.get("image", ""), _accelerator(container)
        if not accelerator:
            if image in images or FOR_GPUS.search(image.partition("@")[0]):
                yield f"{label}: runs in {image.partition('@')[0]}, an image for GPUs, without an accelerator"
            continue
        if not _given(accelerator, "type") or not COUNT.fullmatch(_given(accelerator, "count")):
            yield f"{label}: its accelerator needs a type and a count"
        if not container["resources"].get("resourceMemoryLimit"):
            yield f"{label}: has an accelerator and no memory limit, so that it may take its node's whole memory"


def _accelerator(container: dict[str, Any]) -> dict[str, Any]:
    return dict(container.get("resources", {}).get("accelerator", {}))


def _given(accelerator: dict[str, Any], key: str) -> str:
    """Under either of its names: newer backends read one, older ones the other."""
    return str(accelerator.get(f"resource{key.capitalize()}") or accelerator.get(key) or "")

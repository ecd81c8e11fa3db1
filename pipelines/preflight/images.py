"""The images that pods run: whether their registry has them by digest."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import partial

from components.base.settings import Settings
from components.base.settings.cluster import PINNED
from pipelines.images.registry import Absent, Refused, Unreachable, parse, pinned
from pipelines.preflight.line import Line, failed, ok, unknown
from pipelines.preflight.names import of_a_cluster

IMAGE, GPU_IMAGE = "image", "GPU image"
Ask = Callable[[], list[Line]]


def checks(settings: Settings, steps: Collection[str]) -> Iterator[tuple[str, Ask]]:
    """Those of the pods of these steps."""
    cluster = settings.cluster
    yield IMAGE, partial(_ask, IMAGE, cluster.image or os.environ.get("TEXTGATE_IMAGE", ""))
    if any(cluster.resources.of(step).gpus for step in steps):
        yield GPU_IMAGE, partial(_ask, GPU_IMAGE, cluster.gpu_image)


def _ask(check: str, image: str) -> list[Line]:
    return [_exists(check, image)]


def _exists(check: str, image: str) -> Line:
    if not image:
        return failed(check, "none is named", "set cluster.image, or TEXTGATE_IMAGE, to NAME@sha256:DIGEST")
    if not PINNED.fullmatch(image):
        return failed(check, f"{image} is not pinned", "name it as NAME@sha256:DIGEST")
    wanted = parse(image)
    if host := of_a_cluster(f"https://{wanted.host}"):
        return unknown(check, f"the registry {host} has a name that only the cluster resolves")
    try:
        pinned(image)
    except Absent:
        advice = "push it, and take the digest that the registry has"
        return failed(check, f"{wanted.host} has no {wanted.repository}@{wanted.digest}", advice)
    except Refused as error:
        return unknown(check, str(error), "and see that cluster.image_pull_secrets lets pods in")
    except Unreachable as error:
        return unknown(check, f"cannot be asked from here: {error}")
    return ok(check, f"{wanted.host} has {wanted.repository}@{wanted.digest[:19]}")

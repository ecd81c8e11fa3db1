"""An image of this machine, given to a registry."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from components.base.errors import TextgateError
from pipelines.images.engine import Engine
from pipelines.images.registry import parse


def push(engine: Engine, image: str, reference: str) -> str:
    """Gives name@sha256:..., as cluster.image wants it. Raises TextgateError where the image is not here, or the
    registry does not take it."""
    place = parse(reference)
    if place.digest:
        raise TextgateError(f"{reference} names a digest, which only the registry can tell; push to a tag")
    engine.inspect(image, "{{.Id}}")
    if image != reference:
        engine.run("tag", image, reference)
    if engine.name == "podman":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "digest"
            engine.run("push", "--digestfile", str(file), reference)
            return f"{place.name}@{file.read_text().strip()}"
    engine.run("push", reference)
    # Docker shortens the names of Docker Hub, however they were given.
    for held in map(parse, json.loads(engine.inspect(reference, "{{json .RepoDigests}}")) or []):
        if (held.host, held.repository) == (place.host, place.repository):
            return f"{place.name}@{held.digest}"
    raise TextgateError(f"docker does not tell the digest of {reference}; ask `textgate image digest {reference}`")

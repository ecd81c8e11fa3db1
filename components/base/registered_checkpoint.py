"""The float checkpoint that a registered version keeps beside its bundle: what a further training can begin from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from components.base import registry, tracking
from components.base.errors import TextgateError
from components.base.files import CHUNK

ARTIFACT = "checkpoint"
REFERENCE = re.compile(r"mlflow://([^/]+)/([1-9]\d*)")


def reference_to(name: str, version: str) -> str:
    return f"mlflow://{name}/{version}"


class RegisteredCheckpoint:
    """`url` is mlflow://NAME/VERSION; raises TextgateError where MLflow cannot be reached, or has no such version, or
    none of its files."""

    def __init__(self, url: str) -> None:
        self.url = url
        found = REFERENCE.fullmatch(url)
        if not found:
            raise TextgateError(
                f"{url} names no version of a model; write mlflow://NAME/VERSION, as mlflow://tickets/3"
            )
        name, version = found.groups()
        self.run_id = registry.version_tags(name, version).get(registry.CHECKPOINT_RUN_ID, "")
        if not self.run_id:
            raise TextgateError(
                f"version {version} of {name} keeps no checkpoint to begin from; one that is registered with"
                " promote.keep_checkpoint true does"
            )

    def exists(self, key: str) -> bool:
        return f"{ARTIFACT}/{key}" in self._paths

    def chunks(self, key: str) -> Iterator[bytes]:
        with tracking.downloaded(self.run_id, f"{ARTIFACT}/{key}") as path, path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    @cached_property
    def _paths(self) -> list[str]:
        return tracking.list_files(self.run_id, ARTIFACT)

"""The folder on S3 that a cluster fetches a version from: the registry's own, or a copy by digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from components.base import registry
from components.base.errors import TextgateError
from components.base.objects import ObjectStore, open_store
from components.base.settings import KServeSettings, S3Settings
from serving.bundle import BESIDE, MANIFEST


def locate(name: str, version: str, digest: str, kserve: KServeSettings, s3: S3Settings, write: bool = True) -> str:
    """s3://bucket/prefix of the whole bundle with this digest, every byte checked there.

    Where the registry keeps it elsewhere, or in another layout, it is the place of a copy below `kserve.storage`, made
    where it is missing unless `write` is false. Raises TextgateError where neither can be had.
    """
    source = registry.version_source(name, version).rstrip("/")
    fault = f"its files are not on S3 but at {source}"
    if source.startswith("s3://"):
        fault = find_fault(open_store(source, s3), digest)
        if not fault:
            return source
    if not kserve.storage:
        raise TextgateError(
            f"version {version} of {name} cannot be served from the registry's own folder: {fault}; name a place for a"
            " copy, as deploy.kserve.storage=s3://bucket/bundles"
        )
    copy = f"{kserve.storage.rstrip('/')}/{name}/{digest}"
    if write:
        publish(registry.download_pinned(name, version, digest), digest, open_store(copy, s3))
    return copy


def publish(bundle: Path, digest: str, store: ObjectStore) -> None:
    """Puts the bundle's own files into `store`, bundle.json last, so that a copy that was cut off has none. What is
    there already is only checked. Raises TextgateError where it is not whole afterwards."""
    if not find_fault(store, digest):
        return
    for file in (*json.loads((bundle / MANIFEST).read_bytes())["files"], MANIFEST):
        store.replace(file, bundle / file)
    if fault := find_fault(store, digest):
        raise TextgateError(f"{store.url} cannot be served from: {fault}; remove what is there, and deploy again")


def find_fault(store: ObjectStore, digest: str) -> str:
    """What keeps the folder from being the bundle with this digest, as the server would find it; empty if nothing."""
    keys = set(store.keys())
    if MANIFEST not in keys:
        return f"{store.url} has no {MANIFEST} at its top"
    content = b"".join(store.chunks(MANIFEST))
    if hashlib.sha256(content).hexdigest() != digest:
        return f"{store.url} holds another bundle"
    files: dict[str, str] = json.loads(content)["files"]
    if missing := sorted(files.keys() - keys):
        return f"{store.url} lacks {', '.join(missing)}"
    if unlisted := sorted(keys - files.keys() - BESIDE):
        return f"{store.url} holds {', '.join(unlisted)}, which its {MANIFEST} does not list"
    changed = (name for name, sha256 in sorted(files.items()) if _sha256(store, name) != sha256)
    if name := next(changed, ""):
        return f"{store.url}/{name} was changed"
    return ""


def _sha256(store: ObjectStore, key: str) -> str:
    found = hashlib.sha256()
    for chunk in store.chunks(key):
        found.update(chunk)
    return found.hexdigest()

"""The profile of the data that the champion was trained on, out of its bundle."""

from __future__ import annotations

from pathlib import Path

from components.base.errors import TextgateError
from serving.bundle import PROFILE, digest


def champion_profile(name: str, version: str, expected: str) -> Path | None:
    """None where there is no champion (`version` is empty), or its bundle is older than such profiles.

    Raises TextgateError where the registry does not have the version, or its bundle is not the one with the digest
    `expected`.
    """
    if not version:
        return None
    from components.base.registry import download_bundle

    bundle = download_bundle(name, version)
    if digest(bundle) != expected:
        raise TextgateError(f"champion {name} version {version} is not the bundle that was pinned ({expected[:12]})")
    return bundle / PROFILE if (bundle / PROFILE).is_file() else None

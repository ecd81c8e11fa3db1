"""The profile of the data that the champion was trained on, out of its bundle."""

from __future__ import annotations

from pathlib import Path

from serving.bundle import PROFILE


def champion_profile(name: str, version: str, expected: str) -> Path | None:
    """None where there is no champion (`version` is empty), or its bundle is older than such profiles.

    Raises UnusableVersion where the registry does not have the version, or its bundle is not the one with the digest
    `expected`, and TextgateError where MLflow does not answer.
    """
    if not version:
        return None
    from components.base.registry import download_pinned

    profile = download_pinned(name, version, expected) / PROFILE
    return profile if profile.is_file() else None


def usable_profile(name: str, version: str, expected: str) -> Path | None:
    """As champion_profile; None for a champion that is not there any more, which is for the gate to judge."""
    from components.base.registry import UnusableVersion

    try:
        return champion_profile(name, version, expected)
    except UnusableVersion as problem:
        print(f"the data is not compared with the champion's: {problem}", flush=True)
        return None

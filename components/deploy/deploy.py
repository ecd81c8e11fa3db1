"""Deploys one registered version: for now to the server on this machine."""

from __future__ import annotations

from components.base.registry import download_bundle
from components.base.workspace import home
from components.deploy.local import deploy_local


def deploy(name: str, version: str, digest: str) -> None:
    """Raises TextgateError when the version cannot be had, or its bundle has another digest than `digest`."""
    pin = deploy_local(download_bundle(name, version), name, version, digest, home())
    print(f"{name} version {version} is pinned at {pin.bundle}; a running `textgate serve` follows within a second")

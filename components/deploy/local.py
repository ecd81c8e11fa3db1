"""The target `local`: the bundle is laid into the workspace and pinned; a running server follows the pin."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import new_folder
from serving.bundle import MANIFEST, digest, verify
from serving.pins import Pin, pin_path, serving_folder, write_pin


def deploy_local(bundle: Path, name: str, version: str, expected: str, home: Path) -> Pin:
    """Copies the bundle's files to serving/<name>/<version>/ in the workspace `home`, and pins that folder.

    `expected` is the digest that the bundle must have. Deploying what is deployed already copies nothing. Raises
    TextgateError, with the pin as it was, when `bundle` is damaged or another one.
    """
    target = serving_folder(home, name).resolve() / version
    if not _holds(target, expected):
        with new_folder(target) as beside:
            _copy(bundle, beside)
            _check(beside, bundle, name, version, expected)
    pin = Pin(name=name, version=version, digest=expected, bundle=str(target))
    write_pin(pin_path(home, name), pin)
    return pin


def _copy(bundle: Path, target: Path) -> None:
    """The bundle's own files, without what a registry laid beside them."""
    for file in (MANIFEST, *verify(bundle).files):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / file, target / file)


def _check(copy: Path, bundle: Path, name: str, version: str, expected: str) -> None:
    verify(copy)
    if (found := digest(copy)) != expected:
        raise TextgateError(
            f"version {version} of {name} should have the bundle digest {expected[:12]}, but {bundle} has {found[:12]};"
            " nothing was deployed"
        )


def _holds(folder: Path, expected: str) -> bool:
    try:
        verify(folder)
        return digest(folder) == expected
    except TextgateError:
        return False

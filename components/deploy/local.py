"""The target `local`: the bundle is laid into the workspace and pinned; a running server follows the pin.

A preview has a pin of its own, under its own name, which `textgate serve --name NAME-preview` follows.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import new_folder
from serving.bundle import MANIFEST, digest, verify
from serving.pins import Pin, pin_path, read_pin, serving_folder, write_pin


def deploy_local(bundle: Path, name: str, version: str, expected: str, home: Path) -> Pin:
    """Copies the bundle's files to serving/<name>/<version>/ in the workspace `home`, and pins that folder.

    `expected` is the digest that the bundle must have. Deploying what is deployed already copies nothing. Raises
    TextgateError, with the pin as it was, when `bundle` is damaged or another one.
    """
    target, path = serving_folder(home, name).resolve() / version, pin_path(home, name)
    if not _holds(target, expected):
        with new_folder(target) as beside:
            _copy(bundle, beside)
            _check(beside, bundle, name, version, expected)
    pin = Pin(name=name, version=version, digest=expected, bundle=str(target))
    known = path.exists() and read_pin(path) == pin
    # Also where it says so already: a server that could not take the version up tries once more.
    write_pin(path, pin)
    if known:
        print(f"{name} version {version} is deployed already, at {pin.bundle}; nothing was changed", flush=True)
    else:
        print(f"{name} version {version} is pinned at {pin.bundle}; a running `textgate serve` follows within a second")
    return pin


def undeploy_local(name: str, home: Path) -> None:
    """Takes the pin away: no server starts on it any more, and one that runs goes on with what it has until it is
    stopped. The bundles stay."""
    path = pin_path(home, name)
    known = path.exists()
    path.unlink(missing_ok=True)
    said = "has no pin any more; a running server answers until it is stopped" if known else "has no pin; nothing to do"
    print(f"{name} {said}", flush=True)


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

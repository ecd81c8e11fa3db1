"""The pin: which version of a model the server on this machine follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import read_json, write_json


@dataclass(frozen=True)
class Pin:
    """`bundle` is an absolute folder, `digest` the bundle digest that it must have."""

    name: str
    version: str
    digest: str
    bundle: str


def serving_folder(home: Path, name: str) -> Path:
    """Where the pin and the pinned bundles of one model lie in the workspace `home`."""
    return home / "serving" / name


def pin_path(home: Path, name: str) -> Path:
    return serving_folder(home, name) / "pinned.json"


def write_pin(path: Path, pin: Pin) -> None:
    """Replaces the pin at once: a reader sees the old one or the new one."""
    write_json(path, asdict(pin))


def read_pin(path: Path) -> Pin:
    """Raises TextgateError when the pin is absent or malformed."""
    value = read_json(path)
    names = [field.name for field in fields(Pin)]
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise TextgateError(f"{path} must hold the keys {', '.join(names)}; deploy the model again")
    if wrong := [name for name in names if not isinstance(value[name], str) or not value[name]]:
        raise TextgateError(f"{path}: {wrong[0]} must be a text, got {value[wrong[0]]!r}; deploy the model again")
    return Pin(**value)

"""Base models: one reference, a folder or package://module/path, and the files behind it that count."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import digest_files, new_folder

REQUIRED = ("config.json", "model.safetensors", "tokenizer.json")
OPTIONAL = (
    "added_tokens.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)
PACKAGE = "package://"
SUPPORTED = "a folder, or package://module/path"


def locate(reference: str) -> Path:
    """The folder that a reference names. Raises TextgateError where there is none, or the kind is not supported."""
    if reference.startswith(PACKAGE):
        folder = _in_package(reference)
    elif "://" in reference:
        raise TextgateError(f"base_model.reference {reference} is of a kind that is not supported; use {SUPPORTED}")
    else:
        folder = Path(reference)
    if not reference or not folder.is_dir():
        raise TextgateError(f"base_model.reference {reference!r}: {folder} is not a folder; use {SUPPORTED}")
    return folder


def model_files(folder: Path) -> list[Path]:
    """The files that make the model, relative to `folder`. Raises TextgateError naming those that are missing."""
    if missing := [name for name in REQUIRED if not (folder / name).is_file()]:
        raise TextgateError(
            f"the base model {folder} has no {', '.join(missing)};"
            f" it needs {', '.join(REQUIRED)}, in Hugging Face layout"
        )
    return sorted(Path(name) for name in REQUIRED + OPTIONAL if (folder / name).is_file())


def digest(reference: str) -> str:
    """sha256, in hex, over names and contents of the files that count."""
    folder = locate(reference)
    return digest_files(folder, model_files(folder))


def copy(reference: str, expected: str, target: Path) -> None:
    """Puts the files that count into `target`. Raises TextgateError when their digest is not `expected`."""
    folder = locate(reference)
    with new_folder(target) as copied:
        names = model_files(folder)
        for name in names:
            shutil.copyfile(folder / name, copied / name)
        if (found := digest_files(copied, names)) != expected:
            raise TextgateError(
                f"the base model {reference} was changed since it was resolved: its digest is {found}, not {expected}"
            )


def _in_package(reference: str) -> Path:
    """Finds the package's folder without importing it: only its top level is asked for."""
    module, _, path = reference.removeprefix(PACKAGE).partition("/")
    top, *inner = module.split(".")
    spec = find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        raise TextgateError(f"base_model.reference {reference}: there is no installed package {top!r}; install it")
    return Path(next(iter(spec.submodule_search_locations)), *inner, path)

"""Base models: one reference, a folder, s3://bucket/prefix or package://module/path, and the files that count."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from components.base.errors import TextgateError
from components.base.files import sha256_text
from components.base.objects import ObjectStore, open_store
from components.base.settings.storage import S3Settings

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
TOKENIZER_FILES = ("tokenizer.json", *OPTIONAL)
PACKAGE, S3 = "package://", "s3://"
SUPPORTED = "a folder, s3://bucket/prefix, or package://module/path"


def digest(reference: str, s3: S3Settings | None = None) -> str:
    """sha256, in hex, over names and contents of the files that count; the same wherever they lie.

    Files on S3 are streamed, not kept. Raises TextgateError where the reference leads to no model.
    """
    return _read(_open(reference, s3), None)


def copy(reference: str, expected: str, folder: Path, s3: S3Settings | None = None) -> None:
    """Puts the files that count into `folder`, which is to be thrown away where this fails.

    Raises TextgateError when their digest is not `expected`, and OSError where `folder` cannot be written.
    """
    if (found := _read(_open(reference, s3), folder)) != expected:
        raise TextgateError(
            f"the base model {reference} was changed since it was resolved: its digest is {found}, not {expected}"
        )


def locate(reference: str) -> Path:
    """The folder that a reference names, one to S3 excepted. Raises TextgateError where there is none."""
    folder = _in_package(reference) if reference.startswith(PACKAGE) else Path(reference)
    if not reference or not folder.is_dir():
        raise TextgateError(f"base_model.reference {reference!r}: {folder} is not a folder; use {SUPPORTED}")
    return folder


def _read(store: ObjectStore, folder: Path | None) -> str:
    """The digest of the files that count; each is written into `folder` on the way, where one is given."""
    listing = []
    for name in _names(store):
        sha256 = hashlib.sha256()
        with (folder / name if folder else Path(os.devnull)).open("wb") as file:
            for chunk in _chunks(store, name):
                sha256.update(chunk)
                file.write(chunk)
        listing.append(f"{sha256.hexdigest()}  {name}\n")
    return sha256_text("".join(listing))


def _chunks(store: ObjectStore, name: str) -> Iterator[bytes]:
    try:
        yield from store.chunks(name)
    except OSError as error:
        reason = error.strerror or error
        raise TextgateError(f"the base model {store.url}: {name} cannot be read: {reason}") from None


def _open(reference: str, s3: S3Settings | None) -> ObjectStore:
    if reference.startswith(S3):
        return open_store(reference, s3)
    if "://" in reference and not reference.startswith(PACKAGE):
        raise TextgateError(f"base_model.reference {reference} is of a kind that is not supported; use {SUPPORTED}")
    return open_store(str(locate(reference)))


def _names(store: ObjectStore) -> list[str]:
    """The files that count. Raises TextgateError naming those that are missing."""
    there = [name for name in sorted(REQUIRED + OPTIONAL) if store.exists(name)]
    if missing := [name for name in REQUIRED if name not in there]:
        raise TextgateError(
            f"the base model {store.url} has no {', '.join(missing)};"
            f" it needs {', '.join(REQUIRED)}, in Hugging Face layout"
        )
    return there


def _in_package(reference: str) -> Path:
    """Finds the package's folder without importing it: only its top level is asked for."""
    module, _, path = reference.removeprefix(PACKAGE).partition("/")
    top, *inner = module.split(".")
    spec = find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        raise TextgateError(f"base_model.reference {reference}: there is no installed package {top!r}; install it")
    return Path(next(iter(spec.submodule_search_locations)), *inner, path)

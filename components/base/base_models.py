"""Base models: one reference, a folder, package://, s3://, hf:// or mlflow://, and the files that count."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

from components.base.errors import TextgateError
from components.base.files import sha256_text
from components.base.objects import ReadableStore, open_store
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
PACKAGE, S3, HUB, REGISTERED = "package://", "s3://", "hf://", "mlflow://"
SUPPORTED = "a folder, package://module/path, s3://bucket/prefix, hf://org/name@revision, or mlflow://NAME/VERSION"
# What a model may have in the place of model.safetensors, and why that does not do.
OTHER_WEIGHTS = {
    "pytorch_model.bin": "a pickle, which is never read",
    "model.safetensors.index.json": "cut into several files, which are to be one",
}


def pin(reference: str) -> str:
    """The reference that leads to the same files tomorrow, where its kind has one: of a hub's, that to the commit.

    Raises TextgateError where the hub cannot be asked, or has no such model or revision.
    """
    if not reference.startswith(HUB):
        return reference
    from components.base.hugging_face_hub import HuggingFaceHub

    return HuggingFaceHub(reference).pinned


def digest(reference: str, s3: S3Settings | None = None) -> str:
    """sha256, in hex, over names and contents of the files that count; the same wherever they lie.

    Files that lie elsewhere are not kept; a hub is believed what it tells of its large files, which `copy` finds out.
    Raises TextgateError where the reference leads to no model.
    """
    store = _open(reference, s3)
    return _joined({name: _told(store, name) or _read(store, name, Path(os.devnull)) for name in _names(store)})


def check(reference: str, s3: S3Settings | None = None) -> None:
    """That the files are there, without reading them. Raises TextgateError where the reference leads to no model."""
    _names(_open(pin(reference), s3))


def copy(reference: str, expected: str, folder: Path, s3: S3Settings | None = None) -> None:
    """Puts the files that count into `folder`, which is to be thrown away where this fails.

    Raises TextgateError when their digest is not `expected`, and OSError where `folder` cannot be written.
    """
    store = _open(reference, s3)
    if (found := _joined({name: _read(store, name, folder / name) for name in _names(store)})) != expected:
        raise TextgateError(
            f"the base model {reference} was changed since it was resolved: its digest is {found}, not {expected}"
        )


def locate(reference: str) -> Path:
    """The folder of this machine that a reference names. Raises TextgateError where there is none."""
    if "://" in reference and not reference.startswith(PACKAGE):
        raise TextgateError(f"base_model.reference {reference} is not on this machine; use a folder or package://")
    folder = _in_package(reference) if reference.startswith(PACKAGE) else Path(reference)
    if not reference or not folder.is_dir():
        raise TextgateError(f"base_model.reference {reference!r}: {folder} is not a folder; use {SUPPORTED}")
    return folder


def _joined(files: dict[str, str]) -> str:
    """The digest of files whose own sha256 are given, by name."""
    return sha256_text("".join(f"{sha256}  {name}\n" for name, sha256 in files.items()))


def _read(store: ReadableStore, name: str, target: Path) -> str:
    """The sha256 of a file, which is written to `target` on the way."""
    sha256 = hashlib.sha256()
    with target.open("wb") as file:
        for chunk in _chunks(store, name):
            sha256.update(chunk)
            file.write(chunk)
    return sha256.hexdigest()


def _chunks(store: ReadableStore, name: str) -> Iterator[bytes]:
    try:
        yield from store.chunks(name)
    except OSError as error:
        reason = error.strerror or error
        raise TextgateError(f"the base model {store.url}: {name} cannot be read: {reason}") from None


@runtime_checkable
class _Telling(Protocol):
    """A store that knows of some files what sha256 they have, without their being read."""

    def sha256(self, key: str) -> str | None: ...


def _told(store: ReadableStore, name: str) -> str | None:
    return store.sha256(name) if isinstance(store, _Telling) else None


def _open(reference: str, s3: S3Settings | None) -> ReadableStore:
    if reference.startswith(S3):
        return open_store(reference, s3)
    if reference.startswith(HUB):
        from components.base.hugging_face_hub import HuggingFaceHub

        return HuggingFaceHub(reference)
    if reference.startswith(REGISTERED):
        from components.base.registered_checkpoint import RegisteredCheckpoint

        return RegisteredCheckpoint(reference)
    if "://" in reference and not reference.startswith(PACKAGE):
        raise TextgateError(f"base_model.reference {reference} is of a kind that is not supported; use {SUPPORTED}")
    return open_store(str(locate(reference)))


def _names(store: ReadableStore) -> list[str]:
    """The files that count. Raises TextgateError naming those that are missing."""
    there = [name for name in sorted(REQUIRED + OPTIONAL) if store.exists(name)]
    if missing := [name for name in REQUIRED if name not in there]:
        if other := next((name for name in OTHER_WEIGHTS if "model.safetensors" in missing and store.exists(name)), ""):
            raise TextgateError(
                f"the base model {store.url} has no model.safetensors, which is needed; its weights are {other},"
                f" {OTHER_WEIGHTS[other]}: have transformers save it as one safetensors file"
            )
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

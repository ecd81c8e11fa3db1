"""Files that are either whole or absent, and the digests that name their content."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from components.base.errors import TextgateError

CHUNK = 1 << 20


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no NaN, a newline at the end."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_bytes(path: Path, content: bytes) -> None:
    """Writes beside and renames, so that a reader sees the old file or the new one; of a link, what it leads to is
    replaced. Raises TextgateError where a folder, a device or a pipe stands there."""
    path = replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def replaceable(path: Path) -> Path:
    """The file that the path leads to. Raises TextgateError where a new file cannot take the place of what is there."""
    if path.exists() and not path.is_file():
        raise TextgateError(f"{path} is {'a folder' if path.is_dir() else 'no plain file'}; name a file to write to")
    return path.resolve() if path.is_symlink() else path


def check_writable(path: Path) -> None:
    """For what takes long to make: makes the folder, and raises TextgateError where the file could not be written."""
    file = replaceable(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        reserve(file.parent, 1)
    except OSError as error:
        raise TextgateError(f"{path} cannot be written: {error.strerror}; name another file") from None


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    write_text(path, canonical_json(value))


def read_json(path: Path, strict: bool = False) -> Any:
    """Raises TextgateError when the file cannot be read or is not JSON, if `strict` also when a key stands twice."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique if strict else None)
    except FileNotFoundError:
        raise TextgateError(f"{path} does not exist") from None
    except OSError as error:
        raise TextgateError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise TextgateError(f"{path} is not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice)} stands twice")
    return found


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a folder beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Of several processes that fill one place, each waits to put its own there, and the last one's stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    beside.chmod(0o755)
    try:
        yield beside
        with _locked(path.parent):
            _swap(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def reserve(folder: Path, size: int) -> None:
    """Raises OSError where `size` bytes cannot be written into `folder` now, for writers that do not survive that."""
    handle, path = tempfile.mkstemp(prefix=".reserved.", dir=folder)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        elif shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    finally:
        os.close(handle)
        os.unlink(path)


def _swap(beside: Path, path: Path) -> None:
    if not path.exists():
        os.replace(beside, path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    try:
        os.replace(path, old / path.name)
        os.replace(beside, path)
    except BaseException:
        if (old / path.name).exists():
            os.replace(old / path.name, path)
        old.rmdir()
        raise
    shutil.rmtree(old)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; where the file system has no locks, as some network ones, all of them at once."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sha256_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file below `folder`, relative to it, in one order everywhere."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def digest_files(folder: Path, names: list[Path] | None = None) -> str:
    """One sha256 over names and contents of the files (all of them, or `names`) below `folder`."""
    chosen = files_below(folder) if names is None else sorted(names)
    listing = [f"{sha256_file(folder / name)}  {name.as_posix()}\n" for name in chosen]
    return sha256_text("".join(listing))

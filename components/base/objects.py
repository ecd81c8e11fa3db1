"""The one way to an object store: a plain folder or S3, addressed by `folder` or `s3://bucket/prefix`."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from components.base.errors import TextgateError
from components.base.files import CHUNK
from components.base.settings.storage import S3Settings


class ReadableStore(Protocol):
    """Keys are relative, with forward slashes."""

    url: str

    def chunks(self, key: str) -> Iterator[bytes]:
        """Streams an object. Raises FileNotFoundError when there is none."""

    def exists(self, key: str) -> bool: ...


class ObjectStore(ReadableStore, Protocol):
    def create(self, key: str, content: bytes) -> bool:
        """Writes an object only where there is none; False when somebody was first."""

    def replace(self, key: str, path: Path) -> None:
        """Writes an object from a file, whole, in the place of one that is there."""

    def remove(self, key: str) -> None:
        """Nothing happens where there is none."""

    def size(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""

    def keys(self, prefix: str = "") -> list[str]:
        """Sorted keys that start with `prefix`."""


class FolderStore:
    def __init__(self, url: str) -> None:
        self.url = url
        self.root = Path(url)

    def chunks(self, key: str) -> Iterator[bytes]:
        with (self.root / key).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def create(self, key: str, content: bytes) -> bool:
        target = self.root / key
        beside = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, target)
            return True
        except OSError as error:
            if error.errno == errno.EEXIST and target.exists():
                return False
            raise TextgateError(f"{target} cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                beside.unlink()

    def replace(self, key: str, path: Path) -> None:
        target = self.root / key
        beside = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside)
            beside.replace(target)
        except OSError as error:
            raise TextgateError(f"{target} cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                beside.unlink()

    def remove(self, key: str) -> None:
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise TextgateError(f"{self.root / key} cannot be removed: {error.strerror}") from None

    def exists(self, key: str) -> bool:
        return (self.root / key).is_file()

    def size(self, key: str) -> int | None:
        return (self.root / key).stat().st_size if self.exists(key) else None

    def keys(self, prefix: str = "") -> list[str]:
        if not self.root.is_dir():
            return []
        names = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        visible = (name.as_posix() for name in names if not name.name.startswith("."))
        return sorted(name for name in visible if name.startswith(prefix))


def open_store(url: str, s3: S3Settings | None = None) -> ObjectStore:
    """`s3` says how an s3:// address is reached. Raises TextgateError for a scheme that is not known."""
    if url.startswith("s3://"):
        from components.base.s3 import S3Store

        return S3Store(url, s3)
    if "://" in url:
        raise TextgateError(f"{url}: not an object store; use a folder or s3://bucket/prefix")
    return FolderStore(url)

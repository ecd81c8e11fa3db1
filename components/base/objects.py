"""The one place that talks to an object store: a plain folder or S3, addressed by `folder` or `s3://bucket/prefix`."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlsplit

from components.base.errors import TextgateError
from components.base.files import CHUNK

ATTEMPTS = 5
CONFLICT_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)


class ObjectStore(Protocol):
    """Keys are relative, with forward slashes."""

    url: str

    def chunks(self, key: str) -> Iterator[bytes]:
        """Streams an object. Raises FileNotFoundError when there is none."""

    def create(self, key: str, content: bytes) -> bool:
        """Writes an object only where there is none; False when somebody was first."""

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
            beside.write_bytes(content)
            os.link(beside, target)
            return True
        except OSError as error:
            if error.errno == errno.EEXIST and target.exists():
                return False
            raise TextgateError(f"{target} cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                beside.unlink()

    def keys(self, prefix: str = "") -> list[str]:
        if not self.root.is_dir():
            return []
        names = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        visible = (name.as_posix() for name in names if not name.name.startswith("."))
        return sorted(name for name in visible if name.startswith(prefix))


class S3Store:
    """Credentials and endpoint come from boto3's own environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_S3, ...)."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self._lock = Lock()

    @property
    def client(self) -> Any:
        """One for all threads. Raises TextgateError where the environment names an endpoint that is not a URL."""
        with self._lock:
            return self._client

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        retries: Any = {"max_attempts": ATTEMPTS, "mode": "standard"}
        try:
            return boto3.client("s3", config=Config(connect_timeout=5, retries=retries))
        except ValueError as error:
            raise TextgateError(f"{self.url} cannot be opened: {error}; check AWS_ENDPOINT_URL_S3") from None

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _explained(self, error: Exception, key: str) -> Exception:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if code in {"NoSuchKey", "404"}:
            return FileNotFoundError(f"{self.url}: no object {key}")
        reason = f"{code}: {error}" if code else str(error)
        return TextgateError(
            f"{self.url} did not answer as expected ({reason});"
            " check the bucket, AWS_ENDPOINT_URL_S3 and the credentials"
        )

    def chunks(self, key: str) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body = self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"]
            yield from body.iter_chunks(CHUNK)
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error, key) from error

    def create(self, key: str, content: bytes) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        pauses = iter(CONFLICT_PAUSES)
        while True:
            try:
                self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=content, IfNoneMatch="*")
                return True
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in {"PreconditionFailed", "412"}:
                    return False
                # Somebody writes the same key at this moment; who was first shows on the next try.
                pause = next(pauses, None)
                if code not in {"ConditionalRequestConflict", "409"} or pause is None:
                    raise self._explained(error, key) from error
                time.sleep(pause)
            except BotoCoreError as error:
                raise self._explained(error, key) from error

    def keys(self, prefix: str = "") -> list[str]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(prefix))
            found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error, prefix) from error
        start = len(self.prefix) + 1 if self.prefix else 0
        return sorted(key[start:] for key in found)


def open_store(url: str) -> ObjectStore:
    """Raises TextgateError for a scheme that is not known."""
    if url.startswith("s3://"):
        return S3Store(url)
    if "://" in url:
        raise TextgateError(f"{url}: not an object store; use a folder or s3://bucket/prefix")
    return FolderStore(url)

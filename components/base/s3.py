"""Objects in S3, or in any server that speaks its protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from boto3.exceptions import S3UploadFailedError
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from components.base.addresses import without_credentials
from components.base.ca_bundle import check_ca_bundle
from components.base.errors import TextgateError
from components.base.files import CHUNK
from components.base.s3_errors import ENDPOINT_KEYS, Place, explain, is_passing
from components.base.settings.storage import S3Settings

ATTEMPTS = 5
CONNECT_S, READ_S = 5, 30
CONNECTIONS = 32
CONFLICT_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
RESUME_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


class S3Store:
    """`s3` says how the server is reached; what it leaves empty, and the credentials, come from boto3's environment
    (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_S3, ...). Each method raises TextgateError where the server cannot be reached
    or refuses, naming which of the two and why."""

    def __init__(self, url: str, s3: S3Settings | None = None) -> None:
        self.url, self.settings = url, s3 or S3Settings()
        parts = urlsplit(url)
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        if not self.bucket:
            raise TextgateError(f"{url} names no bucket; write s3://bucket/prefix")
        self._lock = Lock()

    @property
    def client(self) -> Any:
        """One for all threads."""
        with self._lock:
            return self._client

    def chunks(self, key: str) -> Iterator[bytes]:
        """Streams an object; a connection that drops is taken up where it broke off, as long as the object is still
        the same. Raises FileNotFoundError when there is none."""
        with self._explained(key):
            reply = self.client.get_object(**self._at(key))
        position, pauses = 0, iter(RESUME_PAUSES)
        same = {"IfMatch": reply["ETag"]} if "ETag" in reply else {}
        while True:
            start = position
            try:
                for chunk in reply["Body"].iter_chunks(CHUNK):
                    position += len(chunk)
                    yield chunk
                return
            except (BotoCoreError, HTTPError) as error:
                if position - start >= CHUNK:
                    pauses = iter(RESUME_PAUSES)
                dropped = error
            finally:
                reply["Body"].close()
            with self._explained(key):
                reply = self._resume({**self._at(key), **same}, position, pauses, dropped)

    def size(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""
        try:
            with self._explained(key):
                try:
                    return int(self.client.head_object(**self._at(key))["ContentLength"])
                except ClientError:
                    # An answer to HEAD has no body to say whether object, bucket or permission is missing.
                    reply = self.client.get_object(**self._at(key))
                    reply["Body"].close()
                    return int(reply["ContentLength"])
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    def create(self, key: str, content: bytes) -> bool:
        pauses = iter(CONFLICT_PAUSES)
        while True:
            with self._explained(key):
                try:
                    self.client.put_object(**self._at(key), Body=content, IfNoneMatch="*")
                    return True
                except ClientError as error:
                    code = error.response["Error"]["Code"]
                    if code in {"PreconditionFailed", "412"}:
                        return False
                    # Somebody writes the same key at this moment; who was first shows on the next try.
                    pause = next(pauses, None)
                    if code not in {"ConditionalRequestConflict", "409"} or pause is None:
                        raise
            time.sleep(pause)

    def replace(self, key: str, path: Path) -> None:
        with self._explained(key):
            try:
                self.client.upload_file(str(path), self.bucket, self._key(key))
            except S3UploadFailedError as error:
                raise error.__context__ or error from None

    def remove(self, key: str) -> None:
        with self._explained(key):
            self.client.delete_object(**self._at(key))

    def keys(self, prefix: str = "") -> list[str]:
        place = {"Bucket": self.bucket, "Prefix": self._key(prefix)}
        with self._explained(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(**place)
            found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        start = len(self.prefix) + 1 if self.prefix else 0
        return sorted(key[start:] for key in found)

    @cached_property
    def _client(self) -> Any:
        s3 = self.settings
        check_ca_bundle(s3.ca_bundle, "s3.ca_bundle")
        modes: Any = {}
        if s3.checksums != S3Settings().checksums:
            modes = {"request_checksum_calculation": s3.checksums, "response_checksum_validation": s3.checksums}
        config = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            **modes,
        )
        try:
            return Session().client(
                "s3",
                endpoint_url=s3.endpoint or None,
                region_name=s3.region or None,
                verify=s3.ca_bundle or None,
                config=config,
            )
        except (ValueError, BotoCoreError) as error:
            raise TextgateError(
                f"{self.url} cannot be opened: {without_credentials(str(error))}; check {ENDPOINT_KEYS}"
            ) from None

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._key(key)}

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, HTTPError) as error:
            where = f"s3://{self.bucket}/{self._key(key)}"
            raise explain(error, Place(self.url, self.bucket, self.client.meta.endpoint_url, where)) from error

    def _resume(self, what: dict[str, str], position: int, pauses: Iterator[float], dropped: Exception) -> Any:
        """The answer that goes on from `position`. Raises `dropped`, or what came after it, when pauses run out."""
        for pause in pauses:
            if not is_passing(dropped):
                break
            time.sleep(pause)
            try:
                reply = self.client.get_object(**what, Range=f"bytes={position}-")
            except (BotoCoreError, ClientError, HTTPError) as error:
                dropped = error
                continue
            if reply.get("ContentRange", "").startswith(f"bytes {position}-"):
                return reply
            reply["Body"].close()
            endpoint = without_credentials(self.client.meta.endpoint_url)
            raise TextgateError(f"{endpoint} cannot resume a download: it ignores ranges")
        raise dropped

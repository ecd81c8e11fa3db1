"""Objects between DVC's cache and remotes, moved by DVC itself without an entry in .dvc/config.

DVC's own push and pull are a layer higher and not used: they take a remote that has a tree's file list to have its
files too, pass over what is missing with a warning, and remember what a remote held. Here each object is named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from components.base.addresses import without_credentials
from components.base.dvc_tree import TreeEntry
from components.base.errors import TextgateError
from components.base.settings import S3Settings
from pipelines.data.version import Tracked, discard_damaged, is_whole

CONCURRENT_OBJECTS = 8

Failures = dict[str, str]


class Transfer:
    """Between the cache of a DVC project and remotes; opened by `transfer`."""

    def __init__(self, repo: Any, data: Tracked, urls: Sequence[str], s3: S3Settings) -> None:
        self._repo, self._data, self._s3 = repo, data, s3
        self._names = {url: f"textgate-{number}" for number, url in enumerate(urls)}
        self._opened: dict[str, Any] = {}

    def send(self, url: str, entries: Sequence[TreeEntry], damaged: Sequence[TreeEntry] = ()) -> Failures:
        """Puts objects of the cache into a remote, in place of the `damaged` ones among them; the reasons by md5 of
        those that are not there now. Callers put the file list last: who sees it may rely on its files."""
        failures: Failures = {}
        with self._explaining(url, entries, failures):
            remote, cache = self._remote(url), self._repo.cache.local
            if remote.fs.protocol == "local":
                # A reflink would leave what is there.
                for entry in {*damaged} & {*entries}:
                    remote.delete(entry.md5)
            self._add(remote, cache, entries, url, failures, verify=False)
        return failures

    def receive(self, url: str, entries: Sequence[TreeEntry]) -> Failures:
        """Puts objects of a remote into the cache, verified; the reasons by md5 of those that are not there now."""
        failures: Failures = {}
        discard_damaged(self._data.cache, entries)
        with self._explaining(url, entries, failures):
            remote, cache = self._remote(url), self._repo.cache.local
            self._add(cache, remote, entries, url, failures, verify=True)
        for entry in entries:
            if not is_whole(self._data.cache, entry.md5):
                failures.setdefault(entry.md5, "the object is corrupt")
        return failures

    def check_out(self, md5: str, folder: Path) -> None:
        """Fills an empty folder with the files of a tree that the cache holds whole, linked or copied as DVC's
        cache.type says."""
        from dvc_data.hashfile.checkout import checkout
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree

        cache = self._repo.cache.local
        try:
            tree = Tree.load(cache, HashInfo("md5", md5))
            checkout(str(folder), self._repo.fs, tree, cache, force=True)
        except Exception as error:
            raise TextgateError(f"{folder.parent} cannot be written from DVC's cache: {_said(error)}") from error

    def _remote(self, url: str) -> Any:
        if url not in self._opened:
            self._opened[url] = self._repo.cloud.get_remote(self._names[url]).odb
        return self._opened[url]

    def _add(
        self, to: Any, source: Any, entries: Sequence[TreeEntry], url: str, failures: Failures, verify: bool
    ) -> None:
        from dvc.fs.callbacks import TqdmCallback

        if not entries:
            return
        with TqdmCallback(desc=url, unit="object", size=len(entries)) as progress:
            to.add(
                [source.oid_to_path(entry.md5) for entry in entries],
                source.fs,
                [entry.md5 for entry in entries],
                check_exists=False,
                verify=verify,
                batch_size=CONCURRENT_OBJECTS,
                callback=progress,
                on_error=lambda md5, error: failures.setdefault(md5, self._reason(error, url)),
            )

    @contextmanager
    def _explaining(self, url: str, entries: Sequence[TreeEntry], failures: Failures) -> Iterator[None]:
        """What stops all objects at once is the reason for each that has none of its own."""
        try:
            yield
        except Exception as error:
            reason = self._reason(error, url)
            for entry in entries:
                failures.setdefault(entry.md5, reason)

    def _reason(self, error: BaseException, url: str) -> str:
        """S3's errors as components/base/s3_errors.py words them; s3fs wraps those of botocore in the system's."""
        if not url.startswith("s3://"):
            return "no such object" if isinstance(error, FileNotFoundError) else _said(error)
        from botocore.exceptions import BotoCoreError, ClientError

        from components.base.s3 import S3Store
        from components.base.s3_errors import Place, explain

        for raised in (error, error.__cause__):
            if isinstance(raised, BotoCoreError | ClientError):
                store = S3Store(url, self._s3)
                explained = explain(raised, Place(url, store.bucket, store.client.meta.endpoint_url, url))
                return "no such object" if isinstance(explained, FileNotFoundError) else str(explained)
        return "no such object" if isinstance(error, FileNotFoundError) else _said(error)


@contextmanager
def transfer(data: Tracked, urls: Sequence[str], s3: S3Settings) -> Iterator[Transfer]:
    """Holds DVC's lock of the project, so that no `dvc gc` takes away what is moved.

    Credentials come from the environment, as boto3 reads it. Raises TextgateError with what DVC said.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    remotes = {f"textgate-{number}": _remote_config(url, s3) for number, url in enumerate(urls)}
    with _environment(s3), ExitStack() as stack:
        try:
            repo = Repo(str(data.project), config={"remote": remotes})
            stack.callback(repo.close)
            stack.enter_context(repo.lock)
        except DvcException as error:
            raise TextgateError(f"DVC cannot work in {data.project}: {error}") from None
        yield Transfer(repo, data, urls, s3)


def _remote_config(url: str, s3: S3Settings) -> dict[str, str]:
    options = {"endpointurl": s3.endpoint, "region": s3.region, "ssl_verify": s3.ca_bundle}
    return {"url": url, **{key: value for key, value in options.items() if value and url.startswith("s3://")}}


@contextmanager
def _environment(s3: S3Settings) -> Iterator[None]:
    """DVC has no option for the mode of checksums; botocore's own variables reach it."""
    wanted = {"DVC_NO_ANALYTICS": "1"}
    if s3.checksums == "when_required":
        wanted |= {"AWS_REQUEST_CHECKSUM_CALCULATION": s3.checksums, "AWS_RESPONSE_CHECKSUM_VALIDATION": s3.checksums}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _said(error: BaseException) -> str:
    """One line of an error of DVC or the system."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return (
        without_credentials(" ".join((getattr(error, "strerror", None) or str(error)).split())) or type(error).__name__
    )

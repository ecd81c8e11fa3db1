"""The files of a model on a Hugging Face hub, one of the services that settings can name.

The library's own client is not used: it keeps what it fetches in the user's home, sends the token that it finds there,
and refuses to work where HF_HUB_OFFLINE keeps libraries from asking the hub for what no settings name.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

import httpx
from huggingface_hub import constants, hf_hub_url, parse_hf_uri
from huggingface_hub.errors import HfUriError

from components.base.errors import TextgateError
from components.base.files import CHUNK

CONNECT_S, READ_S = 5, 30
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
PASSING = {408, 429, 500, 502, 503, 504}
COMMIT = re.compile(r"[0-9a-f]{40}")


class _Listing(NamedTuple):
    """What a commit holds: file name to its sha256, which the hub tells of large files only."""

    commit: str
    files: dict[str, str | None]


class HuggingFaceHub:
    """One model of the hub that HF_ENDPOINT names, huggingface.co without it; `url` is hf://org/name@revision.

    The token of HF_TOKEN goes to that hub alone, not to where it redirects. Each method raises TextgateError where the
    hub cannot be reached, or refuses, or has no such model or revision, naming which of these and what to do.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.model, self.revision = _parse(url)
        self.endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
        self.host = _host(self.endpoint)

    @property
    def pinned(self) -> str:
        """The same model at the commit that the revision is now."""
        return f"hf://{self.model}@{self._listing.commit}"

    def exists(self, key: str) -> bool:
        return key in self._listing.files

    def sha256(self, key: str) -> str | None:
        """As the hub tells it, in hex; None where it does not."""
        return self._listing.files.get(key)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Streams a file; a connection that drops is taken up where it broke off. Raises FileNotFoundError when there
        is none."""
        yield from self._stream(hf_hub_url(self.model, key, revision=self._listing.commit, endpoint=self.endpoint))

    @cached_property
    def _listing(self) -> _Listing:
        """Pins the revision for this store's life, so that all files are of one commit."""
        url = f"{self.endpoint}/api/models/{self.model}/revision/{quote(self.revision, safe='')}?blobs=true"
        content = b"".join(self._stream(url))
        try:
            described = json.loads(content)
            told = {file["rfilename"]: (file.get("lfs") or {}).get("sha256") for file in described["siblings"]}
            if COMMIT.fullmatch(described["sha"]):
                return _Listing(described["sha"], told)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise TextgateError(f"{self.host} answers, but not as a Hugging Face hub does; check HF_ENDPOINT")

    def _stream(self, url: str) -> Iterator[bytes]:
        position, pauses = 0, iter(PAUSES)
        while True:
            start, response = position, self._get(url, pauses, position)
            try:
                for chunk in response.iter_bytes(CHUNK):
                    position += len(chunk)
                    yield chunk
                return
            except httpx.TransportError as error:
                if position - start >= CHUNK:
                    pauses = iter(PAUSES)
                self._pause(pauses, _reason(error))
            finally:
                response.close()

    @cached_property
    def _client(self) -> httpx.Client:
        """Takes the token from a request that is redirected to another host."""
        headers = {"User-Agent": "textgate", "Accept-Encoding": "identity"}
        if token := _token():
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(headers=headers, follow_redirects=True, timeout=httpx.Timeout(READ_S, connect=CONNECT_S))

    def _get(self, url: str, pauses: Iterator[float], position: int = 0) -> httpx.Response:
        """An answer whose body is still to be read, from `position` on; what may pass is waited for."""
        request = self._client.build_request("GET", url, headers={"Range": f"bytes={position}-"} if position else {})
        while True:
            try:
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                self._pause(pauses, _reason(error))
                continue
            except httpx.HTTPError as error:
                raise TextgateError(f"{self.host} cannot be used: {_reason(error)}; check HF_ENDPOINT") from error
            if response.is_success and (not position or _continues(response, position)):
                return response
            response.close()
            if response.is_success:
                raise TextgateError(f"{self.host} cannot resume a download: it ignores ranges; run again")
            if response.status_code not in PASSING:
                raise self._refusal(response)
            self._pause(pauses, f"HTTP {response.status_code}")

    def _pause(self, pauses: Iterator[float], trouble: str) -> None:
        pause = next(pauses, None)
        if pause is None:
            raise TextgateError(
                f"{self.host} does not give {self.url} ({trouble}); check the network and HF_ENDPOINT, and run again"
            )
        time.sleep(pause)

    def _refusal(self, response: httpx.Response) -> Exception:
        code, said = response.headers.get("X-Error-Code", ""), response.headers.get("X-Error-Message", "")
        token = "the token in HF_TOKEN" if _token() else "a token, which HF_TOKEN is to hold"
        match code or response.status_code:
            case "EntryNotFound":
                return FileNotFoundError(f"there is no {response.url.path} at {self.host}")
            case "RevisionNotFound":
                return TextgateError(
                    f"{self.host} has no revision {self.revision!r} of {self.model}; correct {self.url}"
                )
            case "GatedRepo":
                return TextgateError(
                    f"{self.host} gives {self.model} to those only who accepted its terms; accept them on its page, and"
                    f" use {token}, of the account that did"
                )
            case "RepoNotFound" | 404:
                return TextgateError(
                    f"{self.host} has no model {self.model}, or it is private; correct {self.url}, or use {token}, of"
                    " an account that may read it"
                )
            case 401:
                return TextgateError(f"{self.host} does not accept {token}, for {self.url}; renew it")
        return TextgateError(f"{self.host} refuses {self.url}: HTTP {response.status_code} {said}".rstrip())


def _parse(url: str) -> tuple[str, str]:
    """Model and revision."""
    try:
        parsed = parse_hf_uri(url)
        if parsed.type == "model" and not parsed.path_in_repo:
            return parsed.id, parsed.revision or constants.DEFAULT_REVISION
    except HfUriError:
        pass
    raise TextgateError(f"{url} names no model of a hub; write hf://org/name@revision, a / in the revision as %2F")


def _host(endpoint: str) -> str:
    """Without credentials, fit to be printed."""
    try:
        url = httpx.URL(endpoint)
        if url.scheme in {"http", "https"} and url.host:
            return url.netloc.decode("ascii")
    except httpx.InvalidURL:
        pass
    raise TextgateError("HF_ENDPOINT is not the address of a hub; it starts with http:// or https:// and names a host")


def _token() -> str:
    return os.environ.get("HF_TOKEN", "").strip()


def _continues(response: httpx.Response, position: int) -> bool:
    resumed = response.headers.get("Content-Range", "").startswith(f"bytes {position}-")
    return resumed and "Content-Encoding" not in response.headers


def _reason(error: BaseException) -> str:
    """What the innermost error says: httpx wraps httpcore's, which wraps the system's."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__

"""Asks a running server over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from components.base.errors import TextgateError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Prediction:
    """`ranking` holds (label, probability) from the likeliest down."""

    text: str
    ranking: list[tuple[str, float]]
    version: str


def http_client(url: str, timeout_s: float) -> httpx.Client:
    """A server on this machine is asked directly, whatever proxy the environment names."""
    return httpx.Client(base_url=url, timeout=timeout_s, trust_env=urlsplit(url).hostname not in LOOPBACK)


def infer_path(name: str) -> str:
    return f"/v2/models/{quote(name, safe='')}/infer"


def infer_body(texts: Sequence[str], top_k: int = 1) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    outputs = [{"name": "label"}, {"name": "probability"}]
    return {"inputs": [tensor], "parameters": {"top_k": top_k}, "outputs": outputs}


def predictions(texts: Sequence[str], answer: dict[str, Any]) -> list[Prediction]:
    """Reads the answer to infer_body."""
    label, probability = answer["outputs"]
    rank = label["shape"][1]
    pairs = list(zip(label["data"], probability["data"], strict=True))
    return [
        Prediction(text, pairs[index * rank : (index + 1) * rank], answer["model_version"])
        for index, text in enumerate(texts)
    ]


class Client:
    """Raises TextgateError when the server cannot be reached, refuses, or answers something else."""

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        self._url = url
        try:
            self._http = http_client(url, timeout_s)
        except (httpx.InvalidURL, ValueError) as error:
            raise TextgateError(f"{url} is not a URL: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def model_name(self) -> str:
        """The model that the server serves."""
        answer = self._ask("GET", "/v2/models")
        try:
            return str(answer["models"][0])
        except (KeyError, IndexError, TypeError):
            raise self._strange(answer) from None

    def infer(self, name: str, texts: Sequence[str], top_k: int = 1) -> list[Prediction]:
        answer = self._ask("POST", infer_path(name), infer_body(texts, top_k))
        try:
            return predictions(texts, answer)
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._strange(answer) from None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TextgateError(
                f"no answer from {self._url} ({error or type(error).__name__}); start the server with `textgate serve`,"
                " or name another with --url"
            ) from None
        try:
            answer = response.json()
        except ValueError:
            raise self._strange(response.text) from None
        if response.is_success:
            return answer
        said = answer.get("error") if isinstance(answer, dict) else None
        raise TextgateError(f"{self._url} refused: {said or response.status_code}")

    def _strange(self, answer: object) -> TextgateError:
        return TextgateError(f"{self._url} is not a textgate server: it answered {str(answer)[:100]!r}")

"""Asks a running server over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from components.base.errors import TextgateError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A text for each of a model's inputs.
Row = tuple[str, ...]
# The outputs that are asked for where a text has one label.
RANKED = ("label", "probability", "abstain")
BUSY = (429, 503)


@dataclass(frozen=True)
class Description:
    """What a server says of its model: the names of what it reads and answers, its labels, and its version."""

    name: str
    inputs: list[str]
    outputs: list[str]
    labels: list[str]
    version: str = ""


@dataclass(frozen=True)
class Prediction:
    """`texts` are those that were asked about, by the model's inputs.

    `ranking` holds (label, probability) from the likeliest down: the best k, or those that a model of several labels
    gives; `entities` what a model of tags finds. `abstain` says that the likeliest label is better withheld, None where
    the model does not say.
    """

    texts: dict[str, str]
    ranking: list[tuple[str, float]]
    entities: list[dict[str, Any]]
    abstain: bool | None
    version: str


def http_client(url: str, timeout_s: float) -> httpx.Client:
    """A server on this machine is asked directly, whatever proxy the environment names."""
    return httpx.Client(base_url=url, timeout=timeout_s, trust_env=urlsplit(url).hostname not in LOOPBACK)


def model_path(name: str) -> str:
    return f"/v2/models/{quote(name, safe='')}"


def infer_path(name: str) -> str:
    return f"{model_path(name)}/infer"


def describe(metadata: dict[str, Any]) -> Description:
    """Reads the answer to model_path."""
    inputs, outputs = ([tensor["name"] for tensor in metadata[side]] for side in ("inputs", "outputs"))
    return Description(metadata["name"], inputs, outputs, metadata["parameters"]["labels"], metadata["versions"][0])


def infer_body(model: Description, rows: Sequence[Row], top_k: int = 1) -> dict[str, Any]:
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "BYTES", "data": list(data)}
        for name, data in zip(model.inputs, zip(*rows, strict=True), strict=True)
    ]
    ranked = "label" in model.outputs
    outputs = [name for name in model.outputs if name in RANKED] if ranked else model.outputs
    parameters = {"top_k": top_k} if top_k > 1 else {}
    return {"inputs": inputs, "parameters": parameters, "outputs": [{"name": name} for name in outputs]}


def predictions(model: Description, rows: Sequence[Row], answer: dict[str, Any]) -> list[Prediction]:
    """Reads the answer to infer_body."""
    tensors = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    entities: list[list[dict[str, Any]]] = [[] for _ in rows]
    rankings: list[list[tuple[str, float]]] = [[] for _ in rows]
    if "label" in model.outputs:
        best = iter(zip(tensors["label"], tensors["probability"], strict=True))
        each = len(tensors["label"]) // len(rows)
        rankings = [list(islice(best, each)) for _ in rows]
    elif "labels" in model.outputs:
        count = len(model.labels)
        for row, given in enumerate(tensors["labels"]):
            known = dict(zip(model.labels, tensors["probabilities"][row * count : (row + 1) * count], strict=True))
            rankings[row] = [(label, known[label]) for label in json.loads(given)]
    else:
        entities = [json.loads(found) for found in tensors["entities"]]
    texts = [dict(zip(model.inputs, row, strict=True)) for row in rows]
    abstain = tensors.get("abstain") or [None] * len(rows)
    parts = zip(texts, rankings, entities, abstain, strict=True)
    return [Prediction(*part, answer["model_version"]) for part in parts]


class Refused(TextgateError):
    """`of_rows`: it is what was sent that the server refuses, so that other rows, or fewer, may be answered."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.of_rows = status in (400, 413)


class Client:
    """Raises TextgateError when the server cannot be reached, refuses (Refused), or answers something else.

    A server that is busy is asked again when it says, for up to `patience_s`.
    """

    at_once = 4

    def __init__(self, url: str, timeout_s: float = 60.0, patience_s: float = 0.0) -> None:
        self._url, self._patience_s = url, patience_s
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

    def describe(self, name: str) -> Description:
        answer = self._ask("GET", model_path(name))
        try:
            return describe(answer)
        except (KeyError, TypeError):
            raise self._strange(answer) from None

    def infer(self, model: Description, rows: Sequence[Row], top_k: int = 1) -> list[Prediction]:
        """By the version that serves, which need not be the one of `model`."""
        while True:
            answer = self._ask("POST", infer_path(model.name), infer_body(model, rows, top_k))
            try:
                # Of several labels alone an answer is read by their order, which is the version's own.
                if "labels" not in model.outputs or answer["model_version"] == model.version:
                    return predictions(model, rows, answer)
            except (KeyError, IndexError, TypeError, ValueError):
                raise self._strange(answer) from None
            model = self.describe(model.name)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        end = time.monotonic() + self._patience_s
        response = self._ask_once(method, path, body)
        while response.status_code in BUSY and (pause := _pause(response)) <= end - time.monotonic():
            time.sleep(pause)
            response = self._ask_once(method, path, body)
        try:
            answer = response.json()
        except ValueError:
            raise self._strange(response.text) from None
        if response.is_success:
            return answer
        said = answer.get("error") if isinstance(answer, dict) else None
        raise Refused(f"{self._url} refused: {said or response.status_code}", response.status_code)

    def _ask_once(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TextgateError(
                f"no answer from {self._url} ({error or type(error).__name__}); start the server with `textgate serve`,"
                " or name another with --url"
            ) from None

    def _strange(self, answer: object) -> TextgateError:
        return TextgateError(f"{self._url} is not a textgate server: it answered {str(answer)[:100]!r}")


def _pause(response: httpx.Response) -> float:
    """Seconds; 1 where Retry-After says none, or a date."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdigit() else 1.0

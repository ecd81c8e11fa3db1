"""Asks a running server over HTTP."""

from __future__ import annotations

import json
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


@dataclass(frozen=True)
class Description:
    """What a server says of its model: the names of what it reads and answers, and its labels."""

    name: str
    inputs: list[str]
    outputs: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Prediction:
    """`texts` are those that were asked about, by the model's inputs.

    `ranking` holds (label, probability) from the likeliest down: the best k, or those that a model of several labels
    gives; `entities` what a model of tags finds.
    """

    texts: dict[str, str]
    ranking: list[tuple[str, float]]
    entities: list[dict[str, Any]]
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
    return Description(metadata["name"], inputs, outputs, metadata["parameters"]["labels"])


def infer_body(model: Description, rows: Sequence[Row], top_k: int = 1) -> dict[str, Any]:
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "BYTES", "data": list(data)}
        for name, data in zip(model.inputs, zip(*rows, strict=True), strict=True)
    ]
    ranked = "label" in model.outputs
    outputs = ["label", "probability"] if ranked else model.outputs
    parameters = {"top_k": top_k} if ranked or top_k > 1 else {}
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
    return [Prediction(*parts, answer["model_version"]) for parts in zip(texts, rankings, entities, strict=True)]


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

    def describe(self, name: str) -> Description:
        answer = self._ask("GET", model_path(name))
        try:
            return describe(answer)
        except (KeyError, TypeError):
            raise self._strange(answer) from None

    def infer(self, model: Description, rows: Sequence[Row], top_k: int = 1) -> list[Prediction]:
        answer = self._ask("POST", infer_path(model.name), infer_body(model, rows, top_k))
        try:
            return predictions(model, rows, answer)
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

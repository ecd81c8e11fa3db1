"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from serving.models import ServedModel, Slot
from serving.tasks.task import Probabilities

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Of one server, in a registry of its own; `slot` says at each reading which model answers."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests for answers, by HTTP status", "status")
        self._by_status: dict[int, Any] = {}
        self._request_seconds = self._histogram("request_seconds", "From a request's coming to its answer", SECONDS)
        self._queue_seconds = self._histogram(
            "queue_seconds", "From a request's coming to its first text's run", SECONDS
        )
        self._batch_seconds = self._histogram("batch_seconds", "Of one batch's run", SECONDS)
        self._batch_texts = self._histogram("batch_texts", "Texts that ran together", TEXTS)
        self.waiting = self._gauge("queue_texts", "Texts that wait")
        self.refused = self._counter("queue_refusals", "Requests refused because too many texts waited")
        self._confidence = self._histogram("confidence", "The likeliest label's probability, by text or word", SHARES)
        self._answers = self._counter("answers", "Texts answered, by model version", "model", "version")
        self._labels = self._counter("labels", "Texts whose answer was this label", "label")
        self._abstentions = self._counter("abstentions", "Texts whose answer is better withheld")
        self._model = self._gauge("model_info", "The model that answers", "model", "version", "digest", "precision")
        swaps = self._gauge("swaps", "Versions that were to take over, by what came of it", "outcome")
        self._swaps = {outcome: swaps.labels(outcome) for outcome in slot.swaps}
        self.unlogged = self._gauge("log_dropped", "Answers that the prediction log lost")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"textgate_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"textgate_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"textgate_{name}", what, buckets=buckets, registry=self.registry)

    def request(self, status: int, seconds: float) -> None:
        if (counter := self._by_status.get(status)) is None:
            counter = self._by_status[status] = self._requests.labels(str(status))
        counter.inc()
        self._request_seconds.observe(seconds)

    def batch(self, texts: int, seconds: float, waited: Iterable[float]) -> None:
        """`waited` are the seconds for which those requests waited whose first text was run."""
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)
        for wait in waited:
            self._queue_seconds.observe(wait)

    def answered(self, model: ServedModel, probabilities: Probabilities, answers: dict[str, Any]) -> None:
        """`answers` are Task.answers of a request, of which `probabilities` were the model's."""
        best = probabilities.max(axis=1) if probabilities.size else np.empty(0)
        for share in best[~np.isnan(best)].tolist():
            self._confidence.observe(share)
        for label in _labels(answers):
            self._labels.labels(label).inc()
        if "abstain" in answers and (withheld := int(answers["abstain"].sum())):
            self._abstentions.inc(withheld)
        self._answers.labels(model.name, model.version).inc(len(next(iter(answers.values()))))

    def text(self) -> bytes:
        model = self._slot.current
        self._model.clear()
        manifest = model.predictor.manifest
        self._model.labels(model.name, model.version, model.predictor.digest, manifest.precision).set(1)
        for outcome, counter in self._swaps.items():
            counter.set(self._slot.swaps[outcome])
        return generate_latest(self.registry)


def _labels(answers: dict[str, Any]) -> Iterator[str]:
    """Of each text its likeliest label, each of several, or those of its entities."""
    if "label" in answers:
        yield from (label if isinstance(label, str) else label[0] for label in answers["label"])
    elif "labels" in answers:
        yield from (label for given in answers["labels"] for label in given)
    else:
        yield from (entity["label"] for found in answers["entities"] for entity in found)

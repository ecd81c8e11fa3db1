"""What each step's report says, in MLflow's terms. Metric names group by what stands before the slash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.base.files import read_json
from components.base.tracking import Point


@dataclass
class Contents:
    """`files` maps paths within the run's artifacts to files and folders here."""

    params: dict[str, Any] = field(default_factory=dict)
    metrics: list[Point] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


def validation(folder: Path) -> Contents:
    report = read_json(folder / "validation.json")
    contents = Contents(files={"validation/validation.json": folder / "validation.json"})
    if (folder / "data_docs").is_dir():
        contents.files["validation/data_docs"] = folder / "data_docs"
    broken = [check["severity"] for check in report["checks"] if not check["passed"]]
    measured = {drift["rule"]: drift["effect"] for drift in report["drift"]}
    contents.metrics += [
        Point("validation/checks", len(report["checks"])),
        Point("validation/failed_checks", broken.count("error")),
        Point("validation/warnings", broken.count("warn")),
        *_points("drift", measured),
        *(Point(f"data/{split}/rows", profile["rows"]) for split, profile in report["profile"].items()),
    ]
    return contents


def encoded(folder: Path) -> Contents:
    health = read_json(folder / "health.json")
    metrics = [point for split, figures in health.items() for point in _points(f"tokens/{split}", figures)]
    return Contents(metrics=metrics, files={"tokenization/health.json": folder / "health.json"})


def training(folder: Path) -> Contents:
    report = read_json(folder / "training.json")
    contents = Contents(files={"training/training.json": folder / "training.json"})
    contents.params = {
        **_flattened("training", report["parameters"]),
        **_flattened("training.rows", report["rows"]),
        **_flattened("model", report["model"]),
    }
    for epoch in report["epochs"]:
        contents.metrics += _points("training", {**epoch, "epoch": None}, epoch["epoch"])
    contents.metrics += _points("training", {"best_epoch": report["best_epoch"], "total_seconds": report["seconds"]})
    contents.metrics += _points("floor", report["floor"]) + _points("cost", report["cost"])
    return contents


def quantization(folder: Path) -> Contents:
    report = read_json(folder / "quantization.json")
    metrics = _points("quantization", {"temperature": report["temperature"], "rows": report["rows"]})
    for name, candidate in report["candidates"].items():
        metrics += _points(f"quantization/{name}", candidate)
    return Contents(
        params={"quantization.chosen": report["chosen"]},
        metrics=metrics,
        files={"quantization/quantization.json": folder / "quantization.json"},
    )


def evaluation(folder: Path) -> Contents:
    report = read_json(folder / "evaluation.json")
    contents = Contents(files={"evaluation/evaluation.json": folder / "evaluation.json"})
    if (folder / "confusion.png").is_file():
        contents.files["evaluation/confusion.png"] = folder / "confusion.png"
    contents.metrics += [
        Point("test/rows", report["rows"]),
        Point("test/agreement_with_float", report["agreement_with_float"]),
        *_score("test", report["bundle"]),
        *_score("float", report["float"]),
    ]
    if champion := report["champion"]:
        contents.params["champion.version"] = champion["version"]
        contents.metrics += _score("champion", champion)
        for metric, difference in champion["comparison"].items():
            contents.metrics += _points(f"against_champion/{metric}", difference)
    return contents


def timing(folder: Path) -> Contents:
    report = read_json(folder / "timing.json")
    return Contents(
        params={"timing.processor": report["processor"]},
        metrics=_points("timing", report),
        files={"evaluation/timing.json": folder / "timing.json"},
    )


def verdict(folder: Path) -> Contents:
    report = read_json(folder / "verdict.json")
    broken = [rule["severity"] for rule in report["rules"] if not rule["passed"]]
    contents = Contents(files={"verdict/verdict.json": folder / "verdict.json"})
    if (folder / "verdict.html").is_file():
        contents.files["verdict/verdict.html"] = folder / "verdict.html"
    contents.metrics = [
        Point("gate/rules", len(report["rules"])),
        Point("gate/failed_rules", broken.count("error")),
        Point("gate/warnings", broken.count("warn")),
    ]
    return contents


def canary(folder: Path) -> Contents:
    read_json(folder / "canary.json")
    return Contents(files={"canary/canary.json": folder / "canary.json"})


def _score(prefix: str, score: Mapping[str, Any]) -> Iterator[Point]:
    for name, metric in score["metrics"].items():
        yield Point(f"{prefix}/{name}", metric["value"])
        yield from _points(f"{prefix}/{name}", {"low": metric["low"], "high": metric["high"]})
    for average, figures in score["averages"].items():
        yield from _points(f"{prefix}/{average}", figures)
    for label, name in zip(score["per_label"], _metric_names(score["per_label"]), strict=True):
        yield from _points(f"{prefix}/label/{name}", score["per_label"][label])


def _points(prefix: str, figures: Mapping[str, Any], step: int = 0) -> list[Point]:
    """Numbers and truth values; texts, lists and None are left out."""
    return [
        Point(f"{prefix}/{name}", float(value), step)
        for name, value in figures.items()
        if isinstance(value, int | float)
    ]


def _metric_names(labels: Mapping[str, Any]) -> list[str]:
    """A label as MLflow allows it in a metric's name, each another one."""
    names: list[str] = []
    for label in labels:
        name = re.sub(r"[^\w\- ]", "_", label)[:100] or "_"
        while name in names:
            name += "_"
        names.append(name)
    return names


def _flattened(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested keys joined by dots; a list becomes its JSON."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flattened(f"{prefix}.{key}", value)
        else:
            flat[f"{prefix}.{key}"] = json.dumps(value) if isinstance(value, list) else value
    return flat

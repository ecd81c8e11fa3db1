"""What each step's report says, in MLflow's terms. Metric names group by what stands before the slash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from components.base.checkpoint import trained_with
from components.base.files import read_json
from components.base.tracking import Point

REPORTS = (".json", ".parquet", ".png", ".html")
T = TypeVar("T")


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
    contents = Contents(tags=trained_with(report), files={"training/training.json": folder / "training.json"})
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
        tags={"textgate.precision": report["chosen"]},
        metrics=metrics,
        files={"quantization/quantization.json": folder / "quantization.json"},
    )


def evaluation(folder: Path) -> Contents:
    report = read_json(folder / "evaluation.json")
    contents = Contents(files=_files("evaluation", folder), metrics=[Point("test/rows", report["rows"])])
    contents.metrics += _scored(report) + _parts(report)
    champion = report["champion"] or {}
    if champion:
        contents.params["champion.version"] = champion["version"]
    for metric, difference in champion.get("comparison", {"metrics": {}})["metrics"].items():
        contents.metrics += _interval(f"against_champion/{metric}", difference)
    return contents


def _scored(report: Mapping[str, Any]) -> list[Point]:
    """What the models reach: the bundle with intervals and labels, the others by value."""
    points = _interval("test/agreement_with_float", report["agreement_with_float"])
    for name, metric in report["bundle"]["metrics"].items():
        points += _interval(f"test/{name}", metric)
    for name in ("float", "linear", "champion"):
        points += _values(name, (report[name] or {}).get("metrics", {}))
    per_label = report["bundle"]["per_label"]
    for name, figures in _named(per_label, per_label.values()):
        parts = {part: figures[part] for part in ("precision", "recall", "f1")}
        points += [*_values(f"test/label/{name}", parts), Point(f"test/label/{name}/support", figures["support"])]
    return points


def _parts(report: Mapping[str, Any]) -> list[Point]:
    """Slices, probabilities, behaviour, labels."""
    slices, tests = report["slices"], report["behaviour"]
    points: list[Point] = []
    for name, part in _named([one["name"] for one in slices], slices):
        points += [*_values(f"slice/{name}", part["metrics"]), Point(f"slice/{name}/rows", part["rows"])]
    if calibration := report["calibration"]:
        points += _points("calibration", {"temperature": calibration["temperature"]})
    for prefix in ("abstain", "out_of_scope"):
        found = report[prefix] or {}
        points += _points(prefix, found)
        points += _values(prefix, {key: value for key, value in found.items() if isinstance(value, Mapping)})
    for name, test in _named([test["name"] for test in tests], tests):
        points += _points("behaviour", {name: test["share"]["value"]})
    return points + _points("label_errors", {split: one.get("share") for split, one in report["label_errors"].items()})


def timing(folder: Path) -> Contents:
    report = read_json(folder / "timing.json")
    has, lacks = (report["processor"][key] for key in ("has", "lacks"))
    return Contents(
        params={
            "timing.processor": report["processor"]["name"],
            "timing.cores": report["processor"]["cores"],
            "timing.processor_lacks": ", ".join(lacks) or ("nothing" if has else "unknown"),
        },
        metrics=_points("timing", report),
        files={"evaluation/timing.json": folder / "timing.json"},
    )


def verdict(folder: Path) -> Contents:
    report = read_json(folder / "verdict.json")
    broken = [rule["severity"] for rule in report["rules"] if not rule["passed"]]
    return Contents(
        metrics=[
            Point("gate/rules", len(report["rules"])),
            Point("gate/failed_rules", broken.count("error")),
            Point("gate/warnings", broken.count("warn")),
        ],
        files=_files("verdict", folder),
    )


def canary(folder: Path) -> Contents:
    read_json(folder / "canary.json")
    return Contents(files={"canary/canary.json": folder / "canary.json"})


def _files(prefix: str, folder: Path) -> dict[str, Path]:
    """The reports in a folder."""
    return {f"{prefix}/{file.name}": file for file in sorted(folder.iterdir()) if file.suffix in REPORTS}


def _interval(name: str, found: Mapping[str, Any]) -> list[Point]:
    """The value and the ends of its interval; of one that is not defined, nothing."""
    value = [] if found["value"] is None else [Point(name, float(found["value"]))]
    return value + _points(name, {"low": found["low"], "high": found["high"]})


def _values(prefix: str, estimates: Mapping[str, Any]) -> list[Point]:
    return _points(prefix, {name: found["value"] for name, found in estimates.items()})


def _points(prefix: str, figures: Mapping[str, Any], step: int = 0) -> list[Point]:
    """Numbers and truth values; texts, lists and None are left out."""
    return [
        Point(f"{prefix}/{name}", float(value), step)
        for name, value in figures.items()
        if isinstance(value, int | float)
    ]


def _named(names: Iterable[str], values: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Values by their names as MLflow allows these in the name of a metric, each another one."""
    taken: set[str] = set()
    for name, value in zip(names, values, strict=True):
        allowed = re.sub(r"[^\w\- ]", "_", name)[:100] or "_"
        while allowed in taken:
            allowed += "_"
        taken.add(allowed)
        yield allowed, value


def _flattened(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested keys joined by dots; a list becomes its JSON."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flattened(f"{prefix}.{key}", value)
        else:
            flat[f"{prefix}.{key}"] = json.dumps(value) if isinstance(value, list) else value
    return flat

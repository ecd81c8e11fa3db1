"""What Kubeflow shows of an evaluation on the page of the step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.base.files import read_json, write_bytes, write_json

# Kubeflow draws a cell of a table for each pair of labels.
LABELS_DRAWN = 40


def publish(evaluation: Path, page: Any, metrics: Any, confusion: Any) -> None:
    """Fills kfp's artifacts HTML, Metrics and ClassificationMetrics from the folder of the evaluation.

    Each gets a file besides its metadata: the local runner does not reuse a step whose artifacts have none.
    """
    report = read_json(evaluation / "evaluation.json")
    write_bytes(Path(page.path), (evaluation / "report.html").read_bytes())
    for name, value in scalars(report):
        metrics.log_metric(name, value)
    counts, labels = report["bundle"].get("confusion"), report["labels"]
    if counts and len(labels) <= LABELS_DRAWN:
        confusion.log_confusion_matrix(labels, counts)
    for artifact in (metrics, confusion):
        write_json(Path(artifact.path), artifact.metadata)


def scalars(report: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The bundle's metrics that are defined; of the main one also its interval, and what the other models have."""
    main = report["main"]
    found = {name: score["value"] for name, score in report["bundle"]["metrics"].items()}
    found |= {f"{main}_{end}": report["bundle"]["metrics"][main][end] for end in ("low", "high")}
    for name in ("float", "linear", "champion"):
        model = report[name] or {}
        if "metrics" in model:
            found[f"{name}_{main}"] = model["metrics"][main]["value"]
        if compared := model.get("comparison", {"metrics": {}})["metrics"].get(main):
            found |= {f"against_{name}_{end}": compared[end] for end in ("value", "low", "high")}
    found["agreement_with_float"] = report["agreement_with_float"]["value"]
    yield from ((name, float(value)) for name, value in found.items() if value is not None)

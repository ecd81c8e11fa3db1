"""The files of an evaluation: what programs read, what people look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.base.counts import Floats
from components.base.files import write_json
from components.evaluate.page import write_page
from components.evaluate.plots import plot_confusion, plot_length, plot_precision_recall, plot_reliability


def write_reports(evaluation: Mapping[str, Any], curves: Mapping[str, tuple[Floats, Floats]], folder: Path) -> None:
    """Writes evaluation.json, a picture of each thing that was measured, and report.html, which shows them all.

    `curves` are recall and precision by label; none where a task has no score for each label.
    """
    write_json(folder / "evaluation.json", evaluation)
    if confusion := evaluation["bundle"].get("confusion"):
        plot_confusion(confusion, evaluation["labels"], folder / "confusion.png")
    if calibration := evaluation["calibration"]:
        plot_reliability(calibration, folder / "reliability.png")
    if curves:
        plot_precision_recall(curves, folder / "precision_recall.png")
    if lengths := [one for one in evaluation["slices"] if one["by"] == "length"]:
        plot_length(lengths, folder / "length.png")
    write_page(evaluation, folder, folder / "report.html")

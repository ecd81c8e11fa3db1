"""Pictures of an evaluation: the same bytes for the same figures, and readable for three labels or hundreds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.base.counts import Floats

LABELS_SHOWN = 20
CURVES_SHOWN = 8
LONGEST_NAME = 30
BLUE = "tab:blue"


def plot_confusion(confusion: list[list[int]], labels: list[str], path: Path) -> None:
    """Rows are true labels, columns predicted ones; colour is the share of the row, the number its count (unless 0).

    Of more than LABELS_SHOWN labels those with most mistakes are shown, the rest together as one.
    """
    counts, names = _most_confused(np.array(confusion), labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4.0, 0.4 * len(names) + 2.5)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _name(axes, names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, label="share of the true label", shrink=0.8)
    _save(figure, path)


def _most_confused(counts: Any, labels: list[str]) -> tuple[Any, list[str]]:
    names = [_short(label) for label in labels]
    if len(labels) <= LABELS_SHOWN:
        return counts, names
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[:LABELS_SHOWN])
    place = np.full(len(labels), LABELS_SHOWN)
    place[chosen] = np.arange(LABELS_SHOWN)
    merged = np.zeros((LABELS_SHOWN + 1, LABELS_SHOWN + 1), counts.dtype)
    np.add.at(merged, (place[:, None], place[None, :]), counts)
    return merged, [*(names[one] for one in chosen), f"{len(labels) - LABELS_SHOWN} other labels"]


def plot_reliability(calibration: Mapping[str, Any], path: Path) -> None:
    """The share of right answers in each bin of probability, over the number of answers in it."""
    bins = calibration["bins"]
    filled = [one for one in bins if one["count"]]
    figure = Figure(figsize=(5.5, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfectly calibrated")
    found = [one["confidence"] for one in filled], [one["accuracy"] for one in filled]
    above.plot(*found, marker="o", color=BLUE, label=f"at temperature {calibration['temperature']:.3g}")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
    above.legend(loc="upper left")
    left, widths = [one["low"] for one in bins], [one["high"] - one["low"] for one in bins]
    below.bar(left, [one["count"] for one in bins], widths, align="edge", color=BLUE, edgecolor="white")
    below.set(xlabel="probability given", ylabel="answers")
    _save(figure, path)


def plot_precision_recall(curves: Mapping[str, tuple[Floats, Floats]], path: Path) -> None:
    """Curves are recall and precision, by label. Of more than CURVES_SHOWN those with the lowest average precision are
    named, the others grey; the mean of all is black."""
    grid = np.linspace(0, 1, 201)
    heights = {label: _highest(grid, *curve) for label, curve in curves.items()}
    means = {label: average_precision(*curve) for label, curve in curves.items()}
    worst = sorted(means, key=lambda label: means[label])[:CURVES_SHOWN]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for label in curves:
        if label not in worst:
            axes.plot(grid, heights[label], color="lightgrey", linewidth=0.6)
    lines = [axes.plot(grid, heights[label], color=f"C{place}")[0] for place, label in enumerate(worst)]
    names = [f"{_short(label)} ({means[label]:.2f})" for label in worst]
    if len(curves) > 1:
        lines += axes.plot(grid, np.mean(list(heights.values()), axis=0), color="black", linewidth=2)
        names.append(f"mean of {len(curves)} labels ({np.mean(list(means.values())):.2f})")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    title = "average precision" + (f", the lowest {len(worst)}" if len(worst) < len(curves) else "")
    legend = axes.legend(lines, names, title=title, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
    _save(figure, path)


def average_precision(recall: Floats, precision: Floats) -> float:
    """The mean of precision over the steps of recall, as scikit-learn has it. The points may be in any order."""
    order = np.lexsort((-np.asarray(precision), recall))
    steps = np.diff(np.asarray(recall)[order], prepend=0.0)
    return float(steps @ np.asarray(precision)[order])


def _highest(grid: Floats, recall: Floats, precision: Floats) -> Floats:
    """The best precision at a recall that is at least that of the grid; 0 where none reaches it."""
    order = np.argsort(recall, kind="stable")
    best = np.maximum.accumulate(np.asarray(precision, float)[order][::-1])[::-1]
    place = np.searchsorted(np.asarray(recall, float)[order], grid - 1e-12)
    return np.where(place < len(best), np.append(best, 0.0)[place], 0.0)


def plot_length(slices: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Accuracy of slices by length, in the order given; one that is unreliable is hollow, one not defined a gap."""
    figure = Figure(figsize=(max(5.0, 1.2 * len(slices) + 1.5), 4.5), layout="constrained")
    axes = figure.subplots()
    for place, one in enumerate(slices):
        found = one["metrics"]["accuracy"]
        if found["value"] is None:
            continue
        ends = [[found["value"] - found["low"]], [found["high"] - found["value"]]] if found["low"] is not None else None
        fill = "white" if found["unreliable"] else BLUE
        axes.errorbar([place], [found["value"]], ends, marker="o", capsize=4, color=BLUE, markerfacecolor=fill)
    names = [f"{_short(one['name'].removeprefix('length='))}\n{one['rows']:,} rows" for one in slices]
    _name(axes, names, rotation=30 if len(slices) > 6 else 0, ha="right" if len(slices) > 6 else "center")
    axes.set(xlim=(-0.5, len(slices) - 0.5), ylim=(0, 1), ylabel="accuracy", xlabel="length of the text in characters")
    axes.grid(axis="y", alpha=0.3)
    _save(figure, path)


def _name(axes: Axes, names: list[str], **look: Any) -> None:
    axes.set_xticks(range(len(names)), names, parse_math=False, **look)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from components.evaluate import plots
from components.evaluate.plots import (
    LABELS_SHOWN,
    average_precision,
    plot_confusion,
    plot_length,
    plot_precision_recall,
    plot_reliability,
)
from tests.evaluations import make_evaluation

Curves = dict[str, tuple[Any, Any]]
ODD = ["<b>&", "_private", r"$\frac{$", "x" * 200]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, besides their files."""
    figures: list[Figure] = []
    save = plots._save

    def keep(figure: Figure, path: Path) -> None:
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(plots, "_save", keep)
    return figures


def curves(labels: list[str]) -> Curves:
    """The first label is ranked best, the last worst."""
    rng = np.random.default_rng(0)
    found = {}
    for place, label in enumerate(labels):
        truth = rng.random(200) < 0.2
        precision, recall, _ = precision_recall_curve(truth, truth * (2 - 2 * place / len(labels)) + rng.random(200))
        found[label] = (recall, precision)
    return found


def ticks(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_xticklabels()]


def evaluated(labels: list[str]) -> dict[str, Callable[[Path], None]]:
    evaluation = make_evaluation(labels=labels)
    lengths = [one for one in evaluation["slices"] if one["by"] in ("length", "column")]
    return {
        "confusion": lambda path: plot_confusion(evaluation["bundle"]["confusion"], labels, path),
        "reliability": lambda path: plot_reliability(evaluation["calibration"], path),
        "precision_recall": lambda path: plot_precision_recall(curves(labels), path),
        "length": lambda path: plot_length(lengths, path),
    }


@pytest.mark.parametrize("name", ["confusion", "reliability", "precision_recall", "length"])
@pytest.mark.filterwarnings("error")
def test_the_same_figures_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for file in ("one.png", "two.png"):
        evaluated(ODD)[name](tmp_path / file)
    content = (tmp_path / "one.png").read_bytes()
    assert content.startswith(b"\x89PNG") and content == (tmp_path / "two.png").read_bytes()
    assert b"Software" not in content


def test_of_many_labels_the_most_confused_are_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    labels = [f"intent {number}" for number in range(150)]
    confused = list(range(100, 100 + LABELS_SHOWN))
    counts = np.diag(np.where(np.isin(np.arange(150), confused), 30, 60))
    for label in confused:
        counts[label, label + 1 if label < confused[-1] else confused[0]] = 5
    counts[0, 1] = 1
    plot_confusion(counts.tolist(), labels, tmp_path / "confusion.png")
    axes = drawn[0].axes[0]
    assert ticks(axes) == [*(labels[label] for label in confused), "130 other labels"]
    drawn_counts = {text.get_position(): int(text.get_text()) for text in axes.texts}
    assert drawn_counts[1, 0] == 5 and drawn_counts[0, 0] == 30 and (0, 1) not in drawn_counts
    assert sum(drawn_counts.values()) == counts.sum()
    assert max(drawn[0].get_size_inches()) < 15


def test_bins_without_answers_are_no_points(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_reliability(make_evaluation()["calibration"], tmp_path / "reliability.png")
    points = drawn[0].axes[0].lines[1].get_xydata().tolist()
    assert points == [[0.55, 0.5], [0.95, 0.8]]
    bars: Any = drawn[0].axes[1].patches
    assert [bar.get_height() for bar in bars] == [0, 30, 60]


def test_of_many_curves_the_worst_are_named(tmp_path: Path, drawn: list[Figure]) -> None:
    labels = [f"intent {number}" for number in range(150)]
    found = curves(labels)
    plot_precision_recall(found, tmp_path / "curves.png")
    legend = drawn[0].axes[0].get_legend()
    assert legend
    named = [text.get_text().rpartition(" (")[0] for text in legend.get_texts()]
    areas = {label: average_precision(*curve) for label, curve in found.items()}
    assert named == [*sorted(areas, key=areas.__getitem__)[:8], "mean of 150 labels"]
    black = drawn[0].axes[0].lines[-1].get_ydata()
    assert 0 < float(np.asarray(black)[-1]) < float(np.asarray(black)[0]) <= 1


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for ties in (2, 200):
        truth, scores = rng.random(300) < 0.3, np.round(rng.random(300) * ties) / ties
        precision, recall, _ = precision_recall_curve(truth, scores)
        expected = average_precision_score(truth, scores)
        assert average_precision(recall, precision) == pytest.approx(expected)
        assert average_precision(recall[::-1], precision[::-1]) == pytest.approx(expected)


def test_names_of_lengths_do_not_overlap(tmp_path: Path, drawn: list[Figure]) -> None:
    names = ["length=0-1078", "length=1079-1110", "length=1111-1135", "length=1136+"]
    plot_length([{**make_evaluation()["slices"][0], "name": name, "rows": 10000} for name in names], tmp_path / "one")
    (axes,) = drawn[0].axes
    assert ticks(axes)[0] == "0-1078\n10,000 rows"
    boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_lengths_have_intervals_and_gaps(tmp_path: Path, drawn: list[Figure]) -> None:
    lengths = [one for one in make_evaluation()["slices"] if one["by"] != "label"]
    plot_length(lengths, tmp_path / "length.png")
    (axes,) = drawn[0].axes
    assert ticks(axes)[0] == "short\n45 rows"
    points = {
        float(line.get_xdata()[0]): float(line.get_ydata()[0]) for line in axes.lines if len(line.get_xdata()) == 1
    }
    assert points.keys() == {0, 1, 3}
    bars: Any = axes.containers[0]
    ends = bars.lines[2][0].get_segments()[0][:, 1].tolist()
    accuracy = lengths[0]["metrics"]["accuracy"]
    assert ends == pytest.approx([accuracy["low"], accuracy["high"]])

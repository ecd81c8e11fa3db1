from __future__ import annotations

from pathlib import Path

import numpy as np

from components.base.files import read_json
from components.evaluate.reports import write_reports
from tests.evaluations import LABELS, make_evaluation

PICTURES = {"confusion.png", "reliability.png", "precision_recall.png", "length.png"}


def test_all_that_was_measured_is_written_and_shown(tmp_path: Path) -> None:
    evaluation = make_evaluation()
    write_reports(evaluation, {label: (np.array([1.0, 0.0]), np.array([0.5, 1.0])) for label in LABELS}, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"evaluation.json", "report.html", *PICTURES}
    assert read_json(tmp_path / "evaluation.json") == evaluation
    assert (tmp_path / "report.html").read_text().count("data:image/png") == len(PICTURES)


def test_what_was_not_measured_has_no_picture(tmp_path: Path) -> None:
    evaluation = make_evaluation(calibration=None, abstain=None, slices=[])
    del evaluation["bundle"]["confusion"]
    write_reports(evaluation, {}, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"evaluation.json", "report.html"}

"""The names that metrics have in an evaluation, in the rules of the gate and in MLflow."""

from __future__ import annotations

import re
from typing import NamedTuple


class Metric(NamedTuple):
    """`words` are those for people; of a metric that is `lower`, less is better."""

    words: str
    lower: bool = False


F1 = {
    f"{average}_{part}": Metric(f"{average} {'F1' if part == 'f1' else part}")
    for average in ("macro", "micro", "weighted")
    for part in ("precision", "recall", "f1")
}
METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy"),
    "balanced_accuracy": Metric("balanced accuracy"),
    **F1,
    "matthews": Metric("Matthews correlation"),
    "roc_auc": Metric("ROC-AUC"),
    "pr_auc": Metric("PR-AUC"),
    "hamming_loss": Metric("Hamming loss", lower=True),
    "expected_calibration_error": Metric("expected calibration error", lower=True),
    "brier": Metric("Brier score", lower=True),
    "log_loss": Metric("log loss", lower=True),
}
# Of every label by itself.
LABEL_METRICS = ("precision", "recall", "f1")
# Of every slice by itself.
SLICE_METRICS = ("accuracy", "macro_f1", "micro_f1")
# What two models are compared by, on the same rows.
COMPARED = ("accuracy", "balanced_accuracy", *F1, "matthews", "roc_auc", "pr_auc")

CALIBRATION = ("expected_calibration_error", "brier", "log_loss")
LABELS = ("accuracy", "balanced_accuracy", *F1, "matthews", "roc_auc", "pr_auc", *CALIBRATION)
TASK_METRICS: dict[str, tuple[str, ...]] = {
    "single-label": LABELS,
    "text-pair": LABELS,
    "multi-label": ("accuracy", *F1, "roc_auc", "pr_auc", "hamming_loss", *CALIBRATION),
    "token-tags": ("accuracy", *F1, *CALIBRATION),
}

# What is measured besides: of the served files, of time (on the machine that evaluates, and on that of gate.bench), of
# the data.
MEASURES: dict[str, Metric] = {
    "agreement_with_float": Metric("agreement with float"),
    "size_mb": Metric("size of the bundle in MB", lower=True),
    "p50_ms": Metric("median latency of one text in ms", lower=True),
    "p95_ms": Metric("95 % latency of one text in ms", lower=True),
    "texts_per_second": Metric("texts per second in batches of 32"),
    "bench_p50_ms": Metric("median latency of one text in ms, by the bench", lower=True),
    "bench_p95_ms": Metric("95 % latency of one text in ms, by the bench", lower=True),
    "bench_texts_per_second": Metric("texts per second in batches of 32, by the bench"),
    "bench_load_s": Metric("seconds to load the model, by the bench", lower=True),
    "leaked_rows": Metric("rows whose text stands in another split", lower=True),
    "contradictory_rows": Metric("rows whose text has another label, too", lower=True),
    "near_copies": Metric("test rows that are almost a text of an earlier split", lower=True),
    "label_error_share": Metric("share of training rows whose label is likely wrong", lower=True),
    "abstain_precision": Metric("precision of the answers that are not withheld"),
    "abstain_coverage": Metric("share of answers that are not withheld"),
    "out_of_scope_auc": Metric("ROC-AUC of out-of-scope texts by their score"),
    "out_of_scope_recall": Metric("recall of out-of-scope texts"),
    "out_of_scope_precision": Metric("precision of out-of-scope answers"),
}
# Those of them that have no interval.
NUMBERS = (
    "size_mb",
    "p50_ms",
    "p95_ms",
    "texts_per_second",
    "bench_p50_ms",
    "bench_p95_ms",
    "bench_texts_per_second",
    "bench_load_s",
    "leaked_rows",
    "contradictory_rows",
    "near_copies",
    "label_error_share",
)

# Of the machine that evaluates.
TIMED = ("p50_ms", "p95_ms", "texts_per_second")
# What begins so is of gate.bench.
BENCH = "bench_"


def is_timing(name: str) -> bool:
    """Whether a second measurement of the same model gives another value."""
    return name in TIMED or name.startswith(BENCH)


def is_measured(name: str) -> bool:
    """Whether a model or its surroundings can have a metric of this name, top_3_accuracy and its like included."""
    return name in METRICS or name in MEASURES or re.fullmatch(r"top_\d+_accuracy", name) is not None


def words(name: str) -> str:
    """top_3_accuracy and behaviour/NAME, too."""
    known = METRICS.get(name) or MEASURES.get(name)
    return known.words if known else name.replace("_", " ").replace("behaviour/", "failures of behaviour test ")

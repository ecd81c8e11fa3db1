"""What to do next about rules that do not hold."""

from __future__ import annotations

from collections.abc import Sequence

from components.base.metric_names import CALIBRATION, MEASURES, words
from components.base.settings import GateRule
from components.gate.entries import Entry, about, listed, named

OF_MEASURES = {
    "agreement_with_float": "quantization.candidates [float32] serves the float model, larger and slower",
    "size_mb": "take a smaller base model, or int8, or raise the budget",
    "p50_ms": "take a smaller base model or a lower tokenization.max_length, or raise the budget",
    "p95_ms": "take a smaller base model or a lower tokenization.max_length, or raise the budget",
    "texts_per_second": "take a smaller base model or a lower tokenization.max_length, or lower the floor",
    "bench_p50_ms": "take a smaller base model or a lower tokenization.max_length, or raise the budget",
    "bench_p95_ms": "take a smaller base model or a lower tokenization.max_length, or raise the budget",
    "bench_texts_per_second": "take a smaller base model or a lower tokenization.max_length, or lower the floor",
    "bench_load_s": "take a smaller base model, or int8, or raise the budget",
    "leaked_rows": "data.source.leaks: drop takes such rows out on import; validation.json names them",
    "contradictory_rows": "decide for one label, or data.source.contradictions: drop; validation.json names them",
    "near_copies": "split by an entity, or drop such rows; validation.json names them",
    "label_error_share": "correct the rows that label_errors in evaluation.json names",
}
OVERRIDE = (
    "To register the model all the same, run again with --override --reason TEXT; the reason goes into the version's"
    " tags and the promotion log"
)


def to_reach(rule: GateRule, parts: Sequence[str]) -> str:
    """For a limit that is broken, of these parts of the rows (an empty name: of all)."""
    parts = [part for part in parts if part]
    if rule.metric.startswith("behaviour/"):
        tests = listed(parts) or rule.metric.removeprefix("behaviour/")
        return f"Look at the cases of {tests} that evaluation.json lists as failed, and train on rows like them"
    if rule.metric in OF_MEASURES:
        return f"Mind the {words(rule.metric)}: {OF_MEASURES[rule.metric]}"
    if parts:
        where = named("label" if rule.label else "slice", parts)
        return f"Look at the mistakes of {where} in the evaluation's report, and collect or correct such rows"
    if rule.metric in CALIBRATION:
        return "Look at the reliability curve in the evaluation's report; more validation rows calibrate better"
    if rule.metric in MEASURES:
        return f"Look at {words(rule.metric)} in the evaluation's report"
    return "Look at the worst mistakes and slices in the evaluation's report; train on more or cleaner rows, or longer"


def to_show(rule: GateRule, parts: Sequence[str], needed: int | None, rows: int) -> str:
    """For a comparison that does not come out as asked, on `rows` test rows."""
    if needed:
        return f"Collect test rows: {about(needed)}, where {rows:,} are now, would settle the comparison"
    if parts := [part for part in parts if part]:
        where = named("label" if rule.label else "slice", parts)
        said = "gets right there is now wrong" if rule.test == "not_worse" else "gets wrong there is not yet right"
        return f"Look at {where} in the evaluation's report: what the champion {said}"
    if rule.against == "linear":
        return "Train longer, or at another learning rate; or serve the linear model (model.architecture: linear)"
    if rule.against == "float":
        return f"Mind what is lost against the float model: {OF_MEASURES['agreement_with_float']}"
    return "Change data or settings and train again; the champion goes on serving"


def next_steps(entries: Sequence[Entry], outcome: str) -> list[str]:
    """What refuses first; each sentence once."""
    broken = sorted((entry for entry in entries if not entry.passed), key=lambda entry: entry.severity == "warn")
    steps = [entry.advice.removesuffix(".") for entry in broken if entry.advice]
    if outcome == "unchanged":
        steps = ["Change the data, the settings or training.seed: the same inputs make the same bundle"]
    if outcome == "refused":
        steps += ["See each rule with its figures: textgate gate explain RUN", OVERRIDE]
    return [f"{step}." for step in dict.fromkeys(steps)]

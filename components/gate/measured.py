"""Where each metric and measure stands in the evidence, and what to do where it is not there."""

from __future__ import annotations

from components.base.metric_names import BENCH, METRICS, TIMED, words
from components.gate.evidence import Estimate, Evaluation, Evidence, Validation

BYTES_PER_MB = 1e6
WITHHELD = "answers are withheld only where a row has one label"
HOW_TO_BENCH = (
    "on the machine that is to serve, run `textgate bundle bench BUNDLE --output FILE` (BUNDLE is the folder bundle of"
    " the step quantize), then here `textgate run --reuse RUN --set gate.bench=FILE`, which trains nothing again"
)
# The check of validation.json that counts them, and its rule under validation.rules.
COUNTED = {
    "leaked_rows": ("across splits: leakage", "leakage"),
    "contradictory_rows": ("across splits: contradictions", "contradictions"),
    "near_copies": ("test: near_leakage", "near_leakage"),
}


def measured(metric: str, evidence: Evidence) -> Estimate:
    """Of all rows; what was not measured has no value, and a `why` that says what to do."""
    evaluation = evidence.evaluation
    if metric == "agreement_with_float":
        return evaluation.agreement_with_float
    if metric == "size_mb":
        size = evaluation.bundle.bytes
        return Estimate(value=size / BYTES_PER_MB) if size is not None else _absent(metric, "evaluate again")
    if metric in TIMED:
        value = getattr(evidence.timing, metric)
        return Estimate(value=value) if value is not None else _absent(metric, "give timing.json with the evaluation")
    if metric.startswith(BENCH):
        return _benched(metric, evidence)
    if metric in COUNTED:
        return _counted(metric, evidence.validation)
    if metric == "label_error_share":
        return _label_errors(evaluation)
    if metric.startswith("abstain_"):
        found = evaluation.abstain
        return getattr(found, metric.removeprefix("abstain_")) if found else _absent(metric, WITHHELD)
    if metric.startswith("out_of_scope_"):
        scope = evaluation.out_of_scope
        advice = "evaluation.out_of_scope names the label of such texts"
        return getattr(scope, metric.removeprefix("out_of_scope_")) if scope else _absent(metric, advice)
    if metric in evaluation.bundle.metrics:
        return evaluation.bundle.metrics[metric]
    known = f"the evaluation has {', '.join(evaluation.bundle.metrics)}"
    return _absent(metric, known if metric in METRICS else f"evaluation.top_k says for which k; {known}")


def _absent(metric: str, advice: str) -> Estimate:
    return Estimate(why=f"{words(metric)} was not measured: {advice}")


def _benched(metric: str, evidence: Evidence) -> Estimate:
    bench, digest = evidence.bench, evidence.evaluation.bundle.digest
    if bench is None:
        return _absent(metric, HOW_TO_BENCH)
    if bench.digest != digest:
        return _absent(metric, f"gate.bench is of the bundle {bench.digest[:12]}, not of {digest[:12]}; {HOW_TO_BENCH}")
    lacks = f", which lacks {', '.join(bench.lacks)}" if bench.lacks else ""
    threads = f", with threads: {bench.threads}" if bench.threads else ""
    remark = f"the bench was run on {bench.processor}{lacks}{threads}"
    return Estimate(value=getattr(bench, metric.removeprefix(BENCH)), remark=remark)


def _counted(metric: str, validation: Validation | None) -> Estimate:
    check, rule = COUNTED[metric]
    if validation is None:
        return _absent(metric, "give validation.json with the evaluation")
    observed = next((found.observed for found in validation.checks if found.check == check), None)
    if observed is None:
        return _absent(metric, f"validation.rules.{rule} is off; warn or error has it counted")
    if isinstance(observed, bool) or not isinstance(observed, int | float):
        return _absent(metric, f"the check {check} of validation.suite gives no number")
    if metric == "near_copies":  # a share of the test rows
        rows = validation.profile.get("test", {}).get("rows", 0)
        return Estimate(value=round(observed * rows), support=rows)
    return Estimate(value=observed)


def _label_errors(evaluation: Evaluation) -> Estimate:
    found = evaluation.label_errors.get("train")
    if found is None:
        return _absent("label_error_share", "evaluation.label_errors.max_train_rows is 0")
    if found.share is None:
        return _absent("label_error_share", found.problem or "the evaluation has no share of train")
    return Estimate(value=found.share)

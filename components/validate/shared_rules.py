"""The rules across the splits, and against the data that the champion was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import great_expectations.expectations as gxe
import pandas as pd

from components.base.settings import Rule as Name
from components.base.settings import ValidateStep
from components.validate.drift import Drift
from components.validate.rules import Batch, Frame, Rule, count, named

ACROSS = "across splits"
CHAMPION = "against the champion's data"


def across_batch(rows: Frame, settings: ValidateStep) -> Batch:
    """`rows` as across_splits gives them."""
    rules = [
        _repeated("unique_ids", "each id has one row", "n_rows_of_id", "whose id another row has too", settings),
        _repeated(
            "leakage",
            "copies of a text stand in one split",
            "n_splits_of_text",
            "whose text stands in another split too",
            settings,
        ),
        _repeated(
            "contradictions",
            "copies of a text have one label",
            "n_labels_of_text",
            "whose text has another label too",
            settings,
        ),
    ]
    return Batch(ACROSS, rows, [rule for rule in rules if rule.severity != "off"])


ADVICE: dict[str, str] = {
    "unique_ids": "give each row an id of its own, or import without an id column",
    "leakage": "data.source.leaks: drop takes them out of the earlier split on import",
    "contradictions": "decide for one label, or data.source.contradictions: drop removes them on import",
}


def _repeated(check: Name, expected: str, column: str, what: str, settings: ValidateStep) -> Rule:
    def at_fault(rows: Frame) -> Frame:
        return rows[rows[column] > 1].sort_values([column, "text"], ascending=[False, True], kind="stable")

    def explain(rows: Frame) -> str:
        found = at_fault(rows)
        return f"{count(len(found), 'row')} {what}; {named(found)}"

    return Rule(
        check,
        settings.limits.severity(check),
        expected,
        gxe.ExpectColumnValuesToBeBetween(column=column, max_value=1),
        lambda rows: int((rows[column] > 1).sum()),
        explain,
        at_fault,
        ADVICE[check],
    )


def champion_batch(drifts: Sequence[Drift], settings: ValidateStep) -> Batch:
    """One row; a difference that chance explains counts as none."""
    rows = pd.DataFrame({drift.rule: [drift.effect if drift.broken else 0.0] for drift in drifts})
    return Batch(CHAMPION, rows, [_drift(drift, settings) for drift in drifts])


def _drift(drift: Drift, settings: ValidateStep) -> Rule:
    return Rule(
        drift.rule,
        settings.limits.severity(drift.rule),
        f"at most {drift.limit:g} (validation.drift), or no more than chance",
        gxe.ExpectColumnMaxToBeBetween(column=drift.rule, max_value=drift.limit),
        lambda rows: drift.effect,
        lambda rows: drift.why,
        advice="see that it is meant; the new model is for data like the new one",
    )

"""The rules on the labels of a split."""

from __future__ import annotations

from collections import Counter
from html import escape

import great_expectations.expectations as gxe
import pandas as pd

from components.base.settings import ValidateStep
from components.validate.rules import Frame, Rule, row_rule

LABELS_SHOWN = 10
# More labels than these are checked by their numbers: Great Expectations takes tens of seconds for thousands of names.
MOST_NAMED = 200


def label_rules(settings: ValidateStep) -> list[Rule]:
    labels, limits = settings.data.labels, settings.limits
    known, present = _of_the_config(labels)
    return [
        row_rule(
            "labels_known",
            limits.severity("labels_known"),
            f"one of {listed(labels)} (data.labels)",
            known,
            lambda rows: rows["label_number"].isna(),
            lambda rows: f"with labels outside the config: {_counted(_foreign(rows, labels))}",
            "add them to data.labels, map them by data.source.rename_labels, or correct the rows",
        ),
        Rule(
            "labels_present",
            limits.severity("labels_present"),
            f"each of {listed(labels)} (data.labels)",
            present,
            lambda rows: sum(bool(number) for number in _counts(rows, labels).values()),
            lambda rows: f"no row with {listed([label for label, n in _counts(rows, labels).items() if not n])}",
            advice="bring rows of them, or take them out of data.labels",
        ),
        _rows_per_label(settings),
        _label_share(settings),
    ]


def _of_the_config(labels: list[str]) -> tuple[gxe.Expectation, gxe.Expectation]:
    """That each label is one of these, and that each of these occurs."""
    if len(labels) > MOST_NAMED:
        return (
            gxe.ExpectColumnValuesToNotBeNull(column="label_number"),
            gxe.ExpectColumnUniqueValueCountToBeBetween(column="label_number", min_value=len(labels)),
        )
    shown = [escape(label) for label in labels]
    return (
        gxe.ExpectColumnValuesToBeInSet(column="label", value_set=shown),
        gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=shown),
    )


def _rows_per_label(settings: ValidateStep) -> Rule:
    labels, least = settings.data.labels, settings.limits.min_rows_per_label

    def at_fault(rows: Frame) -> Frame:
        return rows[rows["n_rows_of_label"] < least].sort_values("n_rows_of_label", kind="stable")

    def explain(rows: Frame) -> str:
        few = {label: number for label, number in _counts(rows, labels).items() if 0 < number < least}
        return f"labels with fewer than {least} rows (validation.min_rows_per_label): {_counted(few)}"

    return Rule(
        "rows_per_label",
        settings.limits.severity("rows_per_label"),
        f"at least {least} (validation.min_rows_per_label)",
        gxe.ExpectColumnValuesToBeBetween(column="n_rows_of_label", min_value=least),
        lambda rows: min((number for number in _counts(rows, labels).values() if number), default=0),
        explain,
        at_fault,
        "bring more rows of them, join them with others, or lower the limit",
    )


def _label_share(settings: ValidateStep) -> Rule:
    largest = settings.limits.max_label_share

    def commonest(rows: Frame) -> tuple[str, float]:
        shares = rows.drop_duplicates("label").set_index("label")["share_of_label"].dropna()
        return (str(shares.idxmax()), float(shares.max())) if len(shares) else ("", 0.0)

    def explain(rows: Frame) -> str:
        label, share = commonest(rows)
        return f"{label} has {share:.3g} of the rows, more than {largest:g} (validation.max_label_share)"

    return Rule(
        "label_share",
        settings.limits.severity("label_share"),
        f"at most {largest:g} of the rows (validation.max_label_share)",
        gxe.ExpectColumnValuesToBeBetween(column="share_of_label", max_value=largest),
        lambda rows: commonest(rows)[1],
        explain,
        advice="bring rows of the other labels, or raise the limit and mind the macro figures",
    )


def listed(labels: list[str]) -> str:
    """The first ten."""
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    return ", ".join(labels[:LABELS_SHOWN]) + more


def _counts(rows: Frame, labels: list[str]) -> dict[str, int]:
    """Rows of each of `labels`, 0 included."""
    found = _label_counts(rows["label"])
    return {label: found[label] for label in labels}


def _foreign(rows: Frame, labels: list[str]) -> dict[str, int]:
    """Rows of each other label, the commonest first."""
    config = set(labels)
    return {label: number for label, number in _label_counts(rows["label"]).most_common() if label not in config}


def _label_counts(labels: pd.Series) -> Counter[str]:
    return Counter({str(label): int(number) for label, number in labels.value_counts(sort=False).items() if number})


def _counted(counts: dict[str, int]) -> str:
    first = [f"{label} ({number})" for label, number in list(counts.items())[:LABELS_SHOWN]]
    return ", ".join(first) + (f" and {len(counts) - LABELS_SHOWN} more" if len(counts) > LABELS_SHOWN else "")

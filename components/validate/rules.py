"""The rules: each an expectation that decides, with what was observed and what to say where it does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd

from components.base.settings import ValidateStep
from components.validate.measures import REQUIRED_COLUMNS, Split, across_splits

ROWS_SHOWN = 5


@dataclass(frozen=True)
class Rule:
    """The functions take the batch's rows; only `expectation` decides whether the rule holds."""

    check: str
    expected: str
    expectation: gxe.Expectation
    observe: Callable[[pd.DataFrame], Any]
    explain: Callable[[pd.DataFrame], str]
    at_fault: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows.head(0)

    def description(self, rows: pd.DataFrame) -> str:
        """For Data Docs, in HTML: they would show values but not the rows that have them."""
        at_fault = self.at_fault(rows)
        return escape(f"{self.check}: {self.expected}" + (f"; see {_named(at_fault)}" if len(at_fault) else ""))


@dataclass(frozen=True)
class Batch:
    name: str
    rows: pd.DataFrame
    rules: list[Rule]

    @property
    def row_names(self) -> list[str]:
        """The columns that name a row."""
        return [name for name in ("split", "row") if name in self.rows.columns]

    @property
    def shown(self) -> pd.DataFrame:
        """The rows with markup in ids and labels made harmless: Data Docs show values as they are."""
        rows = self.rows.copy()
        for column in rows.columns.intersection(["row", "label"]):
            rows[column] = rows[column].map(escape)
        return rows


def batches(splits: list[Split], settings: ValidateStep) -> list[Batch]:
    """One for each split, and one across all where any row could be read."""
    each = [Batch(split.name, split.rows, _split_rules(split, settings)) for split in splits]
    together = across_splits(splits)
    return [*each, Batch("across splits", together, _across_rules())] if len(together) else each


def _split_rules(split: Split, settings: ValidateStep) -> list[Rule]:
    least = next((rows for name, rows in settings.limits.min_rows.items() if name == split.name), 1)
    rules = [_columns(split.problem), _row_count(least, split.problem)]
    if len(split.rows):
        rules += _text_rules(settings) + _label_rules(settings)
    return rules


def _columns(problem: str) -> Rule:
    return Rule(
        "columns",
        f"{', '.join(REQUIRED_COLUMNS)}, as named under data.columns",
        gxe.ExpectTableColumnsToMatchSet(column_set=list(REQUIRED_COLUMNS), exact_match=False),
        lambda rows: [name for name in REQUIRED_COLUMNS if name in rows],
        lambda rows: problem,
    )


def _row_count(least: int, problem: str) -> Rule:
    return Rule(
        "rows",
        f"at least {least} (validation.min_rows)",
        gxe.ExpectTableRowCountToBeBetween(min_value=least),
        len,
        lambda rows: problem or f"{_count(len(rows), 'row')}, fewer than {least} (validation.min_rows)",
    )


def _text_rules(settings: ValidateStep) -> list[Rule]:
    longest = settings.limits.max_text_length
    return [
        _row_rule(
            "missing ids",
            "every row has an id",
            gxe.ExpectColumnValuesToNotBeNull(column="id"),
            lambda rows: rows["id"].isna(),
            "without an id",
        ),
        _row_rule(
            "empty texts",
            "no text is empty or only white space",
            gxe.ExpectColumnValuesToNotBeNull(column="text"),
            lambda rows: rows["text"].isna(),
            "with an empty text",
        ),
        _row_rule(
            "text length",
            f"at most {longest} characters (validation.max_text_length)",
            gxe.ExpectColumnValuesToBeBetween(column="text_length", max_value=longest),
            lambda rows: rows["text_length"] > longest,
            f"with texts longer than {longest} characters (validation.max_text_length)",
        ),
        _encoding_damage(settings.limits.max_replacement_characters),
    ]


def _encoding_damage(most: int) -> Rule:
    def total(rows: pd.DataFrame) -> int:
        return int(rows["replacement_characters"].sum())

    def damaged(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["replacement_characters"] > 0]

    def explain(rows: pd.DataFrame) -> str:
        found = _count(total(rows), "replacement character")
        return f"{found} (U+FFFD), more than {most} (validation.max_replacement_characters); {_named(damaged(rows))}"

    return Rule(
        "encoding damage",
        f"at most {most} replacement characters (validation.max_replacement_characters)",
        gxe.ExpectColumnSumToBeBetween(column="replacement_characters", max_value=most),
        total,
        explain,
        damaged,
    )


def _label_rules(settings: ValidateStep) -> list[Rule]:
    labels, least = settings.data.labels, settings.limits.min_rows_per_label
    shown = [escape(label) for label in labels]
    return [
        _row_rule(
            "labels known",
            f"one of {', '.join(labels)} (data.labels)",
            gxe.ExpectColumnValuesToBeInSet(column="label", value_set=shown),
            lambda rows: ~rows["label"].isin(labels),
            lambda rows: f"with labels outside the config: {_listed(_foreign(rows, labels))}",
        ),
        Rule(
            "labels present",
            f"each of {', '.join(labels)} (data.labels)",
            gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=shown),
            lambda rows: [label for label, count in _counts(rows, labels).items() if count],
            lambda rows: f"no row with {', '.join(label for label, n in _counts(rows, labels).items() if not n)}",
        ),
        Rule(
            "rows per label",
            f"at least {least} (validation.min_rows_per_label)",
            gxe.ExpectColumnValuesToBeBetween(column="n_rows_of_label", min_value=least),
            lambda rows: min((count for count in _counts(rows, labels).values() if count), default=0),
            lambda rows: (
                f"labels with fewer than {least} rows (validation.min_rows_per_label): "
                + _listed({label: count for label, count in _counts(rows, labels).items() if 0 < count < least})
            ),
        ),
        _label_share(labels, settings.limits.max_label_share),
    ]


def _label_share(labels: list[str], largest: float) -> Rule:
    def commonest(rows: pd.DataFrame) -> tuple[str, float]:
        label, count = max(_counts(rows, labels).items(), key=lambda item: item[1])
        return label, count / len(rows)

    def explain(rows: pd.DataFrame) -> str:
        label, share = commonest(rows)
        return f"{label} has {share:.3g} of the rows, more than {largest:g} (validation.max_label_share)"

    return Rule(
        "label share",
        f"at most {largest:g} of the rows (validation.max_label_share)",
        gxe.ExpectColumnValuesToBeBetween(column="share_of_label", max_value=largest),
        lambda rows: commonest(rows)[1],
        explain,
    )


def _across_rules() -> list[Rule]:
    def repeated(check: str, expected: str, measure: str, what: str) -> Rule:
        expectation = gxe.ExpectColumnValuesToBeBetween(column=measure, max_value=1)
        return _row_rule(check, expected, expectation, lambda rows: rows[measure] > 1, what)

    return [
        repeated("repeated ids", "an id stands in one row", "n_rows_of_id", "whose id another row has too"),
        repeated("leakage", "a text stands in one split", "n_splits_of_text", "whose text stands in another split too"),
        repeated(
            "contradictions", "copies of a text have one label", "n_labels_of_text", "whose text has another label too"
        ),
    ]


def _row_rule(
    check: str,
    expected: str,
    expectation: gxe.Expectation,
    breaks: Callable[[pd.DataFrame], pd.Series],
    what: str | Callable[[pd.DataFrame], str],
) -> Rule:
    """A rule on each row for itself; `what` follows the count of the rows that break it."""

    def at_fault(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[breaks(rows)]

    def explain(rows: pd.DataFrame) -> str:
        reason = what if isinstance(what, str) else what(rows)
        return f"{_count(len(at_fault(rows)), 'row')} {reason}; {_named(at_fault(rows))}"

    return Rule(check, expected, expectation, lambda rows: int(breaks(rows).sum()), explain, at_fault)


def _counts(rows: pd.DataFrame, labels: list[str]) -> dict[str, int]:
    """Rows of each of `labels`, 0 included."""
    found = Counter(rows["label"])
    return {label: found[label] for label in labels}


def _foreign(rows: pd.DataFrame, labels: list[str]) -> dict[str, int]:
    """Rows of each other label, the commonest first."""
    return {label: count for label, count in Counter(rows["label"]).most_common() if label not in labels}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{label} ({count})" for label, count in counts.items())


def _named(rows: pd.DataFrame) -> str:
    """The first rows by id; across splits with their split, copies of a text beside each other."""
    if "split" in rows:
        rows = rows.sort_values("text", kind="stable")
    first = rows.head(ROWS_SHOWN)
    names = [f"{row} ({split})" for row, split in zip(first["row"], first.get("split", []), strict=False)]
    more = f" and {len(rows) - len(first)} more" if len(rows) > len(first) else ""
    return "ids " + ", ".join(names or first["row"]) + more


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

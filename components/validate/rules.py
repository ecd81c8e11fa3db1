"""What a rule is: an expectation that decides, with what was observed and what to say where it does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd

from components.base.settings import Rule as Name
from components.base.settings.validation import Severity

ROWS_SHOWN = 5
WORST = 20

Frame = pd.DataFrame


@dataclass(frozen=True)
class Rule:
    """The functions take the batch's rows; only `expectation` decides whether the rule holds.

    `at_fault` gives the rows that break it, the worst first. `advice` says what to do. A rule of the JSON suite has no
    `explain`: what Great Expectations observed speaks for it.
    """

    check: Name | str
    severity: Severity
    expected: str
    expectation: gxe.Expectation
    observe: Callable[[Frame], Any] | None = None
    explain: Callable[[Frame], str] | None = None
    at_fault: Callable[[Frame], Frame] = lambda rows: rows.head(0)
    advice: str = ""
    kind: str = ""

    @property
    def name(self) -> str:
        """What tells it from the other rules of its batch."""
        return f"{self.check} ({self.kind})" if self.kind else self.check

    def description(self, rows: Frame) -> str:
        """For Data Docs, in HTML: they would show values but not the rows that have them."""
        at_fault = self.at_fault(rows)
        return escape(f"{self.name}: {self.expected}" + (f"; see {named(at_fault)}" if len(at_fault) else ""))


@dataclass(frozen=True)
class Batch:
    """`private`: its rows hold texts, so that no docs are made of it."""

    name: str
    rows: Frame
    rules: list[Rule]
    private: bool = False

    @property
    def row_names(self) -> list[str]:
        """The columns that name a row."""
        return [name for name in ("split", "row") if name in self.rows.columns]

    @property
    def shown(self) -> Frame:
        """The rows with markup in ids and labels made harmless: Data Docs show values as they are."""
        rows = self.rows.copy(deep=False)
        for name in rows.columns.intersection(["row", "id"]):
            marked = rows[name].str.contains("[&<>'\"]", na=False) if len(rows) else rows[name].isna()
            if marked.any():
                rows[name] = rows[name].map(escape, na_action="ignore")
        if "label" in rows and len(rows):
            rows["label"] = rows["label"].cat.rename_categories(escape)
        return rows


def row_rule(
    check: Name,
    severity: Severity,
    expected: str,
    expectation: gxe.Expectation,
    breaks: Callable[[Frame], pd.Series],
    what: str | Callable[[Frame], str],
    advice: str,
    measure: str = "",
    kind: str = "",
) -> Rule:
    """A rule on each row for itself; `what` follows the count of the rows that break it, those with most of `measure`
    are the worst."""

    def at_fault(rows: Frame) -> Frame:
        return worst_first(rows[breaks(rows)], measure)

    def explain(rows: Frame) -> str:
        reason = what if isinstance(what, str) else what(rows)
        return f"{count(len(at_fault(rows)), 'row')} {reason}; {named(at_fault(rows))}"

    return Rule(
        check, severity, expected, expectation, lambda rows: int(breaks(rows).sum()), explain, at_fault, advice, kind
    )


def share_rule(
    check: Name,
    severity: Severity,
    key: str,
    most: float,
    column: str,
    what: str,
    advice: str,
    measure: str = "",
    kind: str = "",
) -> Rule:
    """A rule on the share of rows that have `column` (0, 1, or null where the row does not count)."""

    def at_fault(rows: Frame) -> Frame:
        return worst_first(rows[rows[column] == 1], measure)

    def share(rows: Frame) -> float:
        counted = rows[column].dropna()
        return float(counted.mean()) if len(counted) else 0.0

    def explain(rows: Frame) -> str:
        found = at_fault(rows)
        much = f"a share of {share(rows):.3g}, more than {most:g}, {key}"
        return f"{count(len(found), 'row')} {what} ({much}); {named(found)}"

    expectation = gxe.ExpectColumnMeanToBeBetween(column=column, max_value=most)
    return Rule(
        check,
        severity,
        f"at most {most:g} of the rows {what} ({key})",
        expectation,
        share,
        explain,
        at_fault,
        advice,
        kind,
    )


def worst_first(rows: Frame, measure: str) -> Frame:
    return rows.sort_values(measure, ascending=False, kind="stable") if measure else rows


def named(rows: Frame) -> str:
    """The first rows by id; across splits with their split, copies of a text beside each other."""
    first = rows.head(ROWS_SHOWN)
    splits = first["split"] if "split" in first else [""] * len(first)
    names = [f"{row} ({split})" if split else row for row, split in zip(first["row"], splits, strict=True)]
    if "near_to" in first and len(first) and (first["near_to"] != "").all():
        names = [f"{name} like {near}" for name, near in zip(names, first["near_to"], strict=True)]
    more = f" and {len(rows) - len(first)} more" if len(rows) > len(first) else ""
    return "ids " + ", ".join(names) + more


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

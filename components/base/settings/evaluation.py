"""How models are scored on the test rows: intervals, slices, what else is asked of them."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from components.base.settings.section import Positive, Section, Text


class SliceRule(Section):
    """Rows that meet every condition given here. `label` is one of data.labels, of tags one that a word has; `column`
    is one of data.columns.keep, and holds one of `values` ("" where it holds nothing); lengths are in characters, both
    ends included; `matches` is a regular expression (Python's) found in the text. A pair's texts count as one of two
    lines, tokens as a text with spaces."""

    label: str = ""
    column: str = ""
    values: list[str] = []
    min_length: Annotated[int, Field(ge=0)] = 0
    max_length: Annotated[int, Field(ge=0)] | None = None
    matches: str = ""

    @field_validator("matches")
    @classmethod
    def compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if bool(self.column) != bool(self.values):
            raise ValueError("column and values go together: the column, and which of its values are meant")
        if not (self.label or self.column or self.min_length or self.max_length is not None or self.matches):
            raise ValueError("a slice needs a condition: label, column and values, min_length, max_length or matches")
        return self


class SliceSettings(Section):
    """Parts of the test rows that are scored by themselves, beside each label.

    `columns` are some of data.columns.keep, each value a slice; `lengths` are the bounds of slices by length in
    characters (empty: the quarters of the test rows); `rules` are slices by name. Up to `worst` more are looked for.
    """

    columns: list[Text] = []
    lengths: list[Positive] = []
    rules: dict[Text, SliceRule] = {}
    worst: Annotated[int, Field(ge=0)] = 10

    @property
    def kept(self) -> tuple[str, ...]:
        """Each column of data.columns.keep that is asked for."""
        ruled = (rule.column for rule in self.rules.values() if rule.column)
        return tuple(dict.fromkeys([*self.columns, *ruled]))

    @field_validator("lengths")
    @classmethod
    def rise(cls, bounds: list[int]) -> list[int]:
        if sorted(set(bounds)) != bounds:
            raise ValueError("the bounds must rise")
        return bounds


class LabelErrorSettings(Section):
    """The search for rows whose label is likely wrong: of training rows by a linear model of the others, in `folds`
    parts, on at most `max_train_rows` of them (0: of none)."""

    max_train_rows: Annotated[int, Field(ge=0)] = 20_000
    folds: Annotated[int, Field(ge=2)] = 5


class EvaluationSettings(Section):
    """Intervals hold with probability `confidence`. `cluster` names a column of data.columns.keep: rows of one value
    are drawn together (empty: data.source.split.entity where that is kept, else each row by itself). `top_k`: shares of
    rows whose label is among the best k. `out_of_scope` is the label of texts that belong to none of the others.
    `behaviour` names a file of behaviour tests (README). `mistakes` is how many of the worst are listed.
    """

    bootstrap_samples: Annotated[int, Field(ge=100)] = 10_000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0)] = 1
    cluster: str = ""
    top_k: list[Annotated[int, Field(ge=2)]] = [3, 5]
    slices: SliceSettings = SliceSettings()
    out_of_scope: str = ""
    behaviour: str = ""
    label_errors: LabelErrorSettings = LabelErrorSettings()
    mistakes: Positive = 50
    timing_rows: Positive = 200

    @property
    def kept(self) -> tuple[str, ...]:
        """Each column of data.columns.keep that is asked for."""
        return tuple(dict.fromkeys([*self.slices.kept, *([self.cluster] if self.cluster else [])]))

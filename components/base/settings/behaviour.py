"""Behaviour tests: what a model must answer to texts that are changed or given; one YAML file for each use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from components.base.settings.data import DataSchema, Task
from components.base.settings.section import Fraction, Section, Text

PLACEHOLDER = re.compile(r"\{(\w+)\}")
EXPECTED: dict[Task, str] = {
    "single-label": "label",
    "text-pair": "label",
    "multi-label": "labels",
    "token-tags": "entities",
}
ROWS = 200
MOST_CASES = 1000

TestName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$")]
Word = Annotated[str, StringConstraints(pattern=r"^\w+$")]
Fault = tuple[str, str]


class Case(Section):
    """A text, or a pair of texts; `{name}` in it stands for each value of `fill.name`, where a test has `fill`."""

    text: Text
    text_pair: str = ""

    def texts(self) -> list[str]:
        return [self.text, self.text_pair]

    def placeholders(self) -> list[str]:
        return list(dict.fromkeys(name for text in self.texts() for name in PLACEHOLDER.findall(text)))

    def filled(self, values: dict[str, str]) -> Self:
        return self.model_copy(update={"text": _fill(self.text, values), "text_pair": _fill(self.text_pair, values)})

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        """What does not fit the data: the key of each, and what is wrong."""
        if data.task == "text-pair" and not self.text_pair:
            yield "text_pair", "missing: the task text-pair has two texts"
        if data.task != "text-pair" and self.text_pair:
            yield "text_pair", f"is for the task text-pair, not for {data.task}"


class ExpectedEntity(Section):
    label: Text
    text: Text


class ExpectedCase(Case):
    """With the right answer, which is for one label (also of a pair) `label`, for several `labels` (all of them, in any
    order; empty: none), for tags `entities` (all of them, in the text's order)."""

    label: Text | None = None
    labels: list[Text] | None = None
    entities: list[ExpectedEntity] | None = None

    def texts(self) -> list[str]:
        return [*super().texts(), *(entity.text for entity in self.entities or [])]

    def filled(self, values: dict[str, str]) -> Self:
        if self.entities is None:
            return super().filled(values)
        entities = [each.model_copy(update={"text": _fill(each.text, values)}) for each in self.entities]
        return super().filled(values).model_copy(update={"entities": entities})

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        yield from super().faults(data)
        wanted = EXPECTED[data.task]
        for key in sorted(set(EXPECTED.values())):
            if (getattr(self, key) is None) == (key == wanted):
                yield key, "missing" if key == wanted else f"the task {data.task} expects {wanted}"
        for label in [self.label, *(self.labels or [])]:
            if label is not None and label not in data.labels:
                yield wanted, _unknown(label, data.labels)
        types = _entity_types(data.labels) if self.entities else []
        for entity in self.entities or []:
            if entity.label not in types:
                yield "entities", _unknown(entity.label, types, "the entities that data.labels make")
            if entity.text not in self.text:
                yield "entities", f"{entity.text!r} is not in the text"


class _Test(Section):
    """`cases` are given texts, with `fill` in all combinations."""

    cases: Sequence[Case] = []
    fill: dict[Word, Annotated[list[Text], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def is_filled(self) -> Self:
        if not self.fill:
            return self
        used = [case.placeholders() for case in self.cases]
        if unknown := sorted({name for names in used for name in names} - set(self.fill)):
            raise ValueError(f"{{{unknown[0]}}} in a case is not among fill ({', '.join(self.fill)})")
        if idle := sorted(set(self.fill) - {name for names in used for name in names}):
            raise ValueError(f"no case has {{{idle[0]}}}, which fill has values for")
        count = sum(prod(len(self.fill[name]) for name in names) for names in used)
        if count > MOST_CASES:
            raise ValueError(
                f"with all that fill holds the cases are {count:,}, at most {MOST_CASES:,}: shorten a list"
            )
        return self

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        """What does not fit the data: the key of each, and what is wrong."""
        for number, case in enumerate(self.cases):
            yield from ((f"cases.{number}.{key}", what) for key, what in case.faults(data))


class _RowTest(_Test):
    """On `cases`, or where there are none on test rows: at most so many as `rows`, drawn by the evaluation's seed,
    where `of_label` is given only rows of that label."""

    rows: Annotated[int, Field(ge=1, le=100_000)] = ROWS
    of_label: str = ""

    @model_validator(mode="after")
    def is_on_rows_or_on_cases(self) -> Self:
        if self.cases and (self.of_label or self.rows != ROWS):
            raise ValueError("rows and of_label draw test rows; a test that has cases is on these")
        return self

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        yield from super().faults(data)
        if self.of_label and data.task == "token-tags":
            yield "of_label", "rows of the task token-tags have no label"
        elif self.of_label and self.of_label not in data.labels:
            yield "of_label", _unknown(self.of_label, data.labels)


class InvarianceTest(_RowTest):
    """The answer must stay the same (of several labels all, of tags each word's) when a text is changed.

    `typos`: `count` pairs of neighbouring letters change places. `punctuation`: what ends the text is taken away, or a
    full stop added. `swaps`: each name of a group becomes another of its group, as a whole word in any case.
    """

    kind: Literal["invariance"]
    change: Literal["lower_case", "upper_case", "typos", "punctuation", "swaps"]
    count: Annotated[int, Field(ge=1, le=100)] = 1
    swaps: list[Annotated[list[Text], Field(min_length=2)]] = []

    @model_validator(mode="after")
    def has_what_the_change_needs(self) -> Self:
        if bool(self.swaps) != (self.change == "swaps"):
            raise ValueError("swaps, a list of groups of names, goes with the change swaps")
        if self.count != 1 and self.change != "typos":
            raise ValueError("count goes with the change typos")
        names = [name.casefold() for group in self.swaps for name in group]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"the name {twice[0]} stands in swaps twice (letters' case does not count)")
        return self

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        yield from super().faults(data)
        if data.task != "token-tags":
            return
        if self.change == "punctuation":
            yield "change", "punctuation changes the number of words, which the task token-tags compares one by one"
        if several := [name for group in self.swaps for name in group if len(name.split()) > 1]:
            yield "swaps", f"{several[0]!r} is not one word, as the task token-tags needs it"


class DirectionTest(_RowTest):
    """The probability of `label` must `rise` or `fall` (by `margin` or more), or must not rise or fall (by more than
    `margin`), when `prepend` is put before and `append` after the text, or with `to: text_pair` the second text."""

    kind: Literal["direction"]
    append: str = ""
    prepend: str = ""
    to: Literal["text", "text_pair"] = "text"
    label: Text
    must: Literal["rise", "fall", "not_rise", "not_fall"]
    margin: Fraction = 0.0

    @model_validator(mode="after")
    def adds_something(self) -> Self:
        if not (self.append or self.prepend):
            raise ValueError("a direction test needs the text to append or to prepend")
        return self

    def faults(self, data: DataSchema) -> Iterator[Fault]:
        yield from super().faults(data)
        if data.task == "token-tags":
            yield "kind", "direction is not for the task token-tags, which has no probability of a whole text"
        elif self.label not in data.labels:
            yield "label", _unknown(self.label, data.labels)
        if self.to == "text_pair" and data.task != "text-pair":
            yield "to", f"text_pair is for the task text-pair, not for {data.task}"


class MinimumTest(_Test):
    """Minimum functionality: each case must get its right answer."""

    kind: Literal["minimum"]
    cases: Annotated[list[ExpectedCase], Field(min_length=1)]


KINDS: dict[str, type[InvarianceTest | DirectionTest | MinimumTest]] = {
    "invariance": InvarianceTest,
    "direction": DirectionTest,
    "minimum": MinimumTest,
}
BehaviourTest = Annotated[InvarianceTest | DirectionTest | MinimumTest, Field(discriminator="kind")]


def _fill(text: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _unknown(label: str, known: Sequence[str], where: str = "data.labels") -> str:
    return f"{label!r} is not among {where} ({', '.join(known)})"


def _entity_types(tags: list[str]) -> list[str]:
    # What it imports takes longer than all settings together.
    from serving.tasks.entities import Scheme

    return Scheme(tags).types

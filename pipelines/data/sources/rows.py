"""Rows as the tables will hold them, made of records by the task and the names of its columns."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from components.base.settings import DataSettings, Split
from pipelines.data.sources.records import SURROGATE, Broken, Record, shorten

INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
ABSENT = object()


class Row(NamedTuple):
    """`texts` are text, text and pair, or the tokens; `labels` the label, the set of labels in order, or the tags.

    `id` and `entity` are empty where the row has none; `kept` are the further columns; `split` is None where the
    source's rows do not say it; `time` is None or a number that grows with it.
    """

    id: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    kept: tuple[str | None, ...] = ()
    split: Split | None = None
    entity: str = ""
    time: float | None = None


class RowFault(Exception):
    """`reason` is what the row is counted by, `detail` says what is wrong and what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class RowMaker:
    """Makes rows of records by data.columns and data.source.

    `file_split` is that of all rows of the file at hand, where files have one. `renamed` counts how often each of
    rename_labels was met, `times` holds which kinds of time were.
    """

    def __init__(self, data: DataSettings) -> None:
        self.columns, self.source = data.columns, data.source
        self.task = data.task
        self.renames = data.source.rename_labels
        self.renamed: Counter[str] = Counter()
        self.times: set[str] = set()
        self.file_split: Split | None = None
        split = data.source.split
        self.values: dict[str, Split] = {}
        for name, values in split.values.items():
            self.values |= {value.strip().casefold(): name for value in values}
        self._labels: Callable[[Any], tuple[str, ...]] = {
            "single-label": self._one_label,
            "multi-label": self._label_set,
            "text-pair": self._one_label,
        }.get(data.task, self._one_label)

    @property
    def needed(self) -> list[str]:
        """The columns without which there are no rows."""
        columns, split = self.columns, self.source.split
        roles = {
            "text-pair": [columns.text, columns.text_pair, columns.label],
            "token-tags": [columns.tokens, columns.tags],
        }.get(self.task, [columns.text, columns.label])
        splits = [split.column * (split.by == "column"), split.entity, split.time]
        return list(dict.fromkeys(name for name in [*roles, *columns.keep, *splits] if name))

    def make(self, record: Record) -> Row | Broken:
        values = record.values
        try:
            if self.task == "token-tags":
                texts, labels = self._tokens_and_tags(values)
            else:
                texts, labels = self._texts(values), self._labels(values.get(self.columns.label, ABSENT))
            row = Row(
                _identity(values, self.columns.id),
                texts,
                labels,
                tuple(_kept(values.get(name), name) for name in self.columns.keep),
                self._split(values),
                self._entity(values),
                self._time(values),
            )
        except RowFault as fault:
            return Broken(record.line, fault.reason, fault.detail)
        return row

    def _texts(self, values: dict[str, Any]) -> tuple[str, ...]:
        names = (self.columns.text, self.columns.text_pair) if self.task == "text-pair" else (self.columns.text,)
        return tuple([_text(values.get(name, ABSENT), name) for name in names])

    def _one_label(self, value: Any) -> tuple[str, ...]:
        return (self._renamed(_string(value, self.columns.label)),)

    def _label_set(self, value: Any) -> tuple[str, ...]:
        name, separator = self.columns.label, self.source.label_separator
        if isinstance(value, str) and separator:
            labels = [label.strip() for label in value.split(separator)] if value.strip() else []
        elif isinstance(value, str):
            raise RowFault(
                "a string where a list stands",
                f"{name!r} is {shorten(value)}; make it a list, or set data.source.label_separator to what parts"
                " the labels in it",
            )
        else:
            labels = _strings(value, name)
        return tuple(sorted({self._renamed(label) for label in labels}))

    def _tokens_and_tags(self, values: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        # CoNLL has no names of its own for its columns.
        plain = self.columns.tokens not in values and values.keys() == {"tokens", "tags"}
        names = ("tokens", "tags") if plain else (self.columns.tokens, self.columns.tags)
        tokens, tags = (_strings(values.get(name, ABSENT), name) for name in names)
        if len(tokens) != len(tags):
            raise RowFault(
                "tokens and tags differ in number", f"{len(tokens)} tokens and {len(tags)} tags; each has one"
            )
        if not tokens:
            raise RowFault("empty text", f"{names[0]!r} is an empty list; write the tokens, or take the row out")
        for number, token in enumerate(tokens, 1):
            if not _visible(token):
                raise RowFault("empty token", f"token {number} is {token!a}; take it and its tag out")
        return tuple(tokens), tuple(map(self._renamed, tags))

    def _renamed(self, label: str) -> str:
        if not label.strip():
            raise RowFault("no label", f"the label is {shorten(label)}; write it, or take the row out")
        if label in self.renames:
            self.renamed[label] += 1
            return self.renames[label]
        return label

    def _split(self, values: dict[str, Any]) -> Split | None:
        split = self.source.split
        if split.by != "column":
            return self.file_split
        value = _string(values.get(split.column, ABSENT), split.column)
        try:
            return self.values[value.strip().casefold()]
        except KeyError:
            raise RowFault(
                "unknown split",
                f"{split.column!r} is {shorten(value)}, which is none of those under data.source.split.values",
            ) from None

    def _entity(self, values: dict[str, Any]) -> str:
        name = self.source.split.entity
        return (_kept(values.get(name), name) or "") if name else ""

    def _time(self, values: dict[str, Any]) -> float | None:
        name = self.source.split.time
        if not name:
            return None
        kind, time = _moment(values.get(name, ABSENT), name)
        self.times.add(kind)
        return time


def _string(value: Any, name: str) -> str:
    if isinstance(value, str):
        return _clean(value, name)
    if value is ABSENT:
        raise RowFault("no value", f"{name!r} is absent; write it, or take the row out")
    if value is None:
        raise RowFault("no value", f"{name!r} is null; write it, or take the row out")
    if isinstance(value, list):
        raise RowFault(
            "a list where a string stands",
            f"{name!r} is a list, {shorten(json.dumps(value, default=str))}; write one string",
        )
    if isinstance(value, dict):
        raise RowFault(
            "an object where a string stands",
            f"{name!r} is an object, {shorten(json.dumps(value, default=str))}; write one string",
        )
    return _clean(_as_text(value), name)


def _text(value: Any, name: str) -> str:
    text = _string(value, name)
    if _visible(text):
        return text
    what = "is empty" if not text else f"holds nothing that can be seen: {shorten(ascii(text)[1:-1])}"
    raise RowFault("empty text", f"{name!r} {what}; write the text, or take the row out")


def _strings(value: Any, name: str) -> list[str]:
    if isinstance(value, list):
        return [_string(item, name) for item in value]
    if value is ABSENT or value is None:
        raise RowFault("no value", f"{name!r} is {'absent' if value is ABSENT else 'null'}; write a list")
    raise RowFault("a string where a list stands", f"{name!r} is {shorten(str(value))}; write a list of strings")


def _as_text(value: Any) -> str:
    """Numbers as they are written, bools as in JSON, dates as in ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _clean(text: str, name: str) -> str:
    if "\0" in text:
        raise RowFault("NUL bytes", f"{name!r} holds a NUL character; take it out")
    if not text.isascii() and (half := SURROGATE.search(text)):
        raise RowFault(
            "undecodable bytes", f"{name!r} holds {shorten(half.group())}, half of a character; write it whole"
        )
    return text


def _identity(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else _string(value, name) if value != "" else ""


def _kept(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else _clean(value, name)
    if isinstance(value, list | dict):
        return _clean(json.dumps(value, ensure_ascii=False, sort_keys=True, default=_as_text), name)
    return _as_text(value)


def _visible(text: str) -> bool:
    return text[:1].isalnum() or any(unicodedata.category(character) not in INVISIBLE for character in text)


def _moment(value: Any, name: str) -> tuple[str, float]:
    """Dates in microseconds since 1970 (without a zone taken as UTC), numbers as they are; and which of both."""
    if value in (ABSENT, None, ""):
        raise RowFault("not a time", f"{name!r} is absent or empty; write when the row was made")
    moment = _date(value)
    if moment is not None:
        return "dates", moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1e6
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise RowFault(
            "not a time",
            f"{name!r} is {shorten(str(value))}; write it as in ISO 8601 (2026-01-31T12:00:00), or as a number",
        )
    return "numbers", number


def _date(value: Any) -> datetime | None:
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value if isinstance(value, datetime) else None

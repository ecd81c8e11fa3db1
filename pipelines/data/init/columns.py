"""What the columns of files hold: counts over a sample of their rows, by which roles are told apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.init import names
from pipelines.data.sources import Record, Source, open_reader
from pipelines.data.sources.records import shorten

SAMPLE_ROWS = 50_000
SAMPLE_CELLS = 1_000_000
MOST_VALUES = 2000
LONGEST_VALUE = 200
LONGEST_NAME = 100
SEPARATORS = (";", "|", ",")
NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
WHOLE = re.compile(r"\s*[-+]?\d+(\.0*)?\s*")
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?!\d).*", re.DOTALL)
# From Thai to the Hangul syllables: scripts that mostly put no spaces between words, or long words.
UNSPACED = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u9fff\uac00-\ud7af]")
LIST_AS_TEXT = re.compile(r"\s*\[.*\]\s*", re.DOTALL)


@dataclass
class Column:
    """Of `rows` rows, `filled` have a value: `strings`, `lists`, `objects`, or numbers, bools and dates.

    `values` counts values of at most LONGEST_VALUE characters (numbers as text; of lists their items), but no further
    ones after MOST_VALUES, where `many` is set; `distinct` are all values' hashes, `lengths` the lists' lengths by the
    number of the row.
    """

    name: str
    rows: int = 0
    filled: int = 0
    strings: int = 0
    lists: int = 0
    objects: int = 0
    numeric: int = 0
    whole: int = 0
    dates: int = 0
    iso: int = 0
    spaced: int = 0
    bracketed: int = 0
    characters: int = 0
    longest: int = 0
    many: bool = False
    values: Counter[str] = field(default_factory=Counter)
    distinct: set[int] = field(default_factory=set)
    lengths: dict[int, int] = field(default_factory=dict)

    def add(self, value: Any) -> None:
        self.rows += 1
        if isinstance(value, list):
            self._add_list(value)
        elif isinstance(value, dict):
            self.filled += 1
            self.objects += 1
        elif isinstance(value, str):
            if value and not value.isspace():
                self._add_text(value)
        elif value is not None:
            self._add_other(value)

    def share(self, count: int) -> float:
        """Of the rows with a value."""
        return count / self.filled if self.filled else 0.0

    @property
    def mean_length(self) -> float:
        return self.characters / self.strings if self.strings else 0.0

    @property
    def distinct_share(self) -> float:
        return self.share(len(self.distinct))

    @property
    def is_list(self) -> bool:
        return self.share(self.lists) > 0.5

    def _add_list(self, items: list[Any]) -> None:
        self.lengths[self.rows] = len(items)
        if not items:
            return
        self.filled += 1
        self.lists += 1
        self.distinct.add(hash("\0".join(map(str, items))))
        for item in items:
            if isinstance(item, list | dict):
                self.objects += 1
            elif item is not None:
                self._count(_as_text(item))

    def _add_text(self, text: str) -> None:
        self.filled += 1
        self.strings += 1
        self.characters += len(text)
        self.longest = max(self.longest, len(text))
        self.distinct.add(hash(text))
        self.spaced += " " in text.strip() or bool(UNSPACED.search(text, 0, LONGEST_VALUE))
        self._count(text)
        if len(text) > LONGEST_VALUE:
            return
        if NUMBER.fullmatch(text):
            self.numeric += 1
            self.whole += bool(WHOLE.fullmatch(text))
        elif DATE.fullmatch(text):
            self.dates += 1
            self.iso += _is_iso(text.strip())
        elif LIST_AS_TEXT.fullmatch(text):
            self.bracketed += 1

    def _add_other(self, value: Any) -> None:
        self.filled += 1
        text = _as_text(value)
        self.distinct.add(hash(text))
        self._count(text)
        if isinstance(value, date):
            self.dates += 1
            self.iso += 1
        else:
            self.numeric += 1
            self.whole += isinstance(value, bool) or bool(WHOLE.fullmatch(text))

    def _count(self, text: str) -> None:
        if len(text) > LONGEST_VALUE:
            self.many = True
        elif text in self.values or len(self.values) < MOST_VALUES:
            self.values[text] += 1
        else:
            self.many = True


@dataclass
class Sample:
    """Of `rows` rows, besides which `broken` could not be read, such as `example`; `columns` in their order."""

    columns: dict[str, Column]
    rows: int = 0
    broken: int = 0
    example: str = ""


def look_at(sources: Sequence[Source], settings: SourceSettings, check_header: bool = True) -> Sample:
    """Reads every source; of each the first rows are looked at, and of the others fewer the further on they stand.

    Files are often sorted, so that a sample of the first rows alone would know only some labels. Raises TextgateError
    where there are no rows, none can be read, or the first row does not look like names of columns.
    """
    sample = Sample({})
    for source in sources:
        _look_at_source(source, settings, SAMPLE_ROWS // len(sources) + 1, sample)
    files = ", ".join(str(source.path) for source in sources[:10])
    if not sample.rows:
        why = f"none of the rows can be read, such as {sample.example}" if sample.broken else "there are no rows"
        raise TextgateError(f"{files}: {why}")
    if check_header and any(source.format in ("csv", "tsv") for source in sources):
        _check_header(sample, files)
    return sample


def _check_header(sample: Sample, files: str) -> None:
    """A name that stands among its own column's values, or is a sentence, is a row's."""
    for column in sample.columns.values():
        usual = names.is_exactly_text(column.name) or not names.label_tier(column.name)
        if (column.name in column.values and not usual) or len(column.name) > LONGEST_NAME:
            raise TextgateError(
                f"{files}: the first row, with {shorten(column.name, 30)}, looks like data, and must name the columns;"
                " write one above it, such as text,label"
            )


def is_looked_at(number: int, first: int) -> bool:
    """All of the `first` rows; of each doubling of rows after them `first` / 8."""
    if number < first:
        return True
    doublings = (number // first).bit_length() - 1
    return number % (8 << doublings) == 0


def _look_at_source(source: Source, settings: SourceSettings, first: int, sample: Sample) -> None:
    with open_reader(source, settings) as reader:
        for name in reader.columns or ():
            sample.columns.setdefault(name, Column(name, sample.rows))
        for number, record in enumerate(reader.records):
            if not is_looked_at(number, first):
                continue
            if not isinstance(record, Record):
                sample.broken += 1
                sample.example = sample.example or f"{source.path}:{record.line}: {record.detail}"
                continue
            first = min(first, max(1000, SAMPLE_CELLS // max(len(sample.columns), 1)))
            for name, value in record.values.items():
                column = sample.columns.setdefault(name, Column(name))
                column.rows = sample.rows
                column.add(value)
            sample.rows += 1
    for column in sample.columns.values():
        column.rows = sample.rows


def parts(value: str, separator: str) -> list[str]:
    return [part for piece in value.split(separator) if (part := piece.strip())]


def separators(column: Column) -> Iterator[tuple[str, Counter[str]]]:
    """Those that part labels in a column of text, with the labels and how many rows have each.

    What is parted stands in other values, too, so that there are no more labels than values ("Food, Drink" and "Toys"
    would give more). Numbers are not parted.
    """
    if column.share(column.numeric) > 0.5:
        return
    for separator in SEPARATORS:
        pieces = {value: set(parts(value, separator)) for value in column.values}
        labels = set().union(*pieces.values())
        holding = sum(times for value, times in column.values.items() if len(pieces[value]) > 1)
        if holding >= max(2, column.filled // 100) and len(labels) <= len(pieces):
            rows: Counter[str] = Counter()
            for value, times in column.values.items():
                rows.update(dict.fromkeys(pieces[value], times))
            yield separator, rows


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True

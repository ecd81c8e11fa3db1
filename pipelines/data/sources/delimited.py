"""CSV and TSV: rows of fields, of which one in double quotes may hold delimiters and line ends."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.sources.files import Source
from pipelines.data.sources.lines import LONGEST_LINE, Line, open_lines
from pipelines.data.sources.records import Broken, Reader, Record, shorten

RAGGED = "too many or too few fields"
QUOTES = "quotes"


@contextmanager
def open_delimited(source: Source, settings: SourceSettings) -> Iterator[Reader]:
    """The first row names the columns; later ones must have as many fields. Blank lines are passed over.

    Raises TextgateError where the file has no such first row, or two columns of one name.
    """
    delimiter = settings.delimiter or ("\t" if source.format == "tsv" else ",")
    if len(delimiter) != 1 or delimiter in "\r\n" or delimiter == settings.quote:
        raise TextgateError(
            f"data.source.delimiter must be one character, and neither data.source.quote nor a line end: {delimiter!r}"
        )
    csv.field_size_limit(LONGEST_LINE)
    with open_lines(source, settings.encoding) as (encoding, lines, position):
        rows = _Rows(lines, delimiter, settings.quote)
        columns = _header(source, rows)
        yield Reader(columns, encoding.note, _records(rows, columns, delimiter), position)


class _Rows:
    """Feeds lines to csv.reader and keeps those of the row at hand, to go back to where quotes were left open."""

    def __init__(self, lines: Iterator[Line], delimiter: str, quote: str) -> None:
        self._lines, self._ahead = lines, deque[Line]()
        self.held: list[Line] = []
        quotes = {"quotechar": quote} if quote else {"quotechar": None, "quoting": csv.QUOTE_NONE}
        self._reader = csv.reader(self, delimiter=delimiter, strict=True, **quotes)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        self.held.append(line)
        return line.text

    def next_row(self) -> list[str] | Broken | None:
        """The fields (none for a blank line), what is wrong with the row, or None at the end."""
        self.held.clear()
        try:
            fields = next(self._reader)
        except StopIteration:
            return None
        except csv.Error as error:
            return self._unquoted(str(error))
        for line in self.held:
            if line.fault:
                return Broken(line.number, *line.fault)
        return fields if fields != [""] and not (len(fields) == 1 and fields[0].isspace()) else []

    def _unquoted(self, error: str) -> Broken:
        """Reading goes on after the line in which the row begins: the rest may be rows of their own."""
        first, last = self.held[0], self.held[-1]
        self._ahead.extendleft(reversed(self.held[1:]))
        begins = shorten(first.text.rstrip("\r\n"))
        if "new-line character" in error:
            return Broken(first.number, QUOTES, f"a carriage return stands in a field without quotes: {begins}")
        if "unexpected end" in error or "field limit" in error:
            what = "a quote that is opened in the row that begins here is never closed"
        else:
            where = "" if last is first else f" on line {last.number}"
            what = f"a quote that is opened in the row that begins here is closed{where} in the midst of a field"
        return Broken(
            first.number,
            QUOTES,
            f'{what}: {begins}; write a quote within a quoted field twice (""), or, where quotes mean nothing in these'
            ' files, set data.source.quote: ""',
        )


def _header(source: Source, rows: _Rows) -> tuple[str, ...]:
    while (row := rows.next_row()) == []:
        pass
    if row is None:
        raise TextgateError(f"{source.path} is empty")
    if isinstance(row, Broken):
        raise TextgateError(f"{source.path}:{row.line}, which must name the columns: {row.detail}")
    twice = [name for name, times in Counter(row).items() if times > 1 and name]
    if twice:
        raise TextgateError(f"{source.path}:{rows.held[0].number} names the column {', '.join(map(repr, twice))} twice")
    return tuple(row)


def _records(rows: _Rows, columns: tuple[str, ...], delimiter: str) -> Iterator[Record | Broken]:
    while (row := rows.next_row()) is not None:
        if isinstance(row, Broken):
            yield row
        elif len(row) == len(columns):
            yield Record(rows.held[0].number, dict(zip(columns, row, strict=True)))
        elif row:
            advice = (
                f"put a text that holds {delimiter!r} into double quotes"
                if len(row) > len(columns)
                else "is a line end within a text? Put that text into double quotes"
            )
            yield Broken(
                rows.held[0].number,
                RAGGED,
                f"{len(row)} field{'s' * (len(row) > 1)} where the first line names {len(columns)}:"
                f" {shorten(rows.held[0].text.rstrip())}; {advice}",
            )

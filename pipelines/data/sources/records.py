"""What a reader gives: rows as a file holds them, or what is wrong with them; each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

# How an undecodable byte is carried in decoded text (see encoding.py), and how JSON escapes half a character.
SURROGATE = re.compile("[\ud800-\udfff]")


class Record(NamedTuple):
    """`line` is where the row begins, from 1 (in Parquet the number of the row); `values` are by the file's columns.

    Values are strings, and in JSON Lines and Parquet also None, numbers, bools, dates, lists and dicts.
    """

    line: int
    values: dict[str, Any]


class Broken(NamedTuple):
    """A row that cannot be read: `reason` is what it is counted by, `detail` what is wrong and what to do."""

    line: int
    reason: str
    detail: str


class Reader(NamedTuple):
    """An open file. `columns` are those that it names at its head, None where each row names its own (JSON Lines).

    `encoding` is how its bytes are read, empty for Parquet; `position` says how many of them were.
    """

    columns: tuple[str, ...] | None
    encoding: str
    records: Iterator[Record | Broken]
    position: Callable[[], int]


def shorten(text: str, limit: int = 60) -> str:
    """For messages: one line, in quotes, undecodable bytes as \\xE9."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + SURROGATE.sub(_as_byte, cut.translate(_CONTROLS)) + "'"


def _as_byte(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code - 0xDC00:02X}" if 0xDC00 <= code <= 0xDCFF else f"\\u{code:04x}"


_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), 0x7F, 0x2028, 0x2029)}

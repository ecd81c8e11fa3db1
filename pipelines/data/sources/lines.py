"""The lines of a text file, each with its number and with what is wrong with its bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from components.base.errors import TextgateError
from pipelines.data.sources.encoding import ERRORS, Encoding, choose_encoding, refuse_other_encoding
from pipelines.data.sources.files import BUFFER, Source, naming_damage, open_bytes
from pipelines.data.sources.records import SURROGATE, shorten

LONGEST_LINE = 1 << 24


class Line(NamedTuple):
    """With its line end; `fault` is why it cannot be used (a reason and the details), None where it can."""

    number: int
    text: str
    fault: tuple[str, str] | None


class Lines(NamedTuple):
    encoding: Encoding
    lines: Iterator[Line]
    position: Callable[[], int]


@contextmanager
def open_lines(source: Source, setting: str) -> Iterator[Lines]:
    """Lines end with a line feed, or, in a file whose beginning has none, with a carriage return.

    Raises TextgateError where the file is not text, is in another encoding (once the first line shows it), or has a
    line of more than LONGEST_LINE characters.
    """
    with open_bytes(source) as (file, position):
        with naming_damage(source):
            head = file.peek(BUFFER)  # type: ignore[attr-defined]
        encoding = choose_encoding(source, setting, head)
        file.read(len(encoding.bom))
        feed, carriage = ("\n".encode(encoding.codec), "\r".encode(encoding.codec))
        end: Literal["\r", "\n"] = "\r" if feed not in head and carriage in head else "\n"
        text = io.TextIOWrapper(file, encoding.codec, errors=ERRORS, newline=end)
        try:
            yield Lines(encoding, _lines(source, text, encoding, sure=bool(setting or encoding.bom)), position)
        finally:
            text.detach()


def _lines(source: Source, file: io.TextIOWrapper, encoding: Encoding, sure: bool) -> Iterator[Line]:
    number = 0
    with naming_damage(source):
        while text := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(text) > LONGEST_LINE:
                raise TextgateError(
                    f"{source.path}:{number} is longer than {LONGEST_LINE:,} characters; is it a file of rows in lines?"
                )
            if "\0" not in text and (text.isascii() or not SURROGATE.search(text)):
                yield Line(number, text, None)
                continue
            if not sure:
                refuse_other_encoding(source)
                sure = True
            yield Line(number, text, _fault(text, encoding))


def _fault(text: str, encoding: Encoding) -> tuple[str, str]:
    damaged = SURROGATE.search(text)
    if damaged is None:
        return "NUL bytes", f"holds a NUL byte, after {shorten(text[: text.index(chr(0))][-30:])}; take it out"
    at = damaged.start()
    found = " ".join(f"{ord(character) - 0xDC00:02X}" for character in SURROGATE.findall(text[at : at + 4]))
    return (
        "undecodable bytes",
        f"the byte{'s' * (' ' in found)} {found} in {shorten(text[max(0, at - 20) : at + 20].strip())} are not"
        f" {encoding.codec.upper()}; write the line anew in that encoding",
    )

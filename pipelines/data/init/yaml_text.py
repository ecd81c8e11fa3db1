"""YAML with comments, in the order in which it is written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

WIDTH = 120
INDENT = "  "


class YamlText:
    """Lines of keys, values and comments; sections are nested by `level`."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str, level: int = 0) -> None:
        """A comment in lines of its own."""
        indent = INDENT * level + "# "
        self.lines += textwrap.wrap(
            _printable(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False
        )

    def command(self, text: str) -> None:
        """A comment that is not broken into lines."""
        self.lines.append(f"#   {_printable(text)}")

    def section(self, key: str, level: int = 0) -> None:
        self.lines.append(f"{INDENT * level}{scalar(key)}:")

    def put(self, key: str, value: Any, level: int = 0, comment: str = "") -> None:
        """`comment` stands behind the value where the line has room, else above it."""
        line = f"{INDENT * level}{scalar(key)}: {_block(value)}"
        if comment and len(line) + len(comment) + 4 > WIDTH:
            self.note(comment, level)
        elif comment:
            line += f"  # {_printable(comment)}"
        self.lines += _wrapped(line, value, level)

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def scalar(value: Any) -> str:
    """A value in one line; also within a list. Strings that YAML would take for something else are quoted."""
    if isinstance(value, str) and not value.isprintable():
        return _quoted(value)
    dumped: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**9)
    return dumped.strip()[1:-1]


def _block(value: Any) -> str:
    """As behind a key, where fewer strings need quotes than within a list."""
    if not isinstance(value, str) or not value.isprintable():
        return flow(value)
    if not any(character.isalnum() for character in value):
        return _quoted(value)
    dumped: str = yaml.safe_dump(value, allow_unicode=True, width=10**9)
    return dumped.removesuffix("\n").removesuffix("\n...")


def flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    return scalar(value)


def _quoted(value: str) -> str:
    dumped: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**9)
    return dumped.strip()


def _wrapped(line: str, value: Any, level: int) -> Iterable[str]:
    """A list that is too long for one line, over several; no item is broken."""
    if len(line) <= WIDTH or not isinstance(value, list | tuple):
        return [line]
    indent = INDENT * (level + 1)
    lines, current = [line[: line.index("[") + 1]], indent
    for item in map(scalar, value):
        if len(current) + len(item) + 1 > WIDTH and current != indent:
            lines.append(current.rstrip())
            current = indent
        current += f"{item}, "
    return [*lines, current.rstrip().removesuffix(","), INDENT * level + "]"]


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )

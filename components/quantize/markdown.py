"""Pieces of Markdown, for text that may hold what Markdown gives a meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence


def code(text: str) -> str:
    """The text as it is, but for white space and controls, each run of which is one space."""
    plain = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}"


def prose(text: str) -> str:
    return re.sub(r"([\\`*_<>\[\]#&~])", r"\\\1", " ".join(text.split()))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = [cells[0], ["---", *["---:"] * (len(header) - 1)], *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""From the corpus as it stands to rows worth training on, with a count of everything done on the way."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from components.base.files import sha256_text
from components.base.text import normalise
from pipelines.data.default.encoding import Unrepairable, repair
from pipelines.data.default.source import SourceRow

ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
ID_LENGTH = 16


@dataclass(frozen=True)
class Row:
    """`digest` is the sha256 of the normalised text: copies of a text share it, and it decides id and split."""

    digest: str
    text: str
    label: str
    confidence: float | None

    @property
    def id(self) -> str:
        return self.digest[:ID_LENGTH]


@dataclass
class Counts:
    """`dropped` counts rows by reason."""

    read: int = 0
    repaired: int = 0
    unescaped: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[tuple[str, int]]:
        """What was done, in order, and to how many rows."""
        reasons = sorted(self.dropped.items(), key=lambda item: -item[1])
        return [
            ("read", self.read),
            ("encoding repaired", self.repaired),
            ("HTML entities replaced", self.unescaped),
            *((f"dropped: {reason}", rows) for reason, rows in reasons),
            ("kept", self.read - self.dropped.total()),
        ]


def clean(source: Iterable[SourceRow]) -> tuple[list[Row], Counts]:
    """Readable rows with one label for each text, sorted by id; of copies, the first of the file stays."""
    counts = Counts()
    copies: defaultdict[str, list[Row]] = defaultdict(list)
    for source_row in source:
        counts.read += 1
        if row := _readable(source_row, counts):
            copies[row.digest].append(row)
    kept = []
    for rows in copies.values():
        if len({row.label for row in rows}) > 1:
            counts.dropped["contradictory labels"] += len(rows)
            continue
        if len(rows) > 1:
            counts.dropped["copy of another row"] += len(rows) - 1
        kept.append(rows[0])
    return sorted(kept, key=lambda row: row.id), counts


def _readable(source: SourceRow, counts: Counts) -> Row | None:
    try:
        repaired = repair(source.raw, source.passes)
    except Unrepairable as reason:
        counts.dropped[f"encoding: {reason}"] += 1
        return None
    unescaped = unescape(repaired)
    text = unescaped.replace("\r\n", "\n").replace("\r", "\n").strip()
    normalised = normalise(text)
    if not normalised:
        counts.dropped["empty text"] += 1
        return None
    counts.repaired += not source.raw.isascii()
    counts.unescaped += unescaped != repaired
    return Row(sha256_text(normalised), text, source.label, source.confidence)


def unescape(text: str) -> str:
    """Replaces whole HTML entities until none is left: a quoted tweet escapes them again, as `&amp;gt;`."""
    while (unescaped := ENTITY.sub(lambda entity: html.unescape(entity.group()), text)) != text:
        text = unescaped
    return text

"""What was found wrong with single rows: counted by reason, the first ones shown, all of them listed in a file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from pipelines.data.sources import Broken, Source

SHOWN = 10


class BadRows:
    """`path` is the list, one JSON object a line, written only where there is a bad row; an older one is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self.shown: list[str] = []
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    @property
    def total(self) -> int:
        return self.reasons.total()

    def add(self, source: Source, broken: Broken) -> None:
        if len(self.shown) < SHOWN:
            self.shown.append(f"{place(source, broken.line)}: {broken.detail}")
        self.note(source, broken)

    def note(self, source: Source, row: Broken) -> None:
        """Counts and lists it, without showing it."""
        self.reasons[row.reason] += 1
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        found = {"file": str(source.path), "line": row.line, "reason": row.reason, "detail": row.detail}
        self._file.write(json.dumps(found, ensure_ascii=False) + "\n")

    def lines(self) -> list[str]:
        """The first ones, how many there are of each reason, and where the list is."""
        more = [f"and {self.total - len(self.shown)} more"] if self.total > len(self.shown) else []
        by_reason = ", ".join(f"{reason}: {rows}" for reason, rows in self.reasons.most_common())
        return [*self.shown, *more, f"by reason: {by_reason}", f"each is listed in {self.path}"]


def place(source: Source, line: int) -> str:
    """As editors and compilers write it."""
    return f"{source.path}, row {line}" if source.format == "parquet" else f"{source.path}:{line}"

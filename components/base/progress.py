"""Progress of long work, in lines that a runner reads, at most one a second."""

from __future__ import annotations

import sys
import time

MARK = "::progress::"


class Progress:
    """Says step, rate and time left, as lines of `::progress:: text`, which `textgate run` shows."""

    def __init__(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.before = self.done = done
        self.started = time.monotonic()
        self.shown = 0.0

    def advance(self, count: int, note: str = "") -> None:
        self.done += count
        now = time.monotonic()
        if now - self.shown < 1 and self.done < self.total:
            return
        self.shown = now
        rate = (self.done - self.before) / max(now - self.started, 1e-9)
        left = (self.total - self.done) / rate if rate else 0
        text = f"{self.what} {self.done}/{self.total} {self.unit}, {rate:.0f}/s, {left:.0f} s left {note}".rstrip()
        print(f"{MARK} {text}", file=sys.stdout, flush=True)

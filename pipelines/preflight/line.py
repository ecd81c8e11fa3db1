"""What one check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Literal

from components.base.errors import TextgateError

State = Literal["ok", "failed", "unknown"]


@dataclass(frozen=True)
class Line:
    """`unknown` is what cannot be known from this machine. `advice` says what to do, where there is something to do."""

    check: str
    state: State
    said: str
    advice: str = ""


def ok(check: str, said: str) -> Line:
    return Line(check, "ok", said)


def failed(check: str, said: str, advice: str = "") -> Line:
    """`said` may hold the advice already, as the messages of a TextgateError do."""
    return Line(check, "failed", said, advice)


def unknown(check: str, said: str, advice: str = "") -> Line:
    return Line(check, "unknown", said, advice)


def refuse(lines: Sequence[Line]) -> None:
    """Raises TextgateError that lists what failed; nothing happens where nothing did."""
    faults = [line for line in lines if line.state == "failed"]
    if faults:
        listed = "\n".join(f"{line.check}: {line.said}{f'; {line.advice}' if line.advice else ''}" for line in faults)
        raise TextgateError(
            f"a run on this cluster would fail (--unchecked submits it all the same):\n{indent(listed, '  ')}"
        )

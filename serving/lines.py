"""What a model is asked about, one text on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from components.base.errors import TextgateError


def read_lines(lines: Iterable[bytes], inputs: Sequence[str], where: str) -> Iterator[tuple[str, ...]]:
    """A text for each of a task's `inputs`, cut at tabs where these are several; blank lines are left out.

    Raises TextgateError naming the line of `where` that is not UTF-8 or has another number of texts.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise TextgateError(f"line {number} of {where} is not UTF-8") from None
        if text:
            row = (text,) if len(inputs) == 1 else tuple(text.split("\t"))
            if len(row) != len(inputs):
                raise TextgateError(
                    f"line {number} of {where} has {len(row)} texts: the model reads {' and '.join(inputs)} for each"
                    " answer; give both, with a tab between them"
                )
            yield row

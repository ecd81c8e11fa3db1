"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.sources.files import Source
from pipelines.data.sources.lines import Line, open_lines
from pipelines.data.sources.records import Broken, Reader, Record, shorten

NOT_JSON = "not JSON"


@contextmanager
def open_json_lines(source: Source, settings: SourceSettings) -> Iterator[Reader]:
    """Blank lines are passed over. Raises TextgateError where the file is JSON of another shape, naming it."""
    with open_lines(source, settings.encoding) as (encoding, lines, position):
        yield Reader(None, encoding.note, _records(source, lines), position)


def _records(source: Source, lines: Iterator[Line]) -> Iterator[Record | Broken]:
    begun = False
    for line in lines:
        if not line.text.strip():
            continue
        if line.fault:
            yield Broken(line.number, *line.fault)
            continue
        if not begun:
            _check_shape(source, line.text.strip())
            begun = True
        yield _record(line)
    if not begun:
        raise TextgateError(f"{source.path} is empty")


def _record(line: Line) -> Record | Broken:
    try:
        values = DECODER.decode(line.text)
    except json.JSONDecodeError as error:
        near = shorten(line.text[max(0, error.pos - 20) : error.pos + 20].strip())
        return Broken(
            line.number, NOT_JSON, f"{error.msg} at character {error.colno}, near {near}; write one object a line"
        )
    except (ValueError, RecursionError) as error:
        what = "is nested too deep" if isinstance(error, RecursionError) else error
        return Broken(line.number, NOT_JSON, f"{what}: {shorten(line.text.strip())}")
    if not isinstance(values, dict):
        return Broken(line.number, NOT_JSON, f"{shorten(line.text.strip())} is no object; write one object a line")
    return Record(line.number, values)


def _check_shape(source: Source, first: str) -> None:
    if first.startswith("["):
        raise TextgateError(
            f"{source.path} begins with a JSON list, and JSON Lines hold one object a line; write it as such:"
            f" jq -c '.[]' {source.path.name} > {source.name}.jsonl"
        )
    if first in ("{", "{}") or (first.startswith("{") and not _is_json(first) and first[-1] in "{[,:"):
        raise TextgateError(
            f"{source.path} is one JSON value over several lines, not JSON Lines (one object a line); pick the list of"
            f" rows in it: jq -c '.rows[]' {source.path.name} > {source.name}.jsonl, with its name for .rows"
        )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)

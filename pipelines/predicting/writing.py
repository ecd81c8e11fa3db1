"""Rows with their answers into a file, which is whole or absent."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError

Rows = list[dict[str, Any]]
Write = Callable[[Rows], None]
ENDINGS = (".parquet", ".csv", ".jsonl")
TYPES = {"probability": pa.float32(), "abstain": pa.bool_()}


@contextmanager
def open_output(
    path: Path, columns: Sequence[str], answers: Mapping[str, str], schema: pa.Schema | None
) -> Iterator[Write]:
    """Gives what takes rows, of `columns` (the file's own, with their types where there is a `schema`, else texts) and
    the `answers`, by their names in the file what they are. It is written beside, and takes the place of `path` when
    the block ends well.

    Raises TextgateError for a name of another ending, or where it cannot be written.
    """
    check_ending(path)
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise TextgateError(f"{path} cannot be written: {error.strerror}") from None
    os.close(handle)
    try:
        open_it = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}[path.suffix.lower()]
        with open_it(Path(beside), columns, answers, schema) as write:
            yield write
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def check_ending(path: Path) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise TextgateError(f"cannot tell how to write {path}: its name must end in {', '.join(ENDINGS)}")


@contextmanager
def _json_lines(path: Path, _: Sequence[str], __: Mapping[str, str], ___: Any) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:

        def write(rows: Rows) -> None:
            file.writelines(json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows)

        yield write


@contextmanager
def _csv(path: Path, columns: Sequence[str], answers: Mapping[str, str], _: Any) -> Iterator[Write]:
    names = [*columns, *answers]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        yield lambda rows: writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


@contextmanager
def _parquet(
    path: Path, columns: Sequence[str], answers: Mapping[str, str], schema: pa.Schema | None
) -> Iterator[Write]:
    own = [schema.field(name) if schema is not None else pa.field(name, pa.string()) for name in columns]
    types = {name: TYPES.get(answer, pa.string()) for name, answer in answers.items()}
    whole = pa.schema([*own, *(pa.field(name, kind) for name, kind in types.items())])
    typed = {name for name in answers if answers[name] in TYPES} | set(columns if schema is not None else ())
    with pq.ParquetWriter(path, whole, compression="zstd") as writer:

        def write(rows: Rows) -> None:
            arrays = [
                pa.array([row.get(name) if name in typed else _cell(row.get(name)) for row in rows], kind)
                for name, kind in zip(whole.names, whole.types, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=whole))

        yield write


def _cell(value: Any) -> str | None:
    """As text: bools, lists and objects as JSON has them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return _plain(value)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)

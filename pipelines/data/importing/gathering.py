"""Every row of the sources, read once: the good ones into the spool, the bad ones onto their list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from components.base.errors import TextgateError
from components.base.settings import DataSettings, Split, SplitSettings
from pipelines.data.importing.bad_rows import BadRows
from pipelines.data.sources import Broken, Reader, Record, Source, open_reader
from pipelines.data.sources.rows import RowMaker
from pipelines.data.spool import Spool
from pipelines.data.stages import Stages

LOOK = 2048  # rows between two looks at the progress


@dataclass
class Gathered:
    """`rows` by source; `encodings` counts sources by how their bytes were read; `renamed` rows by label."""

    rows: list[int] = field(default_factory=list)
    encodings: Counter[str] = field(default_factory=Counter)
    renamed: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> int:
        return sum(self.rows)


def gather(sources: Sequence[Source], data: DataSettings, spool: Spool, bad: BadRows, stages: Stages) -> Gathered:
    """Raises TextgateError for what is wrong with a file as a whole, or with all its rows alike."""
    maker, gathered = RowMaker(data), Gathered(renamed=Counter())
    stages.begin("reading", sum(source.size for source in sources))
    before = 0
    for number, source in enumerate(sources):
        if data.source.split.by == "files":
            maker.file_split = split_of_file(source, data.source.split)
        with open_reader(source, data.source, [data.columns.id, *maker.needed]) as reader:
            _check_columns(source, reader, data, maker)
            if reader.encoding:
                gathered.encodings[reader.encoding] += 1
            gathered.rows.append(_gather(source, number, reader, maker, spool, bad, stages, before))
        before += source.size
    if len(maker.times) > 1:
        raise TextgateError(
            f"the column {data.source.split.time!r} (data.source.split.time) holds dates in some rows and numbers in"
            " others, which have no common order; write all of them as dates or all as numbers"
        )
    gathered.renamed = maker.renamed
    return gathered


def split_of_file(source: Source, settings: SplitSettings) -> Split:
    """By the name of the file, else by that of the nearest folder between it and the path that was asked for.

    Raises TextgateError where no split's patterns match, or those of two.
    """
    for name in (source.name, *reversed(source.folders)):
        found = [
            split
            for split, patterns in settings.files.items()
            if any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise TextgateError(f"{source.path} is for {' and '.join(found)} alike, by data.source.split.files")
    patterns = "; ".join(f"{split}: {', '.join(names)}" for split, names in settings.files.items())
    raise TextgateError(
        f"{source.path} is for no split: its name without endings, {source.name!r}, matches none of"
        f" data.source.split.files ({patterns}); rename it, add a pattern, or set data.source.split.by to share"
    )


def _gather(
    source: Source,
    number: int,
    reader: Reader,
    maker: RowMaker,
    spool: Spool,
    bad: BadRows,
    stages: Stages,
    before: int,
) -> int:
    rows, objects = 0, 0
    absent: Counter[str] = Counter()
    keys: dict[str, object] = {}
    for found in reader.records:
        rows += 1
        if isinstance(found, Record):
            if reader.columns is None:
                objects += 1
                absent.update(name for name in maker.needed if name not in found.values)
                keys = keys or found.values
            row = maker.make(found)
        else:
            row = found
        if isinstance(row, Broken):
            bad.add(source, row)
        else:
            spool.add(row, number, found.line)
        if rows % LOOK == 0:
            stages.at(before + reader.position())
    if nowhere := [name for name in maker.needed if objects and absent[name] == objects]:
        raise TextgateError(_no_column(source, nowhere, list(keys), "its first row has"))
    return rows


def _check_columns(source: Source, reader: Reader, data: DataSettings, maker: RowMaker) -> None:
    if source.format == "conll":
        if named := [name for name in maker.needed if name not in (data.columns.tokens, data.columns.tags)]:
            raise TextgateError(
                f"{source.path} is CoNLL, whose columns have no names, and the config names {', '.join(named)} (under"
                " data.columns.keep or data.source.split); take them out, or write the data as JSON Lines"
            )
        return
    if data.task == "token-tags" and source.format in ("csv", "tsv"):
        raise TextgateError(
            f"{source.path}: token tags are read from CoNLL, and from lists in JSON Lines or Parquet; a file with one"
            " token and its tag on each line needs the ending .conll"
        )
    if data.task == "multi-label" and source.format in ("csv", "tsv") and not data.source.label_separator:
        raise TextgateError(
            f"{source.path}: which character parts the labels in {data.columns.label!r}? Set"
            " data.source.label_separator"
        )
    if reader.columns is not None and (absent := [name for name in maker.needed if name not in reader.columns]):
        raise TextgateError(_no_column(source, absent, list(reader.columns), "it has"))


def _no_column(source: Source, absent: list[str], found: list[str], has: str) -> str:
    message = (
        f"{source.path} has no column {', '.join(map(repr, absent))}; {has} {', '.join(map(repr, found[:20]))}"
        f"{' …' * (len(found) > 20)}. Name the right ones under data.columns (or data.source.split) in the config"
    )
    if source.format in ("csv", "tsv") and len(found) == 1:
        other = next((mark for mark in "\t;|," if mark in found[0]), None)
        if other:
            message += f', or set data.source.delimiter to "{other.encode("unicode_escape").decode()}"'
    return message

"""Opens a source by its format."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from components.base.settings import SourceSettings
from pipelines.data.sources.conll import open_conll
from pipelines.data.sources.delimited import open_delimited
from pipelines.data.sources.files import Source
from pipelines.data.sources.json_lines import open_json_lines
from pipelines.data.sources.parquet import open_parquet
from pipelines.data.sources.records import Reader


def open_reader(
    source: Source, settings: SourceSettings, columns: Sequence[str] | None = None
) -> AbstractContextManager[Reader]:
    """Streams the rows of a source; where the format allows it, of no more than `columns`.

    Raises TextgateError, when it is opened or while it is read, for what is wrong with the file as a whole.
    """
    if source.format == "parquet":
        return open_parquet(source, columns)
    if source.format == "jsonl":
        return open_json_lines(source, settings)
    if source.format == "conll":
        return open_conll(source, settings)
    return open_delimited(source, settings)

"""How files are to be read: their encoding, what parts their columns, whether quotes enclose fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from components.base.errors import TextgateError
from components.base.settings import SourceSettings, Task
from pipelines.data.sources import Record, Source, detect_encoding, find_sources, open_reader

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
LOOK_ROWS = 500


@dataclass
class Reading:
    """The sources and the settings by which they are read; `guesses` say what a person should confirm of the encoding.

    `delimiter` is the one in use, empty where no file needs one.
    """

    sources: list[Source]
    settings: SourceSettings
    guesses: list[str] = field(default_factory=list)
    delimiter: str = ""


class _Trial(NamedTuple):
    """How well a delimiter fits: the share of rows with as many fields as the first, and how many these are."""

    good: float
    fields: int
    delimiter: str
    quote: str


def find_reading(paths: Sequence[Path], task: Task | None, encoding: str = "", delimiter: str = "") -> Reading:
    """`encoding` and `delimiter` where the user names them. Raises TextgateError for files of which nothing can be
    read."""
    sources = _sources(paths, task)
    for source in sources:
        if not source.size:
            raise TextgateError(f"{source.path} is empty")
    reading = Reading(sources, SourceSettings(encoding=encoding, delimiter=delimiter))
    if not encoding:
        _find_encoding(reading)
    if delimited := [source for source in sources if source.format in ("csv", "tsv")]:
        _find_delimiter(reading, delimited, delimiter)
    return reading


def _sources(paths: Sequence[Path], task: Task | None) -> list[Source]:
    try:
        sources = find_sources(paths, task or "single-label")
    except TextgateError as error:
        if task or "data.task is token-tags" not in str(error):
            raise
        raise TextgateError(str(error).replace("where data.task is token-tags", "with --task token-tags")) from None
    tagged = [source for source in sources if source.format == "conll"]
    if tagged and len(tagged) < len(sources):
        other = next(source for source in sources if source.format != "conll")
        raise TextgateError(
            f"{tagged[0].path} is CoNLL and {other.path} is not; a config is for files of one kind, so name these alone"
        )
    return sources


def _find_encoding(reading: Reading) -> None:
    """The setting of the largest file that needs one; none where a file is UTF-8 but for some lines."""
    found: Counter[str] = Counter()
    for source in reading.sources:
        if source.format == "parquet":
            continue
        detected = detect_encoding(source)
        if not detected.certain:
            reading.guesses.append(detected.note)
        if detected.setting:
            found[detected.setting] += source.size
        elif detected.setting is None:
            _check_readable(source, detected.note)
    if found:
        encoding = found.most_common(1)[0][0]
        reading.settings = reading.settings.model_copy(update={"encoding": encoding})


def _check_readable(source: Source, note: str) -> None:
    try:
        with open_reader(source, SourceSettings()) as reader:
            rows = list(islice(reader.records, LOOK_ROWS))
    except TextgateError:
        rows = []
    if sum(isinstance(row, Record) for row in rows) < 0.5 * len(rows) or not rows:
        raise TextgateError(_unreadable(note))


def _unreadable(note: str) -> str:
    return f"{note}. Name the encoding by --encoding, or write the file anew in UTF-8"


def _find_delimiter(reading: Reading, sources: Sequence[Source], wanted: str) -> None:
    """By the first file, for all of them."""
    source = sources[0]
    usual = "\t" if source.format == "tsv" else ","
    candidates = [wanted] if wanted else sorted(DELIMITERS, key=lambda mark: mark != usual)
    trials = [_try(source, reading.settings, mark, quote) for mark in candidates for quote in ('"', "")]
    best = max(trials, key=_fitness)
    if best.fields < 2:
        _explain(source, reading, candidates[0])
    reading.delimiter = best.delimiter
    mixed = {other.format for other in sources} != {source.format}
    changes = {"quote": best.quote, "delimiter": "" if best.delimiter == usual and not mixed else best.delimiter}
    reading.settings = reading.settings.model_copy(update=changes)


def _fitness(trial: _Trial) -> tuple[bool, float, int]:
    """Several columns, in which most rows fit; quotes enclose fields unless many more rows fit without that, and the
    usual delimiter is the one where others fit no better, as max() takes the first of equals."""
    return trial.fields > 1 and trial.good >= 0.5, round(trial.good, 1), trial.fields


def _try(source: Source, settings: SourceSettings, delimiter: str, quote: str) -> _Trial:
    tried = settings.model_copy(update={"delimiter": delimiter, "quote": quote})
    try:
        with open_reader(source, tried) as reader:
            rows = list(islice(reader.records, LOOK_ROWS))
            fields = len(reader.columns or ())
    except TextgateError:
        return _Trial(0, 0, delimiter, quote)
    good = sum(isinstance(row, Record) for row in rows)
    return _Trial(good / max(len(rows), 1), fields, delimiter, quote)


def _explain(source: Source, reading: Reading, delimiter: str) -> None:
    """Raises what is wrong with the file, where it is not only that it has one column."""
    try:
        with open_reader(source, reading.settings.model_copy(update={"delimiter": delimiter})) as reader:
            list(islice(reader.records, LOOK_ROWS))
    except TextgateError as error:
        raise TextgateError(_unreadable(f"{error}. {reading.guesses[0]}") if reading.guesses else str(error)) from None

"""A file's rows, each with what a model answers to it, into another file."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from components.base.errors import TextgateError
from components.base.signals import unwinding_on_terminate
from pipelines.data.sources.records import Record
from pipelines.predicting.reading import Input, open_input, texts
from pipelines.predicting.writing import Rows, check_ending, open_output
from serving.client import Description, Prediction, Refused, Row

ROWS_PER_REQUEST = 64
ROWS_PER_WRITE = 4096


class Asked(Protocol):
    """A server, or a bundle in this process; `at_once` requests are best in flight."""

    at_once: int

    def infer(self, model: Description, rows: Sequence[Row], top_k: int = 1) -> list[Prediction]: ...


@dataclass(frozen=True)
class Question:
    """`columns` hold the model's inputs (none: are called as these are); `prefix` stands before the names of the
    columns that answers get."""

    source: Path
    target: Path
    columns: tuple[str, ...] = ()
    top_k: int = 1
    prefix: str = ""
    encoding: str = ""


class Chunk(NamedTuple):
    records: list[Record]
    rows: list[Row]


def predict_file(question: Question, asked: Asked, model: Description, console: Console | None = None) -> Counter[str]:
    """The rows answered, by version. In memory are a few thousand rows at a time.

    Raises TextgateError naming the row that cannot be read or that the server refuses; the target is then as it was.
    """
    _check_target(question)
    columns = question.columns or tuple(model.inputs)
    if len(columns) != len(model.inputs):
        raise TextgateError(
            f"{model.name} reads {' and '.join(model.inputs)}; name a --column for each, or none, got {len(columns)}"
        )
    versions: Counter[str] = Counter()
    with unwinding_on_terminate(), open_input(question.source, question.encoding) as source:
        chunks = _chunks(question.source, source, columns)
        first = list(islice(chunks, ROWS_PER_WRITE // ROWS_PER_REQUEST))
        if not first:
            raise TextgateError(f"{question.source} has no rows")
        own = source.columns or tuple(dict.fromkeys(chain.from_iterable(r.values for c in first for r in c.records)))
        answers = {question.prefix + name: name for name in answer_names(model, question.top_k)}
        check_names(question, own, answers)
        with (
            open_output(question.target, own, answers, source.schema) as write,
            _Shown(source, console or Console(stderr=True)) as shown,
        ):
            waiting: Rows = []
            for chunk, predictions in _answered(question, asked, model, chain(first, chunks)):
                for record, prediction in zip(chunk.records, predictions, strict=True):
                    _check_row(question, own, record, answers)
                    cells = zip(answers, answer_cells(model, prediction, question.top_k), strict=True)
                    waiting.append({**record.values, **dict(cells)})
                    versions[prediction.version] += 1
                if len(waiting) >= ROWS_PER_WRITE:
                    write(waiting)
                    waiting = []
                shown.advance(len(predictions))
            if waiting:
                write(waiting)
    return versions


def answer_names(model: Description, top_k: int) -> list[str]:
    if "label" in model.outputs:
        ranking = ["ranking"] if top_k > 1 else []
        return ["label", "probability", *(["abstain"] if "abstain" in model.outputs else []), *ranking, "version"]
    return ["labels" if "labels" in model.outputs else "entities", "version"]


def answer_cells(model: Description, prediction: Prediction, top_k: int) -> Iterator[Any]:
    """One for each of answer_names."""
    for name in answer_names(model, top_k):
        if name == "label":
            yield prediction.ranking[0][0]
        elif name == "probability":
            yield prediction.ranking[0][1]
        elif name in ("labels", "ranking"):
            yield [{"label": label, "probability": probability} for label, probability in prediction.ranking]
        else:
            yield getattr(prediction, name)


def check_names(question: Question, own: Sequence[str], answers: Iterable[str]) -> None:
    if both := [name for name in answers if name in own]:
        raise TextgateError(
            f"{question.source} has a column {both[0]!r} already; set --prefix, as in --prefix predicted_, which stands"
            " before the names of what is added"
        )


def _check_target(question: Question) -> None:
    check_ending(question.target)
    if question.target.exists() and question.target.samefile(question.source):
        raise TextgateError(f"{question.target} is the file that is read; name another one with --to")


def _check_row(question: Question, own: Sequence[str], record: Record, answers: Iterable[str]) -> None:
    """A row of JSON Lines may have columns that no row had when the head was written."""
    if record.values.keys() <= set(own):
        return
    name = next(name for name in record.values if name not in own)
    check_names(question, [name], answers)
    if question.target.suffix.lower() != ".jsonl":
        raise TextgateError(
            f"{question.source}:{record.line} has the column {name!r}, which none of the first {ROWS_PER_WRITE:,} rows"
            " has; write a .jsonl, where each row has its own"
        )


def _chunks(path: Path, source: Input, columns: Sequence[str]) -> Iterator[Chunk]:
    while True:
        records: list[Any] = list(islice(source.records, ROWS_PER_REQUEST))
        if not records:
            return
        yield Chunk(records, [texts(path, record, columns) for record in records])


def _answered(
    question: Question, asked: Asked, model: Description, chunks: Iterable[Chunk]
) -> Iterator[tuple[Chunk, list[Prediction]]]:
    """In order, with several requests in flight."""
    pool = ThreadPoolExecutor(asked.at_once)
    flying: deque[tuple[Chunk, Future[list[Prediction]]]] = deque()
    try:
        for chunk in chunks:
            flying.append((chunk, pool.submit(_ask, question, asked, model, chunk)))
            if len(flying) > asked.at_once:
                oldest, answer = flying.popleft()
                yield oldest, answer.result()
        for rest, answer in flying:
            yield rest, answer.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(question: Question, asked: Asked, model: Description, chunk: Chunk) -> list[Prediction]:
    """Where the server refuses rows, by halves, down to the one that it refuses."""
    try:
        return asked.infer(model, chunk.rows, question.top_k)
    except Refused as error:
        if not error.of_rows:
            raise
        if len(chunk.rows) == 1:
            where = f"{question.source}:{chunk.records[0].line}"
            raise TextgateError(f"{where}: {error}; change the row, or take it out") from None
    half = len(chunk.rows) // 2
    parts = (Chunk(chunk.records[:half], chunk.rows[:half]), Chunk(chunk.records[half:], chunk.rows[half:]))
    return [prediction for part in parts for prediction in _ask(question, asked, model, part)]


class _Shown:
    """On a terminal a bar with rows, rate and the time left; nothing elsewhere."""

    def __init__(self, source: Input, console: Console) -> None:
        said = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s")
        columns = (BarColumn(), TaskProgressColumn(), said, TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=source.size, rows=0, rate=0.0)
        self._position: Callable[[], int] = source.position
        self._rows, self._started = 0, time.monotonic()

    def __enter__(self) -> _Shown:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, rows: int) -> None:
        self._rows += rows
        rate = self._rows / max(1e-9, time.monotonic() - self._started)
        self._progress.update(self._task, completed=self._position(), rows=self._rows, rate=rate)

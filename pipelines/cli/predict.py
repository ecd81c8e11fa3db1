"""`textgate predict`: asks the running server, or a bundle."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.base.errors import TextgateError
from serving.client import Client, Description, Prediction, Row
from serving.lines import read_lines

if TYPE_CHECKING:
    from serving.local import LocalClient

ROWS_PER_REQUEST = 64
# Behind a label that is better withheld.
UNSURE = " ?"
# For how long a busy server is asked again about one request.
PATIENCE_S = 120.0


FILE = click.Path(path_type=Path)
EXAMPLES = """\b
  textgate predict "I love it"
  textgate predict --from tickets.csv --column body --to answered.parquet
"""


@click.command("predict", epilog=EXAMPLES)
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server to ask.")
@click.option("--name", help="The model to ask for, instead of the one that the server serves.")
@click.option("--bundle", type=FILE, metavar="PATH", help="Answer by this bundle, in this process, without a server.")
@click.option("--top-k", type=click.IntRange(1), default=1, show_default=True, help="Labels to show for each text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on a line for each text.")
@click.option(
    "--from", "source", type=FILE, metavar="FILE", help="Ask about the rows of CSV, JSON Lines, Parquet, .txt."
)
@click.option(
    "--to", "target", type=FILE, metavar="FILE", help="With --from: rows and answers, .parquet, .csv, .jsonl."
)
@click.option("--column", "columns", multiple=True, metavar="NAME", help="With --from: of the texts; of pairs two.")
@click.option(
    "--prefix", default="", metavar="TEXT", help="With --from: before the names of the columns that are added."
)
@click.option("--encoding", default="", metavar="NAME", help="With --from: of a file that is not UTF-8.")
def command(
    *,
    texts: tuple[str, ...],
    url: str,
    name: str | None,
    bundle: Path | None,
    top_k: int,
    as_json: bool,
    source: Path | None,
    target: Path | None,
    columns: tuple[str, ...],
    prefix: str,
    encoding: str,
) -> None:
    """Ask the running server what it makes of each TEXT, of each line of standard input, or of each row of a file.

    A model of text pairs takes two TEXTs for each answer, or lines with a tab between them.
    """
    of_file = {"--to": target, "--column": columns, "--prefix": prefix, "--encoding": encoding}
    if source is None and (given := [option for option, value in of_file.items() if value]):
        raise TextgateError(f"{given[0]} goes with --from FILE")
    if source is not None and (texts or as_json or target is None):
        raise TextgateError("--from FILE goes with --to FILE, and neither with texts nor with --json")
    if source is None and not texts and sys.stdin.isatty():
        raise TextgateError('no text given; try `textgate predict "I love it"`, or pipe in one text on each line')
    if bundle and name:
        raise TextgateError("--name is of a server's model; leave it out with --bundle")
    with _answering(url, name, bundle, PATIENCE_S if source else 0.0) as (asked, model):
        if source is None or target is None:
            _show_texts(asked, model, texts, top_k, as_json)
            return
        from pipelines.predicting.predicting import Question, predict_file

        question = Question(source, target, columns, top_k, prefix, encoding)
        versions = predict_file(question, asked, model)
    each = ", ".join(f"{count:,} by version {version}" for version, count in versions.items())
    click.echo(f"{versions.total():,} rows of {source} answered ({each}); they are in {target}", err=True)


@contextmanager
def _answering(
    url: str, name: str | None, bundle: Path | None, patience_s: float
) -> Iterator[tuple[Client | LocalClient, Description]]:
    if bundle:
        from serving.local import LocalClient

        local = LocalClient(bundle)
        yield local, local.describe()
        return
    with Client(url, patience_s=patience_s) as client:
        yield client, client.describe(name or client.model_name())


def _show_texts(
    asked: Client | LocalClient, model: Description, texts: tuple[str, ...], top_k: int, as_json: bool
) -> None:
    show = _show_json if as_json else _show_table
    lines = read_lines(sys.stdin.buffer, model.inputs, "standard input")
    waiting = _arguments(_checked(texts), model) if texts else lines
    while part := list(islice(waiting, ROWS_PER_REQUEST)):
        show(model, asked.infer(model, part, top_k))


def _arguments(texts: Iterable[str], model: Description) -> Iterator[Row]:
    waiting = iter(texts)
    while row := tuple(islice(waiting, len(model.inputs))):
        if len(row) != len(model.inputs):
            raise TextgateError(
                f"the last text stands alone: {model.name} reads {' and '.join(model.inputs)} for each answer; give"
                " both"
            )
        yield row


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise TextgateError(f"the text {text!r} is not UTF-8") from None
        yield text


def _show_json(model: Description, predictions: list[Prediction]) -> None:
    for prediction in predictions:
        ranking = [{"label": label, "probability": probability} for label, probability in prediction.ranking]
        answer: dict[str, Any]
        if "label" in model.outputs:
            answer = {**ranking[0], **({"ranking": ranking} if len(ranking) > 1 else {})}
            answer |= {"abstain": prediction.abstain} if "abstain" in model.outputs else {}
        else:
            answer = {"labels": ranking} if "labels" in model.outputs else {"entities": prediction.entities}
        line = {**prediction.texts, **answer, "version": prediction.version}
        click.echo(json.dumps(line, ensure_ascii=False))


def _show_table(model: Description, predictions: list[Prediction]) -> None:
    """A line for each label or entity, or one with a dash; what was asked about stands on the first, with a mark behind
    the label where that is better withheld."""
    ranked, tagged = "label" in model.outputs, "entities" in model.outputs
    headings = ["label", "probability", *(["entity"] if tagged else []), *model.inputs]
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for prediction in predictions:
        lines: list[tuple[str, ...]] = [(label, f"{probability:.3f}") for label, probability in prediction.ranking]
        if tagged:
            lines = [(one["label"], f"{one['probability']:.3f}", one["text"]) for one in prediction.entities]
        for rank, (label, *cells) in enumerate(lines or [("-",) * (len(headings) - len(model.inputs))]):
            style = "" if ranked and rank else "green"
            texts = prediction.texts.values() if rank == 0 else ()
            mark = UNSURE if prediction.abstain and rank == 0 else ""
            table.add_row(Text(label + mark, style=style), *map(Text, [*cells, *texts]))
    Console().print(table)

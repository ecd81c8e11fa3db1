"""`textgate predict`: asks the running server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.base.errors import TextgateError
from serving.client import Client, Description, Prediction, Row
from serving.lines import read_lines

ROWS_PER_REQUEST = 64


@click.command("predict")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server to ask.")
@click.option("--name", help="The model to ask for, instead of the one that the server serves.")
@click.option("--top-k", type=click.IntRange(1), default=1, show_default=True, help="Labels to show for each text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on a line for each text.")
def command(texts: tuple[str, ...], url: str, name: str | None, top_k: int, as_json: bool) -> None:
    """Ask the running server what it makes of each TEXT, or of each line of standard input.

    A model of text pairs takes two TEXTs for each answer, or lines with a tab between them.
    """
    if not texts and sys.stdin.isatty():
        raise TextgateError('no text given; try `textgate predict "I love it"`, or pipe in one text on each line')
    show = _show_json if as_json else _show_table
    with Client(url) as client:
        model = client.describe(name or client.model_name())
        lines = read_lines(sys.stdin.buffer, model.inputs, "standard input")
        waiting = _arguments(_checked(texts), model) if texts else lines
        while part := list(islice(waiting, ROWS_PER_REQUEST)):
            show(model, client.infer(model, part, top_k))


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
        else:
            answer = {"labels": ranking} if "labels" in model.outputs else {"entities": prediction.entities}
        line = {**prediction.texts, **answer, "version": prediction.version}
        click.echo(json.dumps(line, ensure_ascii=False))


def _show_table(model: Description, predictions: list[Prediction]) -> None:
    """A line for each label or entity, or one with a dash; what was asked about stands on the first."""
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
            table.add_row(Text(label, style=style), *map(Text, [*cells, *texts]))
    Console().print(table)

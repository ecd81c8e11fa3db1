"""`textgate predict`: asks the running server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.base.errors import TextgateError
from serving.client import Client, Prediction

TEXTS_PER_REQUEST = 64


@click.command("predict")
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server to ask.")
@click.option("--name", help="The model to ask for, instead of the one that the server serves.")
@click.option("--top-k", type=click.IntRange(1), default=1, show_default=True, help="Labels to show for each text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on a line for each text.")
def command(texts: tuple[str, ...], url: str, name: str | None, top_k: int, as_json: bool) -> None:
    """Ask the running server for the label of each TEXT, or of each line of standard input."""
    if not texts and sys.stdin.isatty():
        raise TextgateError('no text given; try `textgate predict "I love it"`, or pipe in one text on each line')
    show = _show_json if as_json else _show_table
    with Client(url) as client:
        model = name or client.model_name()
        waiting = _checked(texts) if texts else _lines()
        while part := list(islice(waiting, TEXTS_PER_REQUEST)):
            show(client.infer(model, part, top_k))


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise TextgateError(f"the text {text!r} is not UTF-8") from None
        yield text


def _lines() -> Iterator[str]:
    """Blank lines are left out."""
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise TextgateError(f"line {number} of standard input is not UTF-8") from None
        if text:
            yield text


def _show_json(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        ranking = [{"label": label, "probability": probability} for label, probability in prediction.ranking]
        line = {"text": prediction.text, **ranking[0], "version": prediction.version}
        click.echo(json.dumps({**line, "ranking": ranking} if len(ranking) > 1 else line, ensure_ascii=False))


def _show_table(predictions: list[Prediction]) -> None:
    table = Table("label", "probability", "text", box=None, pad_edge=False, header_style="bold")
    for prediction in predictions:
        for rank, (label, probability) in enumerate(prediction.ranking):
            shown = Text(prediction.text if rank == 0 else "")
            table.add_row(Text(label, style="" if rank else "green"), f"{probability:.3f}", shown)
    Console().print(table)

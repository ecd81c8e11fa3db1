"""`textgate bench serve`"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from components.base.errors import TextgateError
from components.base.files import check_writable, write_json
from components.canary.process import ServerFailedError, server
from serving.bundle import read_canary
from serving.client import Client, Description, Row, infer_body, infer_path
from serving.lines import read_lines
from serving.load.caller import OK, REFUSALS, Load
from serving.load.process import LoadProcess
from serving.processor import processor

FILE = click.Path(path_type=Path)
URL = "http://127.0.0.1:8080"
CLIENTS = (1, 16)
START_S = 60.0
WARM_UP_S = 1.0
# Where no better ones are known: short and long, as people write them.
TEXTS = (
    "Thank you, that was quick.",
    "How do I change my address?",
    "Still waiting.",
    "The parcel came on Tuesday, but the box was open and one of the two cups is broken. What happens now?",
    "Please cancel my order from last week; I found it in a shop nearby.",
    "Great!",
    "I called three times and each time somebody told me something else, so could one of you please write down what"
    " I have to send, where to, and by when?",
    "Is there a smaller size of the blue one?",
)


@click.command("serve")
@click.option("--url", metavar="URL", help=f"A running server.  [default: {URL}]")
@click.option("--bundle", type=FILE, metavar="PATH", help="Start the server on this bundle, and ask that.")
@click.option(
    "--clients",
    type=click.IntRange(1),
    multiple=True,
    help="Callers who wait for each answer; can be repeated.  [default: 1, and 16]",
)
@click.option(
    "--rate",
    "rates",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    help="Requests a second, of callers who do not wait for each other; can be repeated.",
)
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Of each load.")
@click.option(
    "--texts",
    type=FILE,
    metavar="FILE",
    help="One text a line.  [default: the bundle's canary examples, or some mails]",
)
@click.option("--output", type=FILE, metavar="FILE", help="Write the figures as JSON.")
def command(
    *,
    url: str | None,
    bundle: Path | None,
    clients: tuple[int, ...],
    rates: tuple[float, ...],
    seconds: float,
    texts: Path | None,
    output: Path | None,
) -> None:
    """Measure the latency and throughput of a server, asked for one text at a time from a process of its own."""
    if url and bundle:
        raise TextgateError("--url and --bundle exclude each other: a bundle gets a server of its own")
    if output:
        check_writable(output)
    callers = clients or (() if rates else CLIENTS)
    loads = [Load(count, seconds=seconds, warm_up=WARM_UP_S) for count in callers]
    loads += [Load(rate=rate, seconds=seconds, warm_up=WARM_UP_S) for rate in rates]
    with _server(url or URL, bundle) as where:
        report = _measure(where, loads, texts, bundle)
    if output:
        write_json(output, report)
    _show(report)


@contextlib.contextmanager
def _server(url: str, bundle: Path | None) -> Iterator[str]:
    if bundle is None:
        yield url.rstrip("/")
        return
    try:
        with server(bundle, START_S) as running:
            yield str(running.client.base_url).rstrip("/")
    except ServerFailedError as error:
        raise TextgateError(f"no server on {bundle}: {error}") from None


def _measure(url: str, loads: Sequence[Load], texts: Path | None, bundle: Path | None) -> dict[str, Any]:
    with Client(url) as client:
        model = client.describe(client.model_name())
    rows = list(_rows(model, texts, bundle))
    if not rows:
        raise TextgateError(f"the file of texts {texts} holds no text; give one on each line")
    bodies = [json.dumps(infer_body(model, [row])) for row in rows]
    found = [_load(f"{url}{infer_path(model.name)}", bodies, load) for load in loads]
    return {"url": url, "model": model.name, "texts": len(rows), "processor": processor(), "loads": found}


def _rows(model: Description, texts: Path | None, bundle: Path | None) -> Iterator[Row]:
    if texts is not None:
        try:
            lines = texts.read_bytes().split(b"\n")
        except OSError as error:
            raise TextgateError(f"the file of texts {texts} cannot be read: {error.strerror}") from None
        yield from read_lines(lines, model.inputs, str(texts))
    elif bundle is not None:
        yield from (tuple(example[name] for name in model.inputs) for example in read_canary(bundle))
    else:
        yield from ((text,) * len(model.inputs) for text in TEXTS)


def _load(url: str, bodies: Sequence[str], load: Load) -> dict[str, Any]:
    what = f"{load.rate:g}/s" if load.rate else f"{load.clients} client{'s' if load.clients > 1 else ''}"
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with LoadProcess(url, bodies, load) as process:
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task, started = progress.add_task(what, total=load.warm_up + load.seconds), time.monotonic()
            while process.running:
                time.sleep(0.05)
                progress.update(task, completed=time.monotonic() - started)
        report = process.report()
    if not report["statuses"].get(str(OK)):
        came = (
            ", ".join({**{f"status {one}": 0 for one in report["statuses"]}, **report["errors"]}) or "nothing in time"
        )
        raise TextgateError(f"{url} gave no answer under the load of {what}: {came}")
    return {"load": what, **report}


def _show(report: dict[str, Any]) -> None:
    headings = ["load", "answers/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "refused", "failed"]
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    versions: set[str] = set()
    for load in report["loads"]:
        refused = sum(load["statuses"].get(str(status), 0) for status in REFUSALS)
        failed = load["requests"] - load["statuses"][str(OK)] - refused
        times = (f"{load[name]:.2f}" for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
        failures = f"[red]{failed}[/]" if failed else "0"
        table.add_row(load["load"], f"{load['per_second']:.1f}", *times, str(refused), failures)
        versions |= set(load["versions"])
    console = Console(highlight=False, soft_wrap=True)
    there = f"version {', '.join(sorted(versions))}, " if versions else ""
    console.print(f"{report['model']}, {there}{report['texts']} texts at {report['url']}", markup=False)
    console.print(table)

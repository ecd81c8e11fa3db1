"""`textgate demo`"""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from components.base.errors import TextgateError
from components.base.settings import Settings, load
from pipelines.cli.options import DEFAULT_CONFIG

# A part of the data that 2 cores get through in minutes; so few steps need a higher learning rate.
PART = (
    "training.max_train_rows=3000",
    "training.max_validation_rows=500",
    "training.epochs=1",
    "training.learning_rate=2.0e-4",
    "quantization.max_rows=600",
)
QUESTIONS = (
    "I love this phone, best purchase all year!",
    "Three hours on hold and then they cancelled my flight. Never again.",
    "The store on Main Street opens at nine.",
)


@click.command()
@click.option("--full", is_flag=True, help="Train on all of the data, as the config says; about an hour on 2 cores.")
@click.option("--seed", type=int, help="Default: one higher than the highest seed that a finished run took.")
def command(full: bool, seed: int | None) -> None:
    """Run everything once on the default data, serve the model and ask it three questions."""
    from components.canary.process import ServerFailedError
    from pipelines.data.remote import check_remotes
    from pipelines.local.launch import run_locally
    from pipelines.local.screen import Screen
    from pipelines.local.summary import show

    settings = load(DEFAULT_CONFIG, [*(() if full else PART), f"training.seed={next_seed() if seed is None else seed}"])
    check_remotes(settings)
    with Screen(settings) as screen:
        run = run_locally(settings, screen.watch)
    try:
        answers = ask(settings)
    except ServerFailedError as error:
        show(run, settings, again="make demo")
        raise TextgateError(f"the server could not be asked: {error}") from None
    show(run, settings, answers=answers, again="make demo")


def next_seed() -> int:
    """So that each demo challenges the one before with another model."""
    from components.base.files import read_json
    from components.base.workspace import home

    seeds = [0]
    for folder in home().glob("runs/*/"):
        if (folder / "run.json").exists() and read_json(folder / "run.json")["state"] == "finished":
            seeds.append(read_json(folder / "settings.json")["training"]["seed"])
    return max(seeds) + 1


def ask(settings: Settings) -> Table | None:
    """Starts the server on what is deployed, as `textgate serve` does, and asks; None when nothing is deployed."""
    from components.base.workspace import home
    from components.canary.process import server
    from serving.client import Client
    from serving.pins import pin_path, read_pin

    pin_file = pin_path(home(), settings.name)
    if not pin_file.exists():
        return None
    pin = read_pin(pin_file)
    with (
        server(Path(pin.bundle), settings.canary.start_timeout_s) as running,
        Client(str(running.client.base_url)) as client,
    ):
        answers = client.infer(client.describe(settings.name), [(question,) for question in QUESTIONS])
    table = Table(
        title=f"the server, with version {pin.version}, answered", title_justify="left", box=None, pad_edge=False
    )
    for column in ("text", "label", "probability"):
        table.add_column(column)
    for answer in answers:
        label, probability = answer.ranking[0]
        table.add_row(answer.texts["text"], escape(label), f"{probability:.3f}")
    return table

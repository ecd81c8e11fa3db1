"""Options that several commands take, and how they are typed again in a command that a message names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

DEFAULT_CONFIG = Path("configs/brand-sentiment.yaml")

config_option = click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="The config file."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one setting, as training.seed=2."
)


def typed(config: Path, overrides: Sequence[str]) -> str:
    """The given options as one would type them, with a space before each; nothing for the default."""
    words = [] if config == DEFAULT_CONFIG else ["--config", str(config)]
    for override in overrides:
        words += ["--set", override]
    return "".join(f" {shlex.quote(word)}" for word in words)

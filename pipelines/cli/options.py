"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_CONFIG = Path("configs/brand-sentiment.yaml")

config_option = click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="The config file."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one setting, as training.seed=2."
)

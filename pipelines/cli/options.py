"""Options that several commands take, and how they are typed again in a command that a message names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.base.errors import TextgateError

if TYPE_CHECKING:
    from components.base.settings import Override, Settings

DEFAULT_CONFIG = Path("configs/brand-sentiment.yaml")

config_option = click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="The config file."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one setting, as training.seed=2."
)

override_option = click.option(
    "--override", "overridden", is_flag=True, help="Register the model though the gate refuses it; needs --reason."
)
reason_option = click.option(
    "--reason", metavar="TEXT", help="With --override: why. Kept with the version and in the promotion log."
)


def load_for(model: str, config: Path, overrides: Sequence[str]) -> Settings:
    """Raises TextgateError where the config is that of another model."""
    from components.base.settings import load

    settings = load(config, list(overrides))
    if settings.name != model:
        raise TextgateError(
            f"{config} is the config of {settings.name}, not of {model}; name the right one with --config"
        )
    return settings


def override_of(overridden: bool, reason: str | None) -> Override | None:
    """Raises TextgateError where one of --override and --reason stands without the other, or the reason says nothing
    or too much."""
    from components.base.settings import Override
    from components.base.user import current_user

    if reason is not None and not overridden:
        raise TextgateError("--reason goes with --override")
    if not overridden:
        return None
    try:
        return Override(reason=reason or "", who=current_user())
    except ValueError:
        raise TextgateError("--override needs --reason TEXT, of 1 to 500 characters") from None


def typed(config: Path, overrides: Sequence[str]) -> str:
    """The given options as one would type them, with a space before each; nothing for the default, nor for a
    bench, which is of one bundle alone."""
    words = [] if config == DEFAULT_CONFIG else ["--config", str(config)]
    for override in overrides:
        if override.startswith("gate.bench="):
            continue
        words += ["--set", override]
    return "".join(f" {shlex.quote(word)}" for word in words)

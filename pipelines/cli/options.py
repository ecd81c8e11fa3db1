"""Options that several commands take, and how they are typed again in a command that a message names."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.base.errors import TextgateError

if TYPE_CHECKING:
    from components.base.settings import Override, Settings

# The steps that a reproduction may end after.
ENDS = ("tokenize", "finetune", "quantize", "evaluate")
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


like_option = click.option(
    "--like",
    metavar="RUN",
    default="",
    help="Make a recorded run again: its settings, data, champion. Registers nothing; --set says where things lie.",
)
to_option = click.option("--to", metavar="STEP", default="", help="Of a reproduction: end after this step.")
name_option = click.option("--name", default="", help="With --like: the new run's name.  [default: by the time]")


def check_like(like: str, to: str, name: str, others: object) -> None:
    """Raises TextgateError where options do not go together."""
    if like and others:
        raise TextgateError("--like takes everything from the run: leave out --config, --reuse and --override")
    if (to or name) and not like:
        raise TextgateError(f"{'--to' if to else '--name'} goes with --like RUN")
    check_to(to)


def check_to(to: str) -> None:
    if to and to not in ENDS:
        raise TextgateError(f"--to takes one of {', '.join(ENDS)}, got {to!r}")


def why_option(default: str) -> Callable[[Any], Any]:
    """Of a command that writes into the promotion log."""
    return click.option(
        "--reason",
        default=default,
        show_default=True,
        callback=lambda context, option, value: check_reason(value),
        help="Kept in the promotion log.",
    )


def check_reason(reason: str) -> str:
    """Without space around it. Raises TextgateError where it says nothing, or too much."""
    if not 1 <= len(reason.strip()) <= 500:
        raise TextgateError("--reason takes TEXT, of 1 to 500 characters")
    return reason.strip()


def print_lines(lines: Sequence[tuple[str, str]]) -> None:
    """Pairs of what and how it is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for what, how in lines:
        table.add_row(Text(what, style="bold"), Text(how))
    Console().print(table)


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

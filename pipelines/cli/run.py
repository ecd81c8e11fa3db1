"""`textgate run`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.base.errors import TextgateError
from components.base.settings import load, load_again
from pipelines.cli.options import (
    DEFAULT_CONFIG,
    check_like,
    like_option,
    name_option,
    override_of,
    override_option,
    reason_option,
    set_option,
    to_option,
    typed,
)

if TYPE_CHECKING:
    from components.base.settings import Override
    from pipelines.local.folder import Run


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help=f"The config file.  [default: {DEFAULT_CONFIG}]")
@set_option
@click.option(
    "--reuse",
    metavar="RUN",
    help="Take over what the steps of an earlier run wrote; its settings, too, where no --config is given.",
)
@click.option("--from", "first", metavar="STEP", default="", help="With --reuse: run this step and all after it again.")
@override_option
@reason_option
@like_option
@to_option
@name_option
def command(
    *,
    config: Path | None,
    overrides: tuple[str, ...],
    reuse: str | None,
    first: str,
    overridden: bool,
    reason: str | None,
    like: str,
    to: str,
    name: str,
) -> None:
    """Run the pipeline on this machine, from the compiled YAML.

    A refusal by validation, gate or canary is a result and exits 0; a step that fails exits 1.
    """
    from components.base.settings import STEP_NAMES
    from pipelines.local.folder import find_run

    check_like(like, to, name, others=config or reuse or first or overridden)
    if like:
        _run_like(like, to, name, overrides)
        return
    override = override_of(overridden, reason)
    if first and not reuse:
        raise TextgateError("--from goes with --reuse RUN")
    if first and first not in STEP_NAMES:
        raise TextgateError(f"--from takes one of {', '.join(STEP_NAMES)}, got {first!r}")
    earlier = find_run(reuse) if reuse else None
    _run(config, overrides, earlier, first, override)


def _run(
    config: Path | None, overrides: tuple[str, ...], earlier: Run | None, first: str, override: Override | None
) -> None:
    from pipelines.data.remote import check_remotes
    from pipelines.local.launch import run_locally
    from pipelines.local.screen import Screen
    from pipelines.local.summary import show

    if earlier and not config:
        settings = load_again(earlier.folder / "settings.json", list(overrides))
    else:
        settings = load(config or DEFAULT_CONFIG, list(overrides))
    if not earlier:
        check_remotes(settings, typed(config or DEFAULT_CONFIG, overrides))
    kept = earlier.config if earlier and not config else ""
    options = kept + typed(config or DEFAULT_CONFIG, overrides)
    with Screen(settings) as screen:
        run = run_locally(settings, screen.watch, earlier, first, override, options)
    show(run, settings, options=options)


def _run_like(reference: str, to: str, name: str, overrides: tuple[str, ...]) -> None:
    from pipelines.lineage.recorded import find
    from pipelines.local.folder import new_name
    from pipelines.local.launch import run_locally
    from pipelines.local.screen import Screen
    from pipelines.local.summary import show
    from pipelines.reproduce.like import caches, like

    recorded = find(reference)
    wanted = like(recorded, name or new_name(recorded.name), overrides, to, caches())
    with Screen(wanted.settings) as screen:
        run = run_locally(wanted.settings, screen.watch, like=wanted)
    show(run, wanted.settings, like=recorded.run_id)

"""`textgate reject`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.errors import TextgateError
from pipelines.cli.options import check_reason, config_option, load_for, set_option


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", metavar="TEXT", help="Why; kept in the version's tags.")
@click.option("--undo", is_flag=True, help="Take the rejection back.")
@config_option
@set_option
def command(model: str, version: str, reason: str | None, undo: bool, config: Path, overrides: tuple[str, ...]) -> None:
    """Say that VERSION of MODEL shall not be promoted: it is no challenger any more, and `textgate promote` refuses it.

    A new verdict of the gate on the same bundle begins anew.
    """
    from components.base.settings import run_step
    from components.promote.rejection import accept, reject
    from pipelines.promotion.requests import check_version

    if undo == (reason is not None):
        raise TextgateError("reject takes either --reason TEXT or --undo")
    run = run_step(load_for(model, config, overrides))
    check_version(version)
    if undo:
        accept(run, version)
    else:
        reject(run, version, check_reason(reason or ""))

"""`textgate promote`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option, why_option


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--expect", metavar="CHAMPION", help="Only if this version is the champion now (none: there is none).")
@click.option(
    "--allow-signature-change", is_flag=True, help="Though callers find another task, other labels, inputs or answers."
)
@why_option("promoted by hand")
@config_option
@set_option
def command(
    model: str,
    version: str,
    expect: str | None,
    allow_signature_change: bool,
    reason: str,
    config: Path,
    overrides: tuple[str, ...],
) -> None:
    """Question VERSION of MODEL as its server would be questioned, then make it champion and deploy it.

    Refused where its gate did not let it pass, another version became champion since it was compared, its bundle is not
    whole, or callers would see another model.
    """
    from pipelines.promotion.promoting import promote_version

    promote_version(load_for(model, config, overrides), version, reason, expect, allow_signature_change)

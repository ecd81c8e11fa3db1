"""`textgate models prune`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command("prune")
@click.argument("model")
@click.option("--keep", type=click.IntRange(min=1), default=10, show_default=True, help="How many stay in any case.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@set_option
def command(model: str, keep: int, dry_run: bool, yes: bool, config: Path, overrides: tuple[str, ...]) -> None:
    """Delete old versions of MODEL, with their bundles and checkpoints. The runs that made them stay, with all reports.

    The newest --keep versions stay, and so do those of the last --keep entries of the promotion log and those before
    them; what has an alias, as champion and challenger; what is deployed, on this machine or where the config deploys
    to; what the training of one that stays began from; and what textgate did not register.
    """
    from rich.console import Console

    from components.base.settings import deploy_step, run_step
    from components.base.versions import all_versions
    from pipelines.models.keeping import reasons, removable
    from pipelines.models.pruning import prune
    from pipelines.models.table import make_table

    settings = load_for(model, config, overrides)
    run, versions = run_step(settings), all_versions(model)
    kept = reasons(run, deploy_step(settings), versions, keep)
    for version in versions[keep:]:
        if version.number in kept:
            click.echo(f"version {version.number} stays: {'; '.join(kept[version.number])}")
    going = removable(versions, kept)
    if not going:
        click.echo(f"nothing to delete: all {len(versions)} versions of {model} stay")
        return
    Console(highlight=False).print(make_table(going, {}))
    if dry_run:
        click.echo(f"{len(going)} of {len(versions)} versions would be deleted")
    elif yes or click.confirm(f"Delete these {len(going)} of {len(versions)} versions, with their files?"):
        click.echo(f"{prune(run, [version.number for version in going])} versions were deleted")
    else:
        click.echo("nothing was deleted")

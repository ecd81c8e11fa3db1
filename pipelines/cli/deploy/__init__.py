"""`textgate deploy`, and `textgate deploy status`: the first word `status` is the subcommand, any other one a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from components.base.errors import TextgateError
from pipelines.cli.options import config_option, load_for, set_option


class DeployCommand(click.Command):
    """Hands over to `status` where that is the first word. A model of that name goes after an option, as in
    `textgate deploy --config status.yaml status`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["status"]:
            from pipelines.cli.deploy.status import command as status

            return status.make_context(f"{info_name} status", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command("deploy", cls=DeployCommand, epilog="`textgate deploy status MODEL` shows what is deployed.")
@click.argument("model")
@click.argument("version", required=False)
@click.option("--preview", is_flag=True, help="Beside the champion, as MODEL-preview, with none of its traffic.")
@click.option("--dry-run", is_flag=True, help="Print the manifests for the cluster; apply nothing.")
@config_option
@set_option
def command(
    model: str, version: str | None, preview: bool, dry_run: bool, config: Path, overrides: tuple[str, ...]
) -> None:
    """Deploy the champion of MODEL, which is VERSION where one is named, or any VERSION as a preview.

    On this machine a running `textgate serve` follows. On a cluster (deploy.target kserve) the traffic moves in steps,
    and goes back where the version is not ready, fails or is slow.
    """
    from components.base.promotion_log import open_log
    from components.base.settings import deploy_step, run_step
    from components.deploy.deploy import deploy, show_manifests

    settings = load_for(model, config, overrides)
    run, step = run_step(settings), deploy_step(settings)
    if version is None:
        head = None if preview else open_log(run).head()
        if head is None:
            why = "--preview needs a VERSION" if preview else f"nothing of {model} was promoted yet"
            raise TextgateError(f"{why}; try `textgate deploy {model} VERSION --preview`")
        version = head.version
    if dry_run:
        click.echo(show_manifests(run, version, step, preview=preview), nl=False)
        return
    deploy(run, version, step, preview=preview)

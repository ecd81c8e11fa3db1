"""`textgate data status`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, set_option


@click.command("status")
@config_option
@set_option
@click.pass_context
def command(context: click.Context, config: Path, overrides: tuple[str, ...]) -> None:
    """Show whether folder, cache, remotes and git agree on the version that the DVC file names.

    Exits 0 when they do, 1 when there is something to do; each line says with which command.
    """
    from rich.console import Console
    from rich.markup import escape

    from components.base.settings import load
    from pipelines.cli.options import typed
    from pipelines.data.status import status

    settings = load(config, list(overrides))
    md5, findings = status(settings, typed(config, overrides))
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{escape(Path(settings.data.version).name)} names {md5}")
    for finding in findings:
        mark = "[red]✗[/]" if finding.advice else "[green]✓[/]"
        console.print(f"{mark} [bold]{escape(finding.topic)}[/] {escape(finding.says)}")
        if finding.advice:
            console.print(f"    {escape(finding.advice)}")
    context.exit(1 if any(finding.advice for finding in findings) else 0)

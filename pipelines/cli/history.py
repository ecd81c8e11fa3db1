"""`textgate history`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option

COLUMNS = ("entry", "version", "before", "when", "who", "why", "bundle")


@click.command()
@click.argument("model")
@click.option("--verify", "verified", is_flag=True, help="Check the whole chain, and that MLflow agrees with it.")
@config_option
@set_option
@click.pass_context
def command(context: click.Context, model: str, verified: bool, config: Path, overrides: tuple[str, ...]) -> None:
    """Show every promotion of MODEL: which version, in place of which, when, by whom and why.

    With --verify, exits with 1 where an entry was removed or edited, or MLflow does not agree.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from components.base.promotion_log import open_log
    from components.base.settings import run_step

    run, console = run_step(load_for(model, config, overrides)), Console(highlight=False)
    if verified:
        from components.promote.verification import verify

        findings = verify(run)
        for finding in findings:
            mark = Text("✗ ", style="red") if finding.wrong else Text("✓ ", style="green")
            console.print(mark + Text(finding.what), soft_wrap=True)
        if any(finding.wrong for finding in findings):
            context.exit(1)
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for entry in open_log(run).entries():
        why = f"{entry.why} (overridden: {entry.override})" if entry.override else entry.why
        cells = (str(entry.number), entry.version, entry.previous_version, entry.when[:19], entry.who, why)
        table.add_row(*map(Text, (*cells, entry.bundle_digest[:12])))
    if table.row_count:
        console.print(table)
    else:
        click.echo(f"nothing of {model} was promoted yet")

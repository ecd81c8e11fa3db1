"""`textgate data validate`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.base.errors import TextgateError
from pipelines.cli.options import config_option, set_option

if TYPE_CHECKING:
    from components.base.settings import Settings

REPORT = "validation"


@click.command("validate")
@config_option
@set_option
@click.option("--tables", type=click.Path(path_type=Path), help="The folder to check.  [default: the config's data]")
@click.option("--report", type=click.Path(path_type=Path), help="Where the report goes, in place of an earlier one.")
@click.option("--drift", is_flag=True, help="Compare with the data of the champion, which MLflow holds.")
@click.option("--write-suite", type=click.Path(path_type=Path), help="Write the suite as JSON, to edit for the config.")
def command(
    *,
    config: Path,
    overrides: tuple[str, ...],
    tables: Path | None,
    report: Path | None,
    drift: bool,
    write_suite: Path | None,
) -> None:
    """Check the data as the pipeline does, before a commit; exits with 1 where the pipeline would refuse it.

    The report (validation.json, and pages in data_docs/) goes to .textgate/validation/NAME unless --report says
    where.
    """
    from components.base.settings import load
    from components.base.workspace import create_home
    from pipelines.data.checking import check

    settings = load(config, list(overrides))
    folder = tables or Path(settings.data.version).with_suffix("")
    if not folder.is_dir():
        raise TextgateError(
            f"{folder} is not a folder; `textgate data import` or `textgate data pull` makes it, --tables names another"
        )
    target = report or create_home() / REPORT / settings.name
    if target.exists() and not (target / "validation.json").is_file() and any(target.iterdir()):
        raise TextgateError(f"{target} holds something else than a report; --report names another folder")
    found, remark = check(settings, folder, target, drift, write_suite)
    _show(found, settings, target)
    if remark:
        click.echo(f"drift: {remark}")
    if write_suite:
        click.echo(f"suite: {write_suite} (validation.suite names it in a config)")
    if not found["passed"]:
        raise SystemExit(1)


def _show(found: dict[str, Any], settings: Settings, target: Path) -> None:
    from rich.console import Console
    from rich.markup import escape

    from components.base.settings import SPLITS

    console = Console(highlight=False, soft_wrap=True)
    for line in found["failures"]:
        console.print(f"[red]refused[/] {escape(line)}")
    for line in found["warnings"]:
        console.print(f"[yellow]warning[/] {escape(line)}")
    rows = ", ".join(f"{split} {found['profile'][split]['rows']:,}" for split in SPLITS)
    checks = len(found["checks"])
    verdict = "[green]valid[/]" if found["passed"] else "[red]not valid[/]"
    console.print(f"{verdict}: {escape(settings.name)}, {rows} rows, {checks} checks")
    for split, languages in ((split, found["languages"][split]) for split in SPLITS if split in found["languages"]):
        mix = ", ".join(f"{code} {share:.0%}" for code, share in list(languages["mix"].items())[:3]) or "none is sure"
        console.print(f"languages of {split}: {mix} (of {languages['sampled']} sampled, {languages['unsure']} unsure)")
    for drift in found["drift"]:
        size = drift["why"] if drift["effect"] is None else f"{drift['effect']:.3g} of at most {drift['limit']:g}"
        console.print(f"{drift['rule'].replace('_', ' ')}: {escape(size)}")
    console.print(f"report: {escape(str(target / 'validation.json'))}")
    console.print(f"pages: {escape(str(target / 'data_docs' / 'index.html'))}")

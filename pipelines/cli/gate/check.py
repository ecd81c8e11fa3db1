"""`textgate gate check`"""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.command("check")
@click.option("--evaluation", type=FILE, required=True, help="evaluation.json, or the folder that holds it.")
@click.option("--rules", type=FILE, required=True, help="A config, or a YAML with the keys of its section gate.")
@click.option("--timing", type=FILE, help="timing.json.  [default: the one beside the evaluation]")
@click.option("--validation", type=FILE, help="validation.json.  [default: the one beside the evaluation]")
@click.option("--bench", type=FILE, help="What `textgate bundle bench` wrote.  [default: the one that the rules name]")
@click.option("--json", "as_json", is_flag=True, help="Print verdict.json.")
@click.pass_context
def command(
    context: click.Context,
    evaluation: Path,
    rules: Path,
    timing: Path | None,
    validation: Path | None,
    bench: Path | None,
    as_json: bool,
) -> None:
    """Run the rules alone on what was evaluated before, as to try other rules.

    Exits with 0 where the model passes, with 1 where it is refused, would change nothing, or a file cannot be used.
    """
    from components.base.files import canonical_json
    from pipelines.verdict_screen import show_verdict
    from pipelines.verdicts import check_files

    verdict = check_files(evaluation, rules, timing, validation, bench)
    if as_json:
        click.echo(canonical_json(verdict), nl=False)
    else:
        show_verdict(verdict)
    context.exit(0 if verdict["passed"] else 1)

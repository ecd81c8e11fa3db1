"""`textgate undeploy`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command()
@click.argument("model")
@click.option("--preview", is_flag=True, help="The preview, not the champion.")
@config_option
@set_option
def command(model: str, preview: bool, config: Path, overrides: tuple[str, ...]) -> None:
    """Take MODEL away from where it is deployed.

    On a cluster the InferenceService is deleted. On this machine the pin is: no server starts with it any more, and one
    that runs answers until it is stopped. Registry and promotion log stay as they are.
    """
    from components.base.settings import deploy_step, run_step
    from components.deploy.deploy import undeploy

    settings = load_for(model, config, overrides)
    undeploy(run_step(settings), deploy_step(settings), preview=preview)

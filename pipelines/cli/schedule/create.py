"""`textgate schedule create`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import experiment_option, kubeflow_options, placed, ready, typed_again, unchecked_option
from pipelines.cli.options import typed


@click.command()
@click.option("--cron", required=True, help="Minute, hour, day, month and weekday; seconds may stand before. In UTC.")
@click.option("--name", help="The schedule's.  [default: the config's name]")
@click.option("--replace", is_flag=True, help="Take the place of a schedule of that name with other content.")
@unchecked_option
@experiment_option
@kubeflow_options
def command(
    *,
    cron: str,
    name: str | None,
    replace: bool,
    unchecked: bool,
    experiment: str,
    config: Path,
    overrides: tuple[str, ...],
    host: str,
    namespace: str,
) -> None:
    """Run the pipeline of a config again and again, one run at a time; times that were missed are left out.

    Each run trains on the data version of now, and is compared with the champion of its own time. Doing this twice
    changes nothing; with other data, settings or code, --replace puts the new schedule in the old one's place.
    """
    from components.base.settings import load
    from pipelines.cluster import check_settings
    from pipelines.cluster.cron import checked_cron
    from pipelines.cluster.schedules import checked_name, create

    settings = placed(load(config, list(overrides)), host, namespace)
    check_settings(settings)
    cron, name = checked_cron(cron), settings.name if name is None else checked_name(name)
    cluster = ready(settings, unchecked=unchecked, experiment=experiment, options=typed(config, overrides))
    cluster.options = typed_again(config, overrides, host, namespace)
    made = create(settings, cluster, cron, name, experiment, replace)
    state = "" if made.enabled else f"; it is paused, and {cluster.command('schedule', 'resume', made.name)} starts it"
    click.echo(f"schedule {made.name} {made.how}: {made.cron}{state}\n{made.schedule_id}")

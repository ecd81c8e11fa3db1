"""`textgate submit`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.base.settings import load
from pipelines.cli.kubeflow import experiment_option, kubeflow_options, placed, ready, typed_again, unchecked_option
from pipelines.cli.options import (
    check_like,
    like_option,
    name_option,
    override_of,
    override_option,
    reason_option,
    to_option,
    typed,
)
from pipelines.cli.submitted import show

if TYPE_CHECKING:
    from pipelines.reproduce.like import Like


@click.command()
@kubeflow_options
@experiment_option
@unchecked_option
@override_option
@reason_option
@like_option
@to_option
@name_option
@click.option("--watch", is_flag=True, help="Follow the run; exit with 0 only if it succeeds.")
def command(
    *,
    config: Path,
    overrides: tuple[str, ...],
    host: str,
    namespace: str,
    experiment: str,
    unchecked: bool,
    overridden: bool,
    reason: str | None,
    like: str,
    to: str,
    name: str,
    watch: bool,
) -> None:
    """Compile the pipeline, upload it and run it on a Kubeflow cluster.

    The config's section cluster says where, how access is proven (by default with the token in TEXTGATE_KFP_TOKEN),
    in which image, and what the pods get.
    """
    from pipelines.cluster import check_settings, submit

    check_like(like, to, name, others=overridden)
    override, wanted = override_of(overridden, reason), _like(like, to, name, overrides)
    settings = placed(wanted.settings if wanted else load(config, list(overrides)), host, namespace)
    check_settings(settings, acts=not wanted)
    recorded = bool(wanted)
    cluster = ready(
        settings,
        unchecked=unchecked,
        experiment=experiment,
        options=typed(config, overrides),
        trains=not recorded,
        acts=not recorded,
    )
    there = (settings.cluster.host, settings.cluster.namespace) if wanted else (host, namespace)
    cluster.options = typed_again(config, overrides, *there)
    run = submit(settings, cluster, experiment, override, wanted)
    show(cluster, run, watch)


def _like(reference: str, to: str, name: str, overrides: tuple[str, ...]) -> Like | None:
    if not reference:
        return None
    from pipelines.lineage.recorded import find
    from pipelines.local.folder import new_name
    from pipelines.reproduce.like import like

    recorded = find(reference)
    return like(recorded, name or new_name(recorded.name), overrides, to, here=False)

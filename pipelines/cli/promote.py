"""`textgate promote`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.errors import TextgateError
from pipelines.cli.kubeflow import host_option, namespace_option, placed, ready, typed_again, unchecked_option
from pipelines.cli.options import config_option, load_for, set_option, typed, why_option


@click.command()
@click.argument("model")
@click.argument("version")
@click.option(
    "--expect",
    metavar="CHAMPION",
    default="",
    help="Only if this version is the champion now (none: there is none).",
)
@click.option(
    "--allow-signature-change", is_flag=True, help="Though callers find another task, other labels, inputs or answers."
)
@why_option("promoted by hand")
@click.option("--on", type=click.Choice(["here", "cluster"]), default="here", show_default=True, help="Where it runs.")
@host_option
@namespace_option
@unchecked_option
@click.option("--watch", is_flag=True, help="With --on cluster: follow the run; exit with 0 only if it succeeds.")
@config_option
@set_option
def command(
    *,
    model: str,
    version: str,
    expect: str,
    allow_signature_change: bool,
    reason: str,
    on: str,
    host: str,
    namespace: str,
    unchecked: bool,
    watch: bool,
    config: Path,
    overrides: tuple[str, ...],
) -> None:
    """Question VERSION of MODEL as its server would be questioned, then make it champion and deploy it.

    Refused where its gate did not let it pass, another version became champion since it was compared, its bundle is not
    whole, or callers would see another model. On a cluster it is a small pipeline; deploy.mode says whether that
    deploys, too.
    """
    from pipelines.promotion.requests import check_version, make_request

    if on == "here" and (host or namespace or unchecked or watch):
        raise TextgateError("--host, --namespace, --unchecked and --watch go with --on cluster")
    settings = load_for(model, config, overrides)
    check_version(version)
    request = make_request(reason, expect, allow_signature_change)
    if on == "here":
        from pipelines.promotion.promoting import promote_version

        promote_version(settings, version, request)
        return
    from pipelines.cli.submitted import show
    from pipelines.cluster import check_settings, submit_promotion

    settings = placed(settings, host, namespace)
    check_settings(settings, trains=False)
    cluster = ready(settings, unchecked=unchecked, options=typed(config, overrides), trains=False, version=version)
    cluster.options = typed_again(config, overrides, host, namespace)
    show(cluster, submit_promotion(settings, cluster, version, request), watch)

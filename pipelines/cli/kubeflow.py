"""What every command takes that talks to Kubeflow, and how a run's end is followed on the screen."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from pipelines.cli.options import DEFAULT_CONFIG, config_option, set_option, typed

if TYPE_CHECKING:
    from components.base.settings import Settings
    from pipelines.cluster import Cluster

# Columns.
UNBOUNDED = 1_000_000
COLOURS = {"succeeded": "green", "failed": "red", "canceled": "red", "skipped": "yellow"}

host_option = click.option(
    "--host", default="", metavar="URL", help="The Kubeflow Pipelines API.  [default: the config's cluster.host]"
)
namespace_option = click.option(
    "--namespace", default="", help="Yours, where Kubeflow serves several users.  [default: cluster.namespace]"
)
experiment_option = click.option(
    "--experiment", default="", help="Made where it is missing.  [default: the config's name]"
)


unchecked_option = click.option(
    "--unchecked", is_flag=True, help="Do not ask first whether what the run needs is there (see textgate preflight)."
)


def kubeflow_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--config and --set, which say how Kubeflow is reached, and what takes their place."""
    for option in (set_option, config_option, namespace_option, host_option):
        command = option(command)
    return command


def reach(config: Path, overrides: Sequence[str], host: str, namespace: str, *, patient: bool = False) -> Cluster:
    """Of a command that needs nothing else of the config: with --host, it does without the default one."""
    from components.base.settings import ClusterSettings, load
    from pipelines.cluster import Cluster

    if host and config == DEFAULT_CONFIG and not config.exists() and not overrides:
        cluster = Cluster(ClusterSettings(), host, namespace, patient=patient)
    else:
        cluster = Cluster.of(load(config, list(overrides)), host, namespace, patient=patient)
    cluster.options = typed_again(config, overrides, host, namespace)
    return cluster


def typed_again(config: Path, overrides: Sequence[str], host: str, namespace: str) -> str:
    """The given options that say how Kubeflow is reached, as one would type them, with a space before each."""
    given = [word for pair in (("--host", host), ("--namespace", namespace)) if pair[1] for word in pair]
    return typed(config, overrides) + "".join(f" {shlex.quote(word)}" for word in given)


def placed(settings: Settings, host: str, namespace: str) -> Settings:
    """With what the options name in place of the config's."""
    given = {key: value for key, value in (("host", host), ("namespace", namespace)) if value}
    return settings.model_copy(update={"cluster": settings.cluster.model_copy(update=given)})


def ready(settings: Settings, *, unchecked: bool, experiment: str = "", options: str = "", **what: Any) -> Cluster:
    """The cluster, once preflight found nothing there that would make the run fail. Raises TextgateError."""
    from pipelines.cluster import Cluster

    connect = cache(lambda: Cluster.of(settings))
    if not unchecked:
        from pipelines.preflight import preflight, refuse

        lines = preflight(settings, connect, experiment=experiment, options=options, **what)
        refuse(lines)
        if unknown := [line.check for line in lines if line.state == "unknown"]:
            said = f"not known from here: {', '.join(unknown)}; textgate preflight says why"
            Console(highlight=False, soft_wrap=True).print(f"[bold]checked[/] {escape(said)}")
    return connect()


class RunScreen:
    """A line for each change of a step; on a terminal, also a moving one with what is at work and for how long."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.status: Status | None = None

    def changed(self, step: str, state: str, took: float) -> None:
        state = state.lower()
        time = f" {lasting(took)}" if state in COLOURS and took else ""
        self.console.print(
            f"  {datetime.now():%H:%M:%S} {step:<10} [{COLOURS.get(state, 'default')}]{escape(state)}[/]{time}"
        )

    def says(self, text: str) -> None:
        self.console.print(f"  {datetime.now():%H:%M:%S} {escape(text)}")

    def now(self, run: Any) -> None:
        from pipelines.cluster.states import ENDED, seconds, steps

        if self.console.is_terminal and run.state not in ENDED:
            all_steps = steps(run)
            at_work = [step for step in all_steps if step.state not in ENDED]
            ended = len(all_steps) - len(at_work)
            doing = ", ".join(f"{step.display_name} {lasting(seconds(step.start_time, None))}" for step in at_work)
            text = f"{doing or 'between steps'} · {ended} steps ended · {lasting(seconds(run.created_at, None))} in all"
            if self.status is None:
                self.status = self.console.status(text)
                self.status.start()
            self.status.update(text)
        else:
            self.stop()

    def stop(self) -> None:
        if self.status is not None:
            self.status.stop()
            self.status = None


def follow(cluster: Cluster, run_id: str, console: Console) -> None:
    """To the run's end. Raises TextgateError unless it succeeds; an interrupt leaves the run alone."""
    from pipelines.cluster.watching import watch

    screen = RunScreen(console)
    try:
        watch(cluster, run_id, screen)
    except KeyboardInterrupt:
        screen.stop()
        watch_again, cancel = (escape(cluster.command(verb, run_id)) for verb in ("watch", "cancel"))
        console.print(f"\nthe run goes on; follow it again with\n  {watch_again}\nand end it with\n  {cancel}")
        raise
    finally:
        screen.stop()
    console.print("the run [green]succeeded[/]")


def print_table(table: Table) -> None:
    """Where no terminal bounds its width, whole: nothing of it is cut or wrapped."""
    console = Console(highlight=False, soft_wrap=True)
    if not sys.stdout.isatty():
        console.width = UNBOUNDED
    console.print(table if table.row_count else "there are none")


def lasting(seconds: float) -> str:
    """As 8.2 s, 12:05 or 3:12:05."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

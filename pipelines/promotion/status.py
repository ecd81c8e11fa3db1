"""Where a model stands: its champion, whether MLflow agrees, its challenger, and what is deployed."""

from __future__ import annotations

from components.base import champion, registry
from components.base.champion import Standing, named
from components.base.errors import TextgateError
from components.base.promotion_log import Entry, open_log
from components.base.settings import DeployStep, RunStep
from components.deploy import status as deployed
from components.deploy.status import Lines
from components.promote.checks import compared_with


def status(run: RunStep, step: DeployStep) -> Lines:
    """Pairs of what and how it is."""
    log = open_log(run)
    found = champion.standing(run, log)
    if found.moved:
        agreement = champion.dispute(run, log, found)
    elif found.unfinished:
        agreement = f"{'; '.join(found.unfinished)}: `textgate reconcile {run.name}` finishes the promotion"
    else:
        agreement = f"the alias {registry.CHAMPION} is at {named(found.alias)}"
    return [
        ("champion", said(found.head)),
        ("MLflow", agreement),
        ("challenger", _challenger(run, found)),
        *_deployed(run, step),
    ]


def said(entry: Entry | None) -> str:
    if entry is None:
        return "nothing was promoted yet"
    override = f" (the gate was overridden: {entry.override})" if entry.override else ""
    number = f"entry {entry.number} of the promotion log"
    return f"version {entry.version}, since {entry.when} by {entry.who}: {entry.why}{override}; {number}"


def _challenger(run: RunStep, found: Standing) -> str:
    version, current = found.challenger, found.head.version if found.head else ""
    if not version or version == current:
        return "none waits"
    tags = registry.version_tags(run.name, version)
    verdict, compared = tags.get(registry.VERDICT, "without a verdict"), compared_with(run, version)
    if told := registry.rejection(tags):
        return f"version {version}, {told}"
    if compared != current:
        return f"version {version}, {verdict}, but compared with {named(compared)}: the gate must decide again"
    return f"version {version}, {verdict}, waits: `textgate promote {run.name} {version}`"


def _deployed(run: RunStep, step: DeployStep) -> Lines:
    """A cluster that does not answer takes nothing from what is known without it."""
    try:
        return deployed.status(run, step)[1:]
    except TextgateError as error:
        return [(run.name, f"what is deployed is not known: {error}")]

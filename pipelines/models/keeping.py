"""Which versions of a model stay whatever their age, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.base import registry
from components.base.promotion_log import Entry, open_log
from components.base.settings import DeployStep, RunStep
from components.base.versions import Version, begun_from
from components.deploy.status import in_use

Reasons = dict[str, list[str]]


def reasons(run: RunStep, step: DeployStep, versions: Sequence[Version], keep: int) -> Reasons:
    """Of each version that stays: those of `standing`, of the log's last `keep` entries, and the newest `keep`; what
    textgate did not register; and what the training of one that stays began from."""
    found = standing(run, step, versions)
    for number, why in _logged(open_log(run).entries(), keep):
        _add(found, number, why)
    for version in versions[:keep]:
        _add(found, version.number, f"one of the newest {keep}")
    for version in versions:
        if not version.tags.get(registry.BUNDLE_DIGEST):
            _add(found, version.number, "not registered by textgate")
    _add_ancestors(found, run.name)
    return found


def standing(run: RunStep, step: DeployStep, versions: Sequence[Version]) -> Reasons:
    """What a version is at this moment: what its aliases say, champion by the promotion log, deployed."""
    found = {version.number: list(version.aliases) for version in versions if version.aliases}
    head = open_log(run).head()
    if head and registry.CHAMPION not in found.get(head.version, []):
        _add(found, head.version, f"{registry.CHAMPION} by the promotion log")
    for number, name in in_use(run, step):
        _add(found, number, f"deployed as {name}")
    return found


def _logged(entries: Sequence[Entry], keep: int) -> list[tuple[str, str]]:
    """Also the version before each: the way back of a rollback."""
    last = [(entry, version) for entry in entries[-keep:] for version in (entry.version, entry.previous_version)]
    return [(version, f"in entry {entry.number} of the promotion log") for entry, version in last if version]


def _add_ancestors(found: Reasons, name: str) -> None:
    """A version of another model stays here, whatever becomes of it there."""
    begun = begun_from(name)
    grown = True
    while grown:
        grown = False
        for number, model, version in begun:
            if number not in found and (model != name or version in found):
                _add(found, number, f"version {version} of {model} was trained from it")
                grown = True


def _add(found: Reasons, number: str, why: str) -> None:
    if why not in found.setdefault(number, []):
        found[number].append(why)


def removable(versions: Sequence[Version], kept: Mapping[str, object]) -> list[Version]:
    """Oldest first."""
    return [version for version in reversed(versions) if version.number not in kept]

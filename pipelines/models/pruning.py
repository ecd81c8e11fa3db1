"""Deletes registered versions that nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterable

from components.base import versions
from components.base.promotion_log import open_log
from components.base.settings import RunStep


def prune(run: RunStep, numbers: Iterable[str]) -> int:
    """Gives how many were deleted; one that got an alias or was promoted since they were chosen stays."""
    log, deleted = open_log(run), 0
    for number in numbers:
        aliases, head = versions.find_aliases(run.name, number), log.head()
        if aliases is None:
            print(f"version {number} of {run.name} is gone already", flush=True)
        elif aliases or (head and number in (head.version, head.previous_version)):
            print(f"version {number} of {run.name} stays: it was promoted or got an alias meanwhile", flush=True)
        else:
            versions.remove(run.name, number)
            deleted += 1
            print(f"version {number} of {run.name} is deleted", flush=True)
    return deleted

"""What Kubeflow knows of a run's steps."""

from __future__ import annotations

from typing import Any

from pipelines.caching.runs import FAILED, RAN, REUSED
from pipelines.cluster.states import STEP, steps

# Of a task that the cache gave what it would have made, Kubeflow says that it was skipped.
STATES = {"SUCCEEDED": RAN, "SKIPPED": REUSED, "FAILED": FAILED, "CANCELED": FAILED, "RUNNING": RAN}


def states_of(run: Any) -> dict[str, str]:
    """By step; of one in shards, a shard that ran counts."""
    found: dict[str, str] = {}
    for task in steps(run):
        named, state = STEP.fullmatch(task.display_name), STATES.get(task.state or "")
        if named and state and found.get(named[1]) in (None, REUSED):
            found[named[1]] = state
    return found

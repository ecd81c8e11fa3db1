"""Loads on several servers in turns, so that a busy minute falls on all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from components.base.errors import TextgateError
from serving.load.caller import OK, Load
from serving.load.process import measure

ROUNDS = 5
ALONE, MANY = Load(1, seconds=4.0, warm_up=1.0), Load(16, seconds=4.0, warm_up=1.0)


class Target(NamedTuple):
    """Where to post what."""

    url: str
    bodies: Sequence[str]


class Found(NamedTuple):
    """A value for each round: `p50_ms` at one client, `per_second` answers at 16; `failed` counts what was not
    answered."""

    p50_ms: np.ndarray
    per_second: np.ndarray
    failed: int


def measure_all(targets: Mapping[str, Target]) -> dict[str, Found]:
    """Raises TextgateError where a server answers nothing."""
    reports: dict[str, dict[Load, list[dict[str, Any]]]] = {name: {ALONE: [], MANY: []} for name in targets}
    for turn in range(ROUNDS):
        for load in (ALONE, MANY):
            for name in list(targets) if turn % 2 == 0 else reversed(targets):
                reports[name][load].append(_answered(name, measure(*targets[name], load)))
    return {
        name: Found(
            np.array([report["p50_ms"] for report in of[ALONE]]),
            np.array([report["per_second"] for report in of[MANY]]),
            sum(failures(report) for reports in of.values() for report in reports),
        )
        for name, of in reports.items()
    }


def _answered(name: str, report: dict[str, Any]) -> dict[str, Any]:
    if str(OK) not in report["statuses"]:
        raise TextgateError(f"{name} answers nothing: {report['statuses'] or report['errors']}")
    return report


def failures(report: Mapping[str, Any]) -> int:
    """Requests without an answer of status 200."""
    return int(report["requests"] - report["statuses"].get(str(OK), 0))


def capacity(target: Target, clients: int, seconds: float = 8.0) -> float:
    """Answers a second that so many callers get: the median of three loads."""
    load = Load(clients, seconds=seconds / 3, warm_up=1.0)
    return statistics.median(measure(*target, load)["per_second"] for _ in range(3))

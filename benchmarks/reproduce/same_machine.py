"""Twenty runs made again on the machine and by the environment that made them: all of it byte for byte, or not."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.harness import Figure
from benchmarks.reproduce.cases import CASES, original
from benchmarks.reproduce.running import reproduce, seconds_of


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: rows are made up."""
    reports = {case.name: reproduce(original(case)) for case in CASES}
    equal = sum(report.outcome == "identical" for report in reports.values())
    shares = [report.seconds / seconds_of(original(case)) for case, report in zip(CASES, reports.values(), strict=True)]
    found = [
        Figure("runs of varied settings made again: identical", equal, f"of {len(CASES)}", "all", equal == len(CASES)),
        Figure("time of making one again over that of the run, median", statistics.median(shares), "times"),
    ]
    return found + [Figure(name, str(one), "") for name, one in reports.items() if one.outcome != "identical"]

"""The same runs made again on one thread instead of two."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Figure
from benchmarks.reproduce.cases import CASES, original
from benchmarks.reproduce.running import Report, reproduce


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used: rows are made up."""
    reports = {case.name: reproduce(original(case), "--set", "training.threads=1") for case in CASES}
    named = sum(map(_names_threads, reports.values()))
    equal = sum(report.outcome == "identical" for report in reports.values())
    holds = named > 0 and named + equal == len(CASES)
    must = "all that are not identical"
    return [
        Figure(
            "on another number of threads: equivalent, and the threads named", named, f"of {len(CASES)}", must, holds
        ),
        Figure("on another number of threads: identical all the same", equal, f"of {len(CASES)}"),
        *(
            Figure(name, str(one), "")
            for name, one in reports.items()
            if one.outcome != "identical" and not _names_threads(one)
        ),
    ]


def _names_threads(report: Report) -> bool:
    return report.outcome == "equivalent" and [kind for kind, _ in report.causes] == ["threads"]

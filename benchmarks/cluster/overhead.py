"""The local runner's own time for each step: from its start to its end in kfp's log, without the work that the step's
function does and without the packages of others that its process imports.

A tiny project is run whole, three times over; benchmarks/cluster/probe looks into each step's process.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import Figure, at_most
from components.base.errors import TextgateError
from components.base.settings import STEP_NAMES
from pipelines.local.launch import COLOUR, ENDED, STARTED
from tests.tiny_project import write_project

RUNS = 3
LIMIT_S = 1.0
PROBE = Path(__file__).parent / "probe"
COMMAND = (sys.executable, "-c", "from pipelines.cli import main; main()", "run", "--config", "tiny.yaml")
TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}")


class Taken(NamedTuple):
    """Seconds of one step: all, of its work, and of each package of others."""

    wall: float
    work: float
    imports: dict[str, float]

    @property
    def overhead(self) -> float:
        return self.wall - self.work - sum(self.imports.values())


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used."""
    runs = [_run() for _ in range(RUNS)]
    found = []
    for step in STEP_NAMES:
        taken = [run[step] for run in runs]
        wall, work, over = (
            statistics.median(values) for values in zip(*((t.wall, t.work, t.overhead) for t in taken), strict=True)
        )
        found.append(at_most(f"{step}: own time, in {wall:.2f} s of which work is {work:.2f} s", over, "s", LIMIT_S))
        found.append(Figure(f"{step}: imports of others", _listed(taken), "s"))
    return found


def _listed(taken: list[Taken]) -> str:
    packages = sorted({package for one in taken for package in one.imports})
    seconds = {name: statistics.median(one.imports.get(name, 0.0) for one in taken) for name in packages}
    shown = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {value:.2f}" for name, value in shown if value >= 0.005)


def _run() -> dict[str, Taken]:
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        project, probed = write_project(Path(folder, "project")), Path(folder, "probed")
        probed.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TEXTGATE_"))}
        environment = {**kept, "PYTHONPATH": str(PROBE), "TEXTGATE_PROBE": str(probed)}
        done = subprocess.run(COMMAND, cwd=project, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TextgateError(f"the tiny project's run failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        (log,) = project.glob(".textgate/runs/*/log.txt")
        walls = dict(_walls(log))
        found = [json.loads(path.read_text(encoding="utf-8")) for path in probed.glob("*.json")]
    return {one["step"]: Taken(walls[one["step"]], one["seconds"], one["imports"]) for one in found}


def _walls(log: Path) -> Iterator[tuple[str, float]]:
    """Each step with its seconds, by the times in kfp's log."""
    started: dict[str, datetime] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        plain = COLOUR.sub("", line)
        time = TIME.match(plain)
        if time and (found := STARTED.search(plain)):
            started[found[1]] = _time(time[0])
        elif time and (found := ENDED.search(plain)) and found[1] in started:
            yield found[1], (_time(time[0]) - started[found[1]]).total_seconds()


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")
